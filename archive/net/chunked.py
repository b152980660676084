# SPDX-License-Identifier: Apache-2.0
"""The chunked transfer coding (RFC 9112 7.1), undone while or after it is received.

Strict on purpose: a body whose framing can be read in two ways is no evidence of either.
"""

import enum
import io
import re

from archive.errors import UndecodableBody
from archive.net.head import Headers, list_members

FRAMING_LINE_BYTES_LIMIT = 16 * 1024

# Servers pad the size with blanks (RFC 9112 7.1.1 calls it bad whitespace and lets us skip it).
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)


class _Awaiting(enum.Enum):
    SIZE = enum.auto()
    DATA = enum.auto()
    DATA_END = enum.auto()
    TRAILER = enum.auto()
    NOTHING = enum.auto()


class ChunkScanner:
    """Takes a chunked body piece by piece, keeps its payload, and knows where it ends."""

    def __init__(self) -> None:
        self._payload = io.BytesIO()
        self._awaiting = _Awaiting.SIZE
        self._data_left = 0
        self._partial_line = b""

    @property
    def is_finished(self) -> bool:
        """Whether the last chunk and its trailers have been read."""
        return self._awaiting is _Awaiting.NOTHING

    @property
    def payload(self) -> bytes:
        """What the chunks read so far carry."""
        return self._payload.getvalue()

    def feed(self, piece: bytes) -> int:
        """Takes the next bytes; returns how many belong to the body (all, unless it ended).

        Raises UndecodableBody at the first byte that breaks the framing.
        """
        position = 0
        while position < len(piece) and not self.is_finished:
            if self._awaiting is _Awaiting.DATA:
                position = self._take_data(piece, position)
                continue
            newline = piece.find(b"\n", position)
            end = len(piece) if newline < 0 else newline + 1
            self._partial_line += piece[position:end]
            position = end
            if len(self._partial_line) > FRAMING_LINE_BYTES_LIMIT:
                raise UndecodableBody("a framing line of the chunked body is too long")
            if newline >= 0:
                line, self._partial_line = self._partial_line, b""
                self._take_line(line)
        return position

    def _take_data(self, piece: bytes, position: int) -> int:
        end = min(len(piece), position + self._data_left)
        self._payload.write(memoryview(piece)[position:end])
        self._data_left -= end - position
        if self._data_left == 0:
            self._awaiting = _Awaiting.DATA_END
        return end

    def _take_line(self, line: bytes) -> None:
        if not line.endswith(b"\r\n"):
            raise UndecodableBody("a framing line of the chunked body lacks its CR")
        content = line[:-2]
        if self._awaiting is _Awaiting.SIZE:
            match = _SIZE_LINE.fullmatch(content)
            if match is None:
                raise UndecodableBody("a chunk does not begin with its size")
            self._data_left = int(match.group(1), 16)
            self._awaiting = _Awaiting.DATA if self._data_left else _Awaiting.TRAILER
        elif self._awaiting is _Awaiting.DATA_END:
            if content:
                raise UndecodableBody("a chunk is longer than its size says")
            self._awaiting = _Awaiting.SIZE
        elif not content:
            self._awaiting = _Awaiting.NOTHING


def is_chunked(headers: Headers) -> bool:
    """Whether the body is chunked.

    Raises UndecodableBody for any other transfer coding: we never ask for one (RFC 9110 10.1.4),
    so nobody may send it.
    """
    codings = list_members(headers, "transfer-encoding")
    if codings in {(), ("identity",)}:
        return False
    if codings != ("chunked",):
        raise UndecodableBody(f"the transfer coding {', '.join(codings)!r} is not supported")
    return True


def undo_transfer_coding(headers: Headers, body: bytes) -> bytes:
    """The payload of a body as received; the body itself when it has no transfer coding.

    Raises UndecodableBody on bad chunk framing, a missing last chunk, or bytes after it.
    """
    if not is_chunked(headers):
        return body
    scanner = ChunkScanner()
    taken = scanner.feed(body)
    if not scanner.is_finished:
        raise UndecodableBody("the chunked body ends before its last chunk")
    if taken != len(body):
        raise UndecodableBody("the chunked body goes on after its last chunk")
    return scanner.payload
