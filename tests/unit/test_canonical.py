# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON against the reference library, and what the strict reader refuses."""

import json
import struct
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from archive import canonical
from archive.errors import MalformedJson

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
INTEGERS = st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER)
KEYS = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)


@given(VALUES)
def test_the_bytes_are_those_of_the_rfc_8785_library(value: Any) -> None:
    assert canonical.dumps(value) == rfc8785.dumps(value)


@given(VALUES)
def test_what_was_written_reads_back_as_itself(value: Any) -> None:
    data = canonical.dumps(value)
    assert canonical.loads_canonical(data) == value
    assert canonical.is_canonical(value, data)


@given(VALUES.filter(lambda value: isinstance(value, (dict, list)) and value))
def test_the_same_value_in_another_spelling_is_not_canonical(value: Any) -> None:
    spaced = json.dumps(value, ensure_ascii=False, indent=1).encode()
    assert canonical.loads(spaced) == value
    with pytest.raises(MalformedJson, match="canonical"):
        canonical.loads_canonical(spaced)


@given(st.binary(max_size=60))
def test_no_bytes_whatever_raise_anything_but_malformed_json(data: bytes) -> None:
    try:
        value = canonical.loads(data)
    except MalformedJson:
        return
    assert canonical.loads(canonical.dumps(value)) == value


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"a":1,"a":1}', id="key twice"),
        pytest.param(b'{"a":1,"\\u0061":2}', id="key twice in two spellings"),
        pytest.param(b'[{"b":{"a":1,"a":2}}]', id="key twice, deep inside"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"[Infinity]", id="Infinity"),
        pytest.param(b"-Infinity", id="-Infinity"),
        pytest.param(b"1e5", id="exponent"),
        pytest.param(b"1.0", id="whole float"),
        pytest.param(b"0.5", id="float"),
        pytest.param(b"9007199254740992", id="2^53"),
        pytest.param(b"-9007199254740992", id="-2^53"),
        pytest.param(b"1" + b"0" * 5000, id="5001 digits"),
        pytest.param(b"01", id="leading zero"),
        pytest.param(b"+1", id="plus sign"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param(b'"\\u0000"', id="U+0000"),
        pytest.param(b'{"a\\u0000":1}', id="U+0000 in a key"),
        pytest.param(b'"\\ud800"', id="lone high surrogate"),
        pytest.param(b'"\\udc00x"', id="lone low surrogate"),
        pytest.param(b'"\xed\xa0\x80"', id="surrogate in UTF-8"),
        pytest.param(b'"\xff"', id="not UTF-8"),
        pytest.param(b'"\xc0\xaf"', id="overlong UTF-8"),
        pytest.param(b"{}{}", id="two values"),
        pytest.param(b"{}\x00", id="trailing NUL"),
        pytest.param(b"{} x", id="trailing bytes"),
        pytest.param(b'{"a":1,}', id="trailing comma"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b'{"\xc3\xa9":1}', id="key that is not ASCII"),
        pytest.param(b'{"\\u0430":1}', id="homoglyph key, escaped"),
        pytest.param(b'"a\nb"', id="raw line break in text"),
        pytest.param(nested(17), id="17 deep"),
        pytest.param(nested(30_000), id="30000 deep"),
        pytest.param(b'{"a":' * 5000 + b"1" + b"}" * 5000, id="objects 5000 deep"),
        pytest.param(b'"' + b"x" * canonical.ENVELOPE_LIMIT + b'"', id="over the limit"),
        pytest.param("[]".encode("utf-16"), id="UTF-16"),
    ],
)
def test_what_two_parsers_could_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedJson):
        canonical.loads(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"-0", id="minus zero"),
        pytest.param(b'{"b":1,"a":2}', id="unsorted"),
        pytest.param(b'{"a": 1}', id="space"),
        pytest.param(b"{}\n", id="line break at the end"),
        pytest.param(b'"\\u0061"', id="needless escape"),
        pytest.param(b'"\\/"', id="escaped slash"),
        pytest.param(b'"\\u000A"', id="long form of a line break"),
        pytest.param(b'"\\u001F"', id="upper-case escape"),
        pytest.param(b'"\\ud83d\\ude00"', id="escaped pair"),
    ],
)
def test_a_second_spelling_is_readable_and_not_canonical(data: bytes) -> None:
    canonical.loads(data)
    with pytest.raises(MalformedJson, match="RFC 8785"):
        canonical.loads_canonical(data)


def test_composed_and_decomposed_text_stay_two_texts() -> None:
    assert canonical.dumps("\u00e9") != canonical.dumps("e\u0301")
    assert canonical.loads_canonical(canonical.dumps("e\u0301")) == "e\u0301"


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        2**53,
        -(2**53),
        "\ud800",
        {"a": "\udfff"},
        {"\u00e9": 1},
        {1: 1},
        {None: 1},
        b"bytes",
        {1, 2},
        Exception,
        [[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]],
    ],
    ids=repr,
)
def test_what_signed_json_cannot_hold_is_not_written(value: object) -> None:
    with pytest.raises(MalformedJson):
        canonical.dumps(value)


def test_the_largest_integers_and_the_greatest_depth_are_held() -> None:
    deep: Any = canonical.MAX_INTEGER
    for _ in range(16):
        deep = [deep]
    assert canonical.loads_canonical(canonical.dumps(deep)) == deep
    assert canonical.loads_canonical(nested(16)) is not None


def test_a_bool_is_no_integer_and_an_integer_no_bool() -> None:
    assert canonical.dumps([True, 1]) == b"[true,1]"
    assert canonical.loads(b"[true,1]")[0] is True


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        # The integers among the sample numbers of RFC 8785, appendix B.
        ("0000000000000000", "0"),
        ("4340000000000000", "9007199254740992"),
        ("4340000000000001", "9007199254740994"),
        ("4430000000000000", "295147905179352830000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("c340000000000000", "-9007199254740992"),
    ],
)
def test_integers_of_rfc_8785_are_written_as_printed_up_to_2_to_the_53_and_then_refused(
    bits: str, text: str
) -> None:
    value = int(struct.unpack(">d", bytes.fromhex(bits))[0])
    if abs(value) <= canonical.MAX_INTEGER:
        assert canonical.dumps(value) == text.encode()
        return
    with pytest.raises(MalformedJson):
        canonical.dumps(value)
    with pytest.raises(MalformedJson):
        canonical.loads(text.encode())
