# SPDX-License-Identifier: Apache-2.0
"""Digests of a file given in chunks, and of the file as it was before tools harmed it."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.services.hashes.fingerprint import BOM, Fingerprints

LINES = st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", BOM, BOM[:1]])).map(b"".join)


def digests(data: bytes, size: int) -> tuple[str, dict[str, str]]:
    prints = Fingerprints()
    for start in range(0, len(data), size):
        prints.update(data[start : start + size])
    return prints.sha256(), {"+".join(item.codes): item.sha256 for item in prints.variants()}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@given(LINES, st.integers(1, 7))
def test_chunks_make_no_difference(data: bytes, size: int) -> None:
    assert digests(data, size) == digests(data, 1000)


@given(LINES)
def test_every_variant_is_the_file_changed_as_its_codes_say(data: bytes) -> None:
    plain, variants = digests(data, 1000)
    bare = data.removeprefix(BOM)
    unix = bare.replace(b"\r\n", b"\n")
    lines = {"LINE_ENDS_LF": unix, "LINE_ENDS_CRLF": unix.replace(b"\n", b"\r\n")}
    assert plain == sha256(data)
    assert plain not in variants.values()
    for codes, digest in variants.items():
        named = codes.split("+")
        changed = next((lines[code] for code in named if code in lines), bare)
        if "FINAL_NEWLINE_REMOVED" in named:
            ends = [changed[: -2 if changed.endswith(b"\r\n") else -1]]
        elif "FINAL_LF_ADDED" in named:
            ends = [changed + b"\n"]
        elif "FINAL_CRLF_ADDED" in named:
            ends = [changed + b"\r\n"]
        else:
            ends = [changed]
        has_bom = ("BOM_ADDED" in named) or (data != bare and "BOM_REMOVED" not in named)
        assert digest in {sha256((BOM if has_bom else b"") + end) for end in ends}, codes


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_each_known_harm_is_named(size: int) -> None:
    page = b"<p>terms</p>\n<p>more</p>\n"
    for code, harmed in (
        ("LINE_ENDS_LF", page.replace(b"\n", b"\r\n")),
        ("BOM_REMOVED", BOM + page),
        ("FINAL_LF_ADDED", page[:-1]),
        ("FINAL_NEWLINE_REMOVED", page + b"\n"),
        ("BOM_REMOVED+LINE_ENDS_LF", BOM + page.replace(b"\n", b"\r\n")),
    ):
        assert sha256(page) in digests(harmed, size)[1].values(), code
        assert code in digests(harmed, size)[1]
    assert digests(page, size)[1]["LINE_ENDS_CRLF"] == sha256(page.replace(b"\n", b"\r\n"))
    assert digests(page, size)[1]["BOM_ADDED"] == sha256(BOM + page)


def test_the_shared_fixtures_have_their_published_digests() -> None:
    f1 = b"<p>terms</p>\n"
    known = "cb352a8dabd23995e93e57bfc1f3f51f65c82991e65dabb571dbe870cff0ffdb"
    assert digests(f1, 5)[0] == known
    assert digests(f1.replace(b"\n", b"\r\n"), 5)[1]["LINE_ENDS_LF"] == known
    assert digests(BOM + f1, 5)[1]["BOM_REMOVED"] == known


def test_of_a_very_large_file_the_digest_alone_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive.services.hashes.fingerprint.VARIANTS_BYTES", 10)
    for data in (b"a\n" * 20, BOM + b"a\r\n" * 20, b"\r" * 99):
        assert digests(data, 7) == (sha256(data), {})
