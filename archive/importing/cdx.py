# SPDX-License-Identifier: Apache-2.0
"""Reads CDX and CDXJ files of other archives: where in which WARC file each record lies.

A line has exactly the fields that its form has. One that has not, refuses the file: what is
shifted by a field points at other records.
"""

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from archive.digests import base32_of_sha1
from archive.errors import MalformedCdx, MalformedJson
from archive.importing.foreign_json import read_json
from archive.warc.flaws import read_stated

_LINE_BYTES_LIMIT = 64 * 1024
_ROWS_LIMIT = 5_000_000
_EXPANSION_LIMIT = 4 * 1024 * 1024 * 1024
_CHUNK_BYTES = 1 << 20
_PACKED_BYTES = 16 * 1024
_GZIP = b"\x1f\x8b"
_HEADER = b" CDX "
# The order that has no header: urlkey, time, URL, type, status, digest, redirect, robots,
# stored length, stored offset, file.
_USUAL = tuple("NbamskrMSVg")
_LETTERS = frozenset("ABCDFGHIJKLMNPQRSUVXYZabcdefghijklmnoprstvxyz")
_NEEDED = frozenset("abVgS")
_STAMP = re.compile(r"[0-9]{14}(?:[0-9]{3})?")
_COUNT = re.compile(r"0|[1-9][0-9]{0,17}")
_PATH = re.compile(r"[^\x00-\x20\x7f?#\\]{1,1000}")


@dataclass(frozen=True, slots=True)
class CdxLine:
    """One row: the record at `offset`, `length` bytes, of `filename`, a path below some base.

    `digest` is `sha1:` and base32, `sha256:` and hex, or None where the row has none.
    """

    number: int
    timestamp: str
    url: str
    digest: str | None
    filename: str
    offset: int
    length: int


def read_cdx(chunks: Iterable[bytes]) -> Iterator[CdxLine]:
    """Every row of a file, packed by gzip or not, in order.

    Raises MalformedCdx, naming the line, also for a row that does not say where its record is.
    """
    form: _Form | None = None
    number = 0
    for number, line in enumerate(_lines(_unpacked(chunks)), 1):
        if number > _ROWS_LIMIT:
            raise MalformedCdx(f"there are more than {_ROWS_LIMIT} lines")
        try:
            if form is None:
                form = _form_of(line)
                if line.startswith(_HEADER):
                    continue
            yield form.row(number, line)
        except MalformedCdx as error:
            raise MalformedCdx(f"line {number}: {error}") from error
    if number == 0:
        raise MalformedCdx("there is no line in it")


class _Form:
    """How the lines of a file are made: fields by letter, or None for a JSON object."""

    def __init__(self, letters: Sequence[str] | None) -> None:
        self._letters = letters

    def row(self, number: int, line: bytes) -> CdxLine:
        members = self._json(line) if self._letters is None else self._fields(line)
        return CdxLine(
            number=number,
            timestamp=_matching(_STAMP, members, "b", "time")[:14],
            url=_url(members.get("a")),
            digest=_digest(members.get("k")),
            filename=_path(members.get("g")),
            offset=int(_matching(_COUNT, members, "V", "offset")),
            length=_length(members),
        )

    def _fields(self, line: bytes) -> dict[str, str]:
        letters = self._letters or ()
        values = _text(line).split(" ")
        if len(values) != len(letters) or not all(values):
            raise MalformedCdx(f"it has not the {len(letters)} fields of its form")
        return dict(zip(letters, values, strict=True))

    def _json(self, line: bytes) -> dict[str, str]:
        parts = line.split(b" ", 2)
        if len(parts) != len(("key", "time", "members")):
            raise MalformedCdx("it has not key, time and a JSON object")
        try:
            value = read_json(parts[2], _LINE_BYTES_LIMIT)
        except MalformedJson as error:
            raise MalformedCdx(str(error)) from error
        if type(value) is not dict:
            raise MalformedCdx("it has no JSON object")
        names = {"a": "url", "k": "digest", "g": "filename", "V": "offset", "S": "length"}
        members = {letter: _member(value, name) for letter, name in names.items()}
        return {**{key: text for key, text in members.items() if text}, "b": _text(parts[1])}


def _form_of(line: bytes) -> _Form:
    if line.startswith(_HEADER):
        letters = _text(line)[len(_HEADER) :].split(" ")
        is_known = set(letters) <= _LETTERS and len(set(letters)) == len(letters)
        if not is_known or not set(letters) >= _NEEDED:
            raise MalformedCdx("the header does not name time, URL, file, offset and length")
        return _Form(letters)
    fields = line.split(b" ", 2)
    if len(fields) > 2 and fields[2].startswith(b"{"):  # noqa: PLR2004 - key, time, object
        return _Form(None)
    return _Form(_USUAL)


def _member(value: dict[str, Any], name: str) -> str | None:
    member = value.get(name)
    if type(member) is int:
        return str(member)
    if member is not None and type(member) is not str:
        raise MalformedCdx(f"{name} is no text")
    return member


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedCdx("it is not UTF-8") from error


def _matching(form: re.Pattern[str], members: dict[str, str], letter: str, name: str) -> str:
    value = members.get(letter, "")
    if not form.fullmatch(value):
        raise MalformedCdx(f"the {name} is none: {value[:40]!r}")
    return value


def _length(members: dict[str, str]) -> int:
    length = int(_matching(_COUNT, members, "S", "length"))
    if length == 0:
        raise MalformedCdx("the length is none: 0")
    return length


def _url(text: str | None) -> str:
    if not text or text == "-" or any(char.isspace() for char in text):
        raise MalformedCdx("it has no URL")
    return text


def _digest(text: str | None) -> str | None:
    if text is None or text == "-":
        return None
    name, digest = read_stated(text if ":" in text else f"sha1:{text}")
    if name == "sha1" and digest is not None:
        return f"sha1:{base32_of_sha1(digest)}"
    if name == "sha256" and digest is not None:
        return f"sha256:{digest.hex()}"
    raise MalformedCdx(f"the digest is none of SHA-1 or SHA-256: {text[:80]!r}")


def _path(text: str | None) -> str:
    """A path that stays below its base, whoever joins the two."""
    path = text or ""
    segments = path.split("/")
    is_safe = _PATH.fullmatch(path) and ":" not in segments[0] and "%2e" not in path.lower()
    if not is_safe or any(segment in {"", ".", ".."} for segment in segments):
        raise MalformedCdx(f"the file is no path below the base: {path[:80]!r}")
    return path


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes, out of all gzip members when it begins like one."""
    pieces = iter(chunks)
    first = b""
    while len(first) < len(_GZIP) and (more := next(pieces, b"")):
        first += more
    if not first.startswith(_GZIP):
        yield first
        yield from pieces
        return
    total = 0
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for piece in _cut(chain((first,), pieces)):
            data = piece
            while data:
                if inflater.eof:
                    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
                out = inflater.decompress(data, _CHUNK_BYTES)
                total += len(out)
                if total > _EXPANSION_LIMIT:
                    raise MalformedCdx(f"it expands to more than {_EXPANSION_LIMIT} bytes")
                yield out
                data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    except zlib.error as error:
        raise MalformedCdx("it is no gzip file that can be read") from error
    if not inflater.eof:
        raise MalformedCdx("it is a gzip file that was cut off")


def _cut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes in small pieces: what is behind a member is copied, and there may be many."""
    for piece in pieces:
        yield from (
            piece[place : place + _PACKED_BYTES] for place in range(0, len(piece), _PACKED_BYTES)
        )


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for chunk in chunks:
        *whole, held = (held + chunk).split(b"\n")
        for line in whole:
            yield _whole_line(line)
        if len(held) > _LINE_BYTES_LIMIT:
            raise MalformedCdx(f"a line is longer than {_LINE_BYTES_LIMIT} bytes")
    if held:
        yield _whole_line(held)


def _whole_line(line: bytes) -> bytes:
    plain = line.removesuffix(b"\r")
    if not plain or len(plain) > _LINE_BYTES_LIMIT:
        raise MalformedCdx(f"a line is empty or longer than {_LINE_BYTES_LIMIT} bytes")
    return plain
