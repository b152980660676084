# SPDX-License-Identifier: Apache-2.0
"""Says how a file that is no record's bytes differs from those of one, as far as that can be told.

Three things are tried on a small file: undoing a content coding, drawing out its words by the
recipe that captures use, and holding it against captures that it names itself (by the address
that a browser wrote into it, by its title). None of it is a verification.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape

from archive.canonical import JsonValue
from archive.catalog import evidence, matches
from archive.catalog.evidence import PartMatch
from archive.catalog.restrictions import Viewer
from archive.digests import sha256_hex
from archive.errors import InputTooLarge, MunimentError, UndecodableBody
from archive.ids import RecordId, parse_id
from archive.net.codings import DecodingLimits, undo_content_coding
from archive.services.context import Archive
from archive.services.reading.parts import part_bytes
from archive.text.recipes import latest
from archive.text.recipes import run as run_recipe

SAMPLE_BYTES = 4 * 1024 * 1024
# Of so many bytes of bodies the words are drawn out for one file: anybody may send one of a few
# bytes that names the largest pages.
COMPARED_BYTES = 2 * SAMPLE_BYTES
CANDIDATES = 10
LEAST_BYTES = 64
_DECODED = DecodingLimits(16 * 1024 * 1024, 200)
# Brotli has no mark of its own, so each is tried; what is not coded so fails within some bytes.
_CODINGS = {
    "gzip": "CODED_GZIP",
    "zstd": "CODED_ZSTD",
    "deflate": "CODED_DEFLATE",
    "br": "CODED_BR",
}
_HEAD_BYTES = 64 * 1024
_URLS_LIMIT = 8
_LEAST_LINES = 4
_LEAST_PERCENT = 50
_SAVED_FROM = re.compile(rb"<!--\s*saved from url=\(\d{1,5}\)(\S{1,2000}?)\s*-->", re.IGNORECASE)
_NAMED_URLS = (
    _SAVED_FROM,
    re.compile(rb"<base\s[^>]{0,200}?href=[\"']?(https?://[^\"'\s>]{1,2000})", re.IGNORECASE),
    re.compile(
        rb"<link\s[^>]{0,300}?rel=[\"']?canonical[\"']?[^>]{0,300}?href=[\"']?([^\"'\s>]{1,2000})",
        re.IGNORECASE,
    ),
    re.compile(
        rb"<meta\s[^>]{0,300}?property=[\"']?og:url[\"']?[^>]{0,300}?content=[\"']?([^\"'\s>]{1,2000})",
        re.IGNORECASE,
    ),
)
_SAVED_FOLDER = re.compile(rb"(?:src|href)=[\"']\./[^\"'/]{1,200}_files/", re.IGNORECASE)
_TITLE = re.compile(rb"<title[^>]{0,200}>([^<]{1,2000})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Near:
    """A part that the file is almost: by which codes it differs, and in words."""

    codes: tuple[str, ...]
    words: str
    match: PartMatch

    def to_json(self) -> dict[str, JsonValue]:
        """The difference, without the part."""
        return {"difference": self.words, "codes": list(self.codes)}


class Sample:
    """The bytes of a file while it is small; of a larger one nothing is kept."""

    def __init__(self) -> None:
        self._data: bytes | None = b""

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if self._data is not None:
            is_small = len(self._data) + len(chunk) <= SAMPLE_BYTES
            self._data = self._data + chunk if is_small else None

    @property
    def data(self) -> bytes | None:
        """The whole file, or None when it is too large to be looked into."""
        return self._data


def diagnose(
    archive: Archive, data: bytes, viewer: Viewer | None, against: RecordId | None
) -> tuple[Near, ...]:
    """The records whose bytes this is almost, each with how it differs; the surest first.

    `against` is the record that the file is held against; without one, those that it names.
    """
    found: dict[str, Near] = {}
    for near in _every(archive, data, viewer, against):
        found.setdefault(near.match.capture_id, near)
    return tuple(found.values())


def _every(
    archive: Archive, data: bytes, viewer: Viewer | None, against: RecordId | None
) -> Iterator[Near]:
    yield from _decoded(archive, data, viewer)
    words = _words_of(data)
    candidates = _candidates(archive, data, viewer, against)
    compared = list(_compared(archive, data, words, candidates))
    yield from (near for near in compared if near.codes[0] != "SIMILAR_TEXT")
    if words:
        yield from _same_text(archive, data, words, viewer)
    yield from (near for near in compared if near.codes[0] == "SIMILAR_TEXT")


def _decoded(archive: Archive, data: bytes, viewer: Viewer | None) -> Iterator[Near]:
    for coding, code in _CODINGS.items():
        try:
            plain = undo_content_coding(data, (coding,), _DECODED)
        except (UndecodableBody, InputTooLarge):
            continue
        with archive.database.reading() as connection:
            found = matches.parts_among(connection, [sha256_hex(plain)], viewer)
        words = f"with its {coding} coding undone"
        yield from (Near((code,), words, match) for match in found)


def _same_text(archive: Archive, data: bytes, words: str, viewer: Viewer | None) -> Iterator[Near]:
    with archive.database.reading() as connection:
        sha256 = sha256_hex(words.encode("utf-8"))
        found = [
            match
            for match in evidence.parts_with_sha256(connection, sha256, CANDIDATES, viewer)
            if match.role == "text"
        ]
    for match in found:
        yield _same_words(data, match)


def _same_words(data: bytes, match: PartMatch) -> Near:
    signs = _browser_signs(data)
    if signs:
        how = f"other bytes with the very same words: saved by a browser ({'; '.join(signs)})"
        return Near(("SAME_TEXT", "BROWSER_SAVED"), how, match)
    return Near(("SAME_TEXT",), "other bytes with the very same words", match)


def _browser_signs(data: bytes) -> list[str]:
    head = data[:_HEAD_BYTES]
    signs = []
    if (found := _SAVED_FROM.search(head)) is not None:
        signs.append(f"it says that it was saved from {_printable(found[1])}")
    if _NAMED_URLS[1].search(head):
        signs.append("it has a <base> element")
    if _SAVED_FOLDER.search(data):
        signs.append("its pictures and styles lie in a folder beside it")
    return signs


def _candidates(
    archive: Archive, data: bytes, viewer: Viewer | None, against: RecordId | None
) -> Sequence[PartMatch]:
    with archive.database.reading() as connection:
        if against is not None:
            row = evidence.part_of(connection, str(against), "body")
            held = evidence.capture_by_id(connection, str(against))
            if row is None or held is None:
                return []
            return [PartMatch(str(against), "body", row.sha256, held.captured_at)]
        return matches.like_documents(connection, _named_by(data), CANDIDATES, viewer)


def _named_by(data: bytes) -> tuple[list[str], str | None]:
    """The addresses and the title that a page names itself by."""
    head = data[:_HEAD_BYTES]
    urls = [_printable(found) for pattern in _NAMED_URLS for found in pattern.findall(head)]
    titled = _TITLE.search(head)
    title = " ".join(unescape(_printable(titled[1])).split()) if titled else None
    return list(dict.fromkeys(urls))[:_URLS_LIMIT], title


def _compared(
    archive: Archive, data: bytes, words: str, candidates: Sequence[PartMatch]
) -> Iterator[Near]:
    """How the file differs from these bodies, where they have anything in common."""
    left = COMPARED_BYTES
    for match in candidates:
        try:
            body = part_bytes(archive, parse_id(match.capture_id), "body").data
        except MunimentError:
            # What is withdrawn, removed or damaged is not compared with.
            continue
        near = _piece(data, body, match)
        if near is None and words and len(body) <= left:
            left -= len(body)
            near = _other_words(data, words, body, match)
        if near is not None:
            yield near


def _piece(data: bytes, body: bytes, match: PartMatch) -> Near | None:
    """Whether one of the two is a piece of the other."""
    if len(data) >= LEAST_BYTES and body.startswith(data):
        how = f"cut short: its {len(data)} bytes are the first of {len(body)}"
        return Near(("TRUNCATED",), how, match)
    if len(body) >= LEAST_BYTES and data.startswith(body):
        how = f"it begins with all {len(body)} bytes, and {len(data) - len(body)} more come after"
        return Near(("EXTENDED",), how, match)
    at = body.find(data) if len(data) >= LEAST_BYTES else -1
    if at >= 0:
        how = f"a piece of it: its {len(data)} bytes stand there from byte {at} on"
        return Near(("EXCERPT",), how, match)
    return None


def _other_words(data: bytes, words: str, body: bytes, match: PartMatch) -> Near | None:
    """How the words of the two differ, or None when too few are the same."""
    held = _words_of(body)
    if not held:
        return None
    if words.split() == held.split():
        return _same_words(data, match)
    shared = _shared_percent(words, held)
    if shared < _LEAST_PERCENT:
        return None
    signs = _browser_signs(data)
    saved = f", saved by a browser ({'; '.join(signs)})" if signs else ""
    how = f"another version of it: {shared} % of its lines of text are the same{saved}"
    codes = ("SIMILAR_TEXT", "BROWSER_SAVED") if signs else ("SIMILAR_TEXT",)
    return Near(codes, how, match)


def _shared_percent(one: str, other: str) -> int:
    """How many lines of the longer text stand in the other, in per cent; 0 of very short ones."""
    lines, others = Counter(one.splitlines()), Counter(other.splitlines())
    longest = max(lines.total(), others.total())
    if min(lines.total(), others.total()) < _LEAST_LINES:
        return 0
    return (lines & others).total() * 100 // longest


def _words_of(data: bytes) -> str:
    """The text of a file by the recipe of today; empty when it has none.

    A PDF is not looked into: taking one apart is too much for a file that anybody may send.
    """
    if data.startswith(b"%PDF"):
        return ""
    return run_recipe(latest(), data, None).text


def _printable(text: bytes) -> str:
    words = text.decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in words)
