# SPDX-License-Identifier: Apache-2.0
"""The header of a WARC record (ISO 28500:2017 4 and 5), read strictly.

Two readers that see different fields in one record are an attack, so what could be read in two
ways is refused: repeated fields, control characters, bare line ends, blanks before a colon.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from archive.errors import MalformedWarc

VERSIONS = ("WARC/1.1", "WARC/1.0")
HEADER_END = b"\r\n\r\n"

_FIRST_BYTES = b"WARC/"

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LENGTH = re.compile(r"[0-9]{1,18}")
# The line ends were cut away, so a CR or LF still there stood alone.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_LINE = re.compile(r"^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n]*)", re.MULTILINE)
_UNUSUAL = ("\r\n ", "\r\n\t", " \r\n", "\t\r\n")

_MANDATORY = ("warc-type", "warc-record-id", "warc-date", "content-length")
# ISO 28500:2017 4: a defined field stands once, except WARC-Concurrent-To.
_SINGLE = frozenset(
    {
        *_MANDATORY,
        "content-type",
        "warc-block-digest",
        "warc-payload-digest",
        "warc-ip-address",
        "warc-refers-to",
        "warc-refers-to-target-uri",
        "warc-refers-to-date",
        "warc-target-uri",
        "warc-truncated",
        "warc-warcinfo-id",
        "warc-filename",
        "warc-profile",
        "warc-identified-payload-type",
        "warc-segment-number",
        "warc-segment-origin-id",
        "warc-segment-total-length",
    }
)

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Header:
    """Version and fields of a record, the block's length, and where the block begins.

    `first` holds the first value of each field under its lower-case name.
    """

    version: str
    fields: Fields
    first: dict[str, str]
    block_length: int
    block_start: int


def field_value(fields: Fields, name: str) -> str | None:
    """The first value of a field (names compare without case), or None."""
    wanted = name.lower()
    for key, value in fields:
        if key.lower() == wanted:
            return value
    return None


def read_header(start: bytes) -> Header | None:
    """The header at the start of these bytes, or None when its blank line has not come yet.

    Raises MalformedWarc for anything but a WARC 1.0 or 1.1 header with all mandatory fields.
    """
    if not start.startswith(_FIRST_BYTES[: len(start)]):
        raise MalformedWarc(f"the record begins with {start[:12]!r}, not with {VERSIONS[0]}")
    end = start.find(HEADER_END)
    if end < 0:
        return None
    try:
        version, _, text = start[:end].decode().partition("\r\n")
    except UnicodeDecodeError as error:
        raise MalformedWarc("the header is not UTF-8") from error
    if version not in VERSIONS:
        raise MalformedWarc(f"the record begins with {version[:40]!r}, not with {VERSIONS[0]}")
    if match := _FORBIDDEN.search(text.replace("\r\n", "")):
        raise MalformedWarc(f"the header holds {match[0]!r} where it may not be")
    lines = text.split("\r\n") if text else []
    fields, first = _plain_fields(text, len(lines)) or _fields(lines)
    length = first["content-length"]
    if not _LENGTH.fullmatch(length):
        raise MalformedWarc(f"Content-Length is {length[:40]!r}, not a number of bytes")
    return Header(version, fields, first, int(length), end + len(HEADER_END))


def _plain_fields(text: str, lines: int) -> tuple[Fields, dict[str, str]] | None:
    """As `_fields`, five times as fast, or None for a header that is not of the plain kind.

    Plain means: no continued line, no blank before a line's end, no field twice.
    """
    ends = text[:1], text[-1:]
    if " " in ends or "\t" in ends or any(mark in text for mark in _UNUSUAL):
        return None
    fields = tuple(_LINE.findall(text))
    lowered = _lower_names(tuple([name for name, _ in fields]))
    if len(fields) != lines or lowered is None:
        return None
    first = dict(zip(lowered, [value for _, value in fields], strict=True))
    return (fields, first) if all(map(first.get, _MANDATORY)) else None


@lru_cache(maxsize=1024)
def _lower_names(names: tuple[str, ...]) -> tuple[str, ...] | None:
    lowered = tuple(name.lower() for name in names)
    return lowered if len(set(lowered)) == len(lowered) else None


def _fields(lines: list[str]) -> tuple[Fields, dict[str, str]]:
    fields: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in {" ", "\t"}:
            if not fields:
                raise MalformedWarc("the header begins with a continued line")
            name, value = fields[-1]
            fields[-1] = (name, " ".join((value, line.strip(" \t"))).strip(" "))
            continue
        name, colon, value = line.partition(":")
        if not colon or not _lower_name(name):
            raise MalformedWarc(f"the header line {line[:60]!r} is not of the form name: value")
        fields.append((name, value.strip(" \t")))
    return tuple(fields), _first_values(fields)


def _first_values(fields: list[tuple[str, str]]) -> dict[str, str]:
    first: dict[str, str] = {}
    for name, value in fields:
        lower = _lower_name(name)
        if lower not in first:
            first[lower] = value
        elif lower in _SINGLE:
            raise MalformedWarc(f"the field {name} stands twice")
    for name in _MANDATORY:
        if not first.get(name):
            raise MalformedWarc(f"the mandatory field {name} is missing or empty")
    return first


# A file has millions of headers and a dozen names.
@lru_cache(maxsize=1024)
def _lower_name(name: str) -> str:
    """The name in lower case; empty when it is no name."""
    return name.lower() if _NAME.fullmatch(name) else ""
