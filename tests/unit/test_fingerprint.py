# SPDX-License-Identifier: Apache-2.0
"""Digests of a file given in chunks, and of the file as it was before tools harmed it."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.services.fingerprint import BOM, Fingerprints

LINES = st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", BOM, BOM[:1]])).map(b"".join)


def digests(data: bytes, size: int) -> tuple[str, dict[str, str]]:
    prints = Fingerprints()
    for start in range(0, len(data), size):
        prints.update(data[start : start + size])
    return prints.sha256(), {how.split()[1]: digest for how, digest in prints.variants()}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@given(LINES, st.integers(1, 7))
def test_chunks_make_no_difference(data: bytes, size: int) -> None:
    plain, variants = digests(data, size)
    assert plain == sha256(data)
    unix = data.replace(b"\r\n", b"\n")
    expected = {sha256(data.removeprefix(BOM)), sha256(unix), sha256(unix.replace(b"\n", b"\r\n"))}
    assert set(variants.values()) == expected - {plain}


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_each_known_harm_is_named(size: int) -> None:
    page = b"<p>terms</p>\n<p>more</p>\n"
    harmed = page.replace(b"\n", b"\r\n")
    assert digests(harmed, size)[1]["LF"] == sha256(page)
    assert digests(BOM + page, size)[1]["the"] == sha256(page)
    assert digests(page, size)[1]["CRLF"] == sha256(harmed)


def test_the_shared_fixtures_have_their_published_digests() -> None:
    f1 = b"<p>terms</p>\n"
    known = "cb352a8dabd23995e93e57bfc1f3f51f65c82991e65dabb571dbe870cff0ffdb"
    assert digests(f1, 5)[0] == known
    assert digests(f1.replace(b"\n", b"\r\n"), 5)[1]["LF"] == known
    assert digests(BOM + f1, 5)[1]["the"] == known


def test_a_file_without_lines_and_mark_has_no_variants() -> None:
    assert digests(b"abc", 1)[1] == {}
    assert digests(b"", 1) == (sha256(b""), {})
