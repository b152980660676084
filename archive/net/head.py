# SPDX-License-Identifier: Apache-2.0
"""The header block of an HTTP/1 response, read without losing or repairing a byte.

The raw block is the evidence; this reading only serves decisions (status, framing, codings). It
therefore forgives what browsers forgive and refuses what has no single meaning.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from archive.errors import MalformedEvidence

Headers = Iterable[tuple[str, str]]

HEAD_BYTES_LIMIT = 256 * 1024
HEADER_LINES_LIMIT = 2_000

_STATUS_LINE = re.compile(r"(HTTP/\d(?:\.\d)?)[ \t]+([1-9]\d\d)(?:[ \t]+(.*))?[ \t]*", re.DOTALL)
_BLANK_LINE = re.compile(rb"\n\r?\n")


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status line and headers in the order sent, decoded as latin-1, so no byte is lost.

    `value.encode("latin-1")` gives the bytes of a value back.
    """

    version: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]


def find_head_end(received: bytes | bytearray, start: int = 0) -> int | None:
    """Where the first byte after the blank line is, or None while the blank line is missing.

    A caller that searches again after more bytes may give a `start` up to 3 bytes before them.
    """
    match = _BLANK_LINE.search(received, max(start, 0))
    return match.end() if match else None


def parse_head(head: bytes) -> ResponseHead:
    """Status line and headers of a header block, with or without its closing blank line.

    Accepts any byte in reason and values, bare LF, folded values (RFC 9112 5.2, joined by one
    space), and drops lines without a name and a colon, as browsers do. Raises MalformedEvidence
    when there is no status line, on a NUL byte, and over the limits.
    """
    if len(head) > HEAD_BYTES_LIMIT:
        raise MalformedEvidence(f"the response head exceeds {HEAD_BYTES_LIMIT} bytes")
    text = head.decode("latin-1")
    if "\0" in text:
        raise MalformedEvidence("the response head contains a NUL byte")
    lines = [line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n")]
    if len(lines) > HEADER_LINES_LIMIT:
        raise MalformedEvidence(f"the response head has more than {HEADER_LINES_LIMIT} lines")
    status_line = _STATUS_LINE.fullmatch(lines[0])
    if status_line is None:
        raise MalformedEvidence("the response does not begin with an HTTP/1 status line")
    version, status, reason = status_line.groups()
    return ResponseHead(version, int(status), (reason or "").rstrip(" \t"), _headers(lines[1:]))


def header_values(headers: Headers, name: str) -> tuple[str, ...]:
    """Every value of a header in the order sent; names compare without case."""
    wanted = name.lower()
    return tuple(value for key, value in headers if key.lower() == wanted)


def list_members(headers: Headers, name: str) -> tuple[str, ...]:
    """The comma-separated members of a list header (RFC 9110 5.6.1), lower-case, empty dropped."""
    joined = ",".join(header_values(headers, name)).lower()
    return tuple(member for part in joined.split(",") if (member := part.strip(" \t")))


def _headers(lines: list[str]) -> tuple[tuple[str, str], ...]:
    headers: list[tuple[str, str]] = []
    may_fold = False
    for line in lines:
        if not line:
            raise MalformedEvidence("the response head goes on after its blank line")
        # RFC 9112 2.2: a bare CR is read as a space, else it would split lines elsewhere.
        whole = line.replace("\r", " ")
        if whole[0] in " \t":
            if may_fold:
                name, value = headers[-1]
                folded = whole.strip(" \t")
                headers[-1] = (name, f"{value} {folded}".strip(" "))
            continue
        name, colon, value = whole.partition(":")
        name = name.rstrip(" \t")
        may_fold = bool(colon and name)
        if may_fold:
            headers.append((name, value.strip(" \t")))
    return tuple(headers)
