# SPDX-License-Identifier: Apache-2.0
import itertools
import json
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archive.errors import MalformedId
from archive.id_mentions import find_ids
from archive.id_reading import MAX_INPUT_CHARACTERS, ReadingStatus, read_id
from archive.ids import MAX_NUMBER, Kind, RecordId, parse_id

PREFIXES = st.text(string.ascii_uppercase, min_size=2, max_size=8)
NUMBERS = st.one_of(
    st.integers(1, 99),
    st.integers(1, 10**6),
    st.integers(10**6, 10**10),
    st.integers(1, MAX_NUMBER),
)
IDS = st.builds(RecordId, st.one_of(st.just("CA"), PREFIXES), st.sampled_from(Kind), NUMBERS)
# Ordinary numbers, and those at the edge of a width, where an extra zero hides a mistake.
SAMPLES = [
    RecordId("CA", kind, number)
    for kind in Kind
    for number in (1, 12, 2129, 54321, 99999, 100000, 1020304, 9999999, 10000000, 1234567890)
]


def status(text: str, prefix: str = "CA") -> str:
    try:
        return read_id(text, prefix=prefix).status
    except MalformedId:
        return "malformed"


def swaps(text: str) -> Iterator[str]:
    for at in range(len(text) - 1):
        if text[at] != text[at + 1]:
            yield text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def substitutions(
    text: str, alphabet: str = string.ascii_uppercase + string.digits
) -> Iterator[str]:
    for at, character in enumerate(text):
        for other in alphabet.replace(character, ""):
            yield text[:at] + other + text[at + 1 :]


@pytest.mark.parametrize(
    ("kind", "number", "printed"),
    [
        (Kind.PROVISION, 2129, "CA-P-002129-05"),
        (Kind.DOCUMENT, 12, "CA-D-00012-32"),
        (Kind.CAPTURE, 123456789, "CA-C-123456789-07"),
    ],
)
def test_the_printed_form(kind: Kind, number: int, printed: str) -> None:
    assert str(RecordId("CA", kind, number)) == printed
    assert RecordId("CA", kind, number).unchecked == printed[:-3]


def test_kinds_have_their_letters_and_least_widths() -> None:
    assert {str(kind): kind.least_width for kind in Kind} == {
        "E": 5, "D": 5, "C": 7, "V": 6, "P": 6, "L": 5,
    }  # fmt: skip


@given(IDS)
def test_check_digits_agree_with_python_stdnum(record_id: RecordId) -> None:
    from stdnum.iso7064 import mod_97_10

    assert mod_97_10.calc_check_digits(record_id.unchecked.replace("-", "")) == (
        record_id.check_digits
    )
    assert mod_97_10.is_valid(str(record_id).replace("-", ""))


@given(IDS)
def test_what_is_printed_is_parsed(record_id: RecordId) -> None:
    assert parse_id(str(record_id)) == record_id


@pytest.mark.parametrize(
    "text",
    [
        "", "CA-P-002129", "ca-p-002129-05", "CA-P-2129-05", "CA-P-0002129-05", "CA-P-002129-45",
        "CAP00212905", " CA-P-002129-05", "CA-P-002129-05\n", "CA-X-002129-05", "C-P-002129-05",
        "CA-P-000000-67", "CA-P-٠٠٢١٢٩-05", "CA-P-002129-5", "TOOLONGPREFIX-P-002129-05",
    ],
)  # fmt: skip
def test_the_strict_reader_takes_nothing_but_the_canonical_form(text: str) -> None:
    with pytest.raises(MalformedId):
        parse_id(text)


@pytest.mark.parametrize(
    ("prefix", "number"),
    [
        ("C", 1),
        ("ca", 1),
        ("CAÉ", 1),
        ("ABCDEFGHI", 1),
        ("C1", 1),
        ("CA", 0),
        ("CA", MAX_NUMBER + 1),
    ],
)
def test_an_impossible_id_cannot_be_made(prefix: str, number: int) -> None:
    with pytest.raises(MalformedId):
        RecordId(prefix, Kind.PROVISION, number)


@given(IDS)
def test_both_printed_forms_are_read(record_id: RecordId) -> None:
    checked = read_id(str(record_id), prefix=record_id.prefix)
    assert (checked.status, checked.id) == (ReadingStatus.CHECKED, record_id)
    unchecked = read_id(record_id.unchecked, prefix=record_id.prefix)
    assert (unchecked.status, unchecked.id) == (ReadingStatus.UNCHECKED, record_id)
    bare = read_id(str(record_id).replace("-", ""), prefix=record_id.prefix)
    assert (bare.status, bare.id) == (ReadingStatus.CHECKED, record_id)


@pytest.mark.parametrize("record_id", SAMPLES, ids=str)
def test_no_single_substitution_is_read_as_checked(record_id: RecordId) -> None:
    for text in substitutions(str(record_id)):
        assert status(text) != ReadingStatus.CHECKED, text


@pytest.mark.parametrize("record_id", SAMPLES, ids=str)
def test_no_swap_of_neighbours_is_read_as_checked(record_id: RecordId) -> None:
    for text in swaps(str(record_id)):
        assert status(text) != ReadingStatus.CHECKED, text


@settings(deadline=None, max_examples=40)
@given(IDS)
def test_no_single_error_under_any_prefix_is_read_as_checked(record_id: RecordId) -> None:
    text = str(record_id)
    for wrong in itertools.chain(swaps(text), substitutions(text, string.digits)):
        assert status(wrong, record_id.prefix) != ReadingStatus.CHECKED, wrong
    letter = len(record_id.prefix) + 1
    for kind in Kind:
        if kind is not record_id.kind:
            wrong = text[:letter] + kind + text[letter + 1 :]
            assert status(wrong, record_id.prefix) != ReadingStatus.CHECKED, wrong


def test_a_wrong_kind_is_refused_where_the_widths_hide_it() -> None:
    # 00012 and 0000012 leave the same remainder for these two kinds under this prefix.
    assert (
        RecordId("CA", Kind.CAPTURE, 12).check_digits == RecordId("CA", Kind.SET, 12).check_digits
    )
    wrong = str(RecordId("CA", Kind.CAPTURE, 12)).replace("-C-", "-L-")
    reading = read_id(wrong, prefix="CA")
    assert reading.status is ReadingStatus.BAD_CHECK
    assert RecordId("CA", Kind.CAPTURE, 12) in reading.candidates


@given(IDS, st.data())
def test_the_right_id_is_among_the_candidates_of_one_error(
    record_id: RecordId, data: st.DataObject
) -> None:
    text = str(record_id)
    start = len(record_id.prefix) + 3
    wrongs = [
        text[:start] + wrong
        for wrong in itertools.chain(
            swaps(text[start:-3]), substitutions(text[start:-3], string.digits)
        )
    ]
    # The number 0 is no ID at all, so nothing is suggested for it.
    named = [wrong for wrong in wrongs if int(wrong[start:])]
    wrong = data.draw(st.sampled_from(named)) + text[-3:]
    reading = read_id(wrong, prefix=record_id.prefix)
    assert reading.id is None
    assert record_id in reading.candidates
    assert len(reading.candidates) <= 200


@given(st.text(max_size=MAX_INPUT_CHARACTERS + 10))
@example("CA" + "-" * 250)
@example("CA-P-" + "0 " * 120)
@example("CA-P-" + "O" * 200)
@example("%" * 256)
@example("CA-P-00000000")
@example("CA-P-000000-0")
@example("CA-P-1-1")
@example("CAP-1-05")
@example("CA-P-99999999999999999999")
@example("CAP1234567890123405")
def test_any_text_is_read_or_refused(text: str) -> None:
    for reader in (read_id, find_ids):
        try:
            reader(text, prefix="CA")
        except MalformedId:
            assert reader is read_id


def test_letters_that_look_like_digits_only_make_a_suggestion() -> None:
    reading = read_id("CA-P-OO2l29-05", prefix="CA")
    assert (reading.status, reading.id) == (ReadingStatus.BAD_CHECK, None)
    assert reading.candidates == (RecordId("CA", Kind.PROVISION, 2129),)
    assert reading.written == "CA-P-OO2L29-05"


def test_a_long_run_of_digits_names_the_other_way_to_read_it() -> None:
    long = RecordId("CA", Kind.PROVISION, 12345602)
    short = RecordId("CA", Kind.PROVISION, 123456)
    run = short.unchecked + short.check_digits
    reading = read_id(run, prefix="CA")
    assert reading.status is ReadingStatus.UNCHECKED
    assert reading.id == RecordId("CA", Kind.PROVISION, int(run[5:]))
    assert reading.candidates == (short,)
    bare = read_id(run.replace("-", ""), prefix="CA")
    assert (bare.status, bare.id, bare.candidates) == (
        ReadingStatus.CHECKED,
        short,
        (reading.id,),
    )
    refused = read_id(long.unchecked.replace("-", ""), prefix="CA")
    assert refused.status is ReadingStatus.BAD_CHECK
    assert refused.candidates[0] == long


def test_the_wrong_prefix_is_refused_and_the_right_one_shown() -> None:
    with pytest.raises(MalformedId, match="CA-P-002129-05"):
        read_id("XY-P-002129-05", prefix="CA")


def test_an_impossible_prefix_is_refused_by_every_reader() -> None:
    for reader in (read_id, find_ids):
        with pytest.raises(MalformedId):
            reader("CA-P-002129-05", prefix="(")


FOUND = [
    ("nothing here, CAD 12345 and CA P 12 people, PCA-P-002129", []),
    ("CA-P-002129 12 March 2026", ["CA-P-002129"]),
    ("CA-P-002129 – 12 March 2026", ["CA-P-002129"]),
    ("CA-P-002129 05", ["CA-P-002129 05"]),
    ("https://a.example/CA-P-002129-05/v2", ["CA-P-002129-05"]),
    ("/CA-P-002129-in-depth", ["CA-P-002129"]),
    ("file CA-P-002129-05-2026-03-06.pdf", ["CA-P-002129-05"]),
    ("?url=x%2FCA%2DP%2D002129%2D05%2C%20", ["CA%2DP%2D002129%2D05"]),
    ("見CA-P-002129-05號、ＣＡ－Ｐ－００２１２９。", ["CA-P-002129-05", "ＣＡ－Ｐ－００２１２９"]),
    ("note CA-P-002129¹² and CA-P-00212٩", ["CA-P-002129"]),
    ("CAP00212905 and CAP002129 and CAP212905", ["CAP00212905", "CAP002129"]),
    ("ca-p-\r\n  002129-\n05, ca-d-\n00012", ["ca-p-\r\n  002129-\n05", "ca-d-\n00012"]),
    ("CA-P-0021-\n29-05", ["CA-P-0021-\n29-05"]),
    ("C\u00adA-P-002\u00ad129\u200b-05\u200b.", ["C\u00adA-P-002\u00ad129\u200b-05"]),
    ("CA-P-000000 CA-P-99999999999999999999", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "found"), FOUND)
def test_ids_in_running_text(text: str, found: list[str]) -> None:
    assert [text[m.start : m.end] for m in find_ids(text, prefix="CA")] == found


@given(st.lists(IDS.filter(lambda i: i.prefix == "CA"), max_size=5), st.sampled_from(" ,;\n)/"))
def test_every_id_in_a_list_is_found(ids: list[RecordId], separator: str) -> None:
    text = separator.join(map(str, ids))
    assert [mention.reading.id for mention in find_ids(text, prefix="CA")] == ids


def vectors() -> list[tuple[str, str, str]]:
    spec = resources.files("archive").joinpath("specs/record-id.md").read_text("utf-8")
    row = re.compile(r'^\| `(".*")` \| (\w+) \| (?:`([^`]+)`)? *\|', re.MULTILINE)
    return [(json.loads(text), status, named) for text, status, named in row.findall(spec)]


def test_the_spec_has_vectors_of_every_status() -> None:
    assert {row[1] for row in vectors()} == {"checked", "unchecked", "bad_check", "malformed"}


@pytest.mark.parametrize(("text", "expected", "named"), vectors())
def test_the_vectors_of_the_spec_hold(text: str, expected: str, named: str) -> None:
    assert status(text) == expected
    if expected in {"checked", "unchecked"}:
        assert str(read_id(text, prefix="CA").id) == named
    elif expected == "bad_check":
        assert named in map(str, read_id(text, prefix="CA").candidates)


def test_importing_the_ids_stays_light() -> None:
    code = (
        "import sys, archive.ids, archive.id_reading, archive.id_mentions; "
        "print([m for m in ('stdnum', 'ssl', 'hashlib', 'pydoc', 'ipaddress') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
