# SPDX-License-Identifier: Apache-2.0
"""One HTTP/1 response read under limits, each byte kept, whatever goes wrong on the way."""

import io
from collections.abc import Callable
from dataclasses import dataclass

from archive.errors import MalformedEvidence
from archive.net.chunked import ChunkScanner
from archive.net.deadline import Deadline
from archive.net.failures import (
    MalformedResponse,
    TimedOut,
    TooLarge,
    TransferError,
    Truncated,
    Unreachable,
)
from archive.net.framing import BodyEnd, body_framing
from archive.net.head import HEAD_BYTES_LIMIT, ResponseHead, find_head_end, parse_head

_RECEIVE_BYTES = 64 * 1024
_PROTOCOL_NAME = b"HTTP/"
_SWITCHING_PROTOCOLS = 101
_FIRST_FINAL_STATUS = 200


@dataclass(frozen=True, slots=True)
class ExchangeLimits:
    """`read_timeout_seconds` bounds each wait, `wire_bytes` all bytes of the response."""

    read_timeout_seconds: float
    wire_bytes: int


@dataclass(frozen=True, slots=True)
class Response:
    """What came in answer to one request, complete or not.

    `head_bytes` and `body_bytes` are as received; interim (1xx) responses count against the
    limits but are left out, since a WARC response record holds one response. A head that broke
    off is in `head_bytes`, with `head` None. `failure` says why the transfer stopped early;
    None means that the response is complete.
    """

    head_bytes: bytes
    head: ResponseHead | None
    body_bytes: bytes
    payload: bytes
    failure: TransferError | None


class ResponseReader:
    """Reads one response; what it has read so far can be had at any time.

    `receive(most, timeout_seconds)` gives the next bytes, none at the end, or raises OSError.
    """

    def __init__(
        self,
        receive: Callable[[int, float], bytes],
        deadline: Deadline,
        limits: ExchangeLimits,
    ) -> None:
        self._receive = receive
        self._deadline = deadline
        self._limits = limits
        self._received_bytes = 0
        self._head_bytes = bytearray()
        self._head: ResponseHead | None = None
        self._body = io.BytesIO()
        self._chunks: ChunkScanner | None = None
        self.is_at_boundary = False

    def response(self, failure: TransferError | None) -> Response:
        """What has been read, with the reason why it is not more."""
        body = self._body.getvalue()
        return Response(
            head_bytes=bytes(self._head_bytes),
            head=self._head,
            body_bytes=body,
            payload=body if self._chunks is None else self._chunks.payload,
            failure=failure,
        )

    def read(self) -> None:
        """Reads to the end of the response; raises TransferError when it cannot.

        Afterwards `is_at_boundary` says whether the response ended at a known place and nothing
        followed it, so that the connection may be used again.
        """
        head, rest = self._read_head()
        framing = body_framing(head)
        if framing.end is BodyEnd.LENGTH:
            surplus = self._read_length(framing.length, rest)
        elif framing.end is BodyEnd.LAST_CHUNK:
            surplus = self._read_chunks(rest)
        else:
            self._read_to_close(rest)
            return
        self.is_at_boundary = surplus == 0

    def _read_head(self) -> tuple[ResponseHead, bytes]:
        head_bytes = self._head_bytes
        searched = interim_bytes = 0
        while True:
            if not _PROTOCOL_NAME.startswith(bytes(head_bytes[: len(_PROTOCOL_NAME)])):
                raise MalformedResponse("what came does not begin like an HTTP/1 response")
            end = find_head_end(head_bytes, searched - 2)
            if interim_bytes + (end or len(head_bytes)) > HEAD_BYTES_LIMIT:
                raise MalformedResponse(f"the response head exceeds {HEAD_BYTES_LIMIT} bytes")
            if end is None:
                searched = len(head_bytes)
                head_bytes += self._next_piece(_RECEIVE_BYTES) or self._broken_off_head()
                continue
            head = _parsed(bytes(head_bytes[:end]))
            if head.status >= _FIRST_FINAL_STATUS:
                rest = bytes(head_bytes[end:])
                del head_bytes[end:]
                self._head = head
                return head, rest
            if head.status == _SWITCHING_PROTOCOLS:
                raise MalformedResponse("the server switches to a protocol nobody asked for")
            interim_bytes += end
            searched = 0
            del head_bytes[:end]

    def _broken_off_head(self) -> bytes:
        if self._received_bytes == 0:
            raise Unreachable("the server closed the connection without an answer")
        raise Truncated("the connection was closed within the response head")

    def _read_length(self, length: int, rest: bytes) -> int:
        if length > self._limits.wire_bytes:
            raise TooLarge(
                f"the response declares {length} bytes, over the limit of "
                f"{self._limits.wire_bytes} bytes"
            )
        self._body.write(rest[:length])
        while (missing := length - self._body.tell()) > 0:
            piece = self._next_piece(min(missing, _RECEIVE_BYTES))
            if not piece:
                raise Truncated(f"the connection was closed {missing} bytes before the body's end")
            self._body.write(piece)
        return max(0, len(rest) - length)

    def _read_chunks(self, rest: bytes) -> int:
        self._chunks = chunks = ChunkScanner()
        piece = rest
        taken = 0
        while True:
            try:
                taken = chunks.feed(piece)
            except MalformedEvidence as error:
                self._body.write(piece)
                raise MalformedResponse(str(error)) from error
            self._body.write(piece[:taken])
            if chunks.is_finished:
                return len(piece) - taken
            piece = self._next_piece(_RECEIVE_BYTES)
            if not piece:
                raise Truncated("the connection was closed before the last chunk")

    def _read_to_close(self, rest: bytes) -> None:
        self._body.write(rest)
        while piece := self._next_piece(_RECEIVE_BYTES):
            self._body.write(piece)

    def _next_piece(self, most: int) -> bytes:
        timeout_seconds = self._deadline.seconds_left(self._limits.read_timeout_seconds)
        # One byte over the limit is asked for, to tell a response that just fits from a larger.
        allowed = self._limits.wire_bytes + 1 - self._received_bytes
        try:
            piece = self._receive(min(most, allowed), timeout_seconds)
        except TimeoutError as error:
            self._deadline.seconds_left()
            raise TimedOut(
                f"the server sent nothing for {self._limits.read_timeout_seconds:g} seconds"
            ) from error
        except OSError as error:
            if self._received_bytes == 0:
                raise Unreachable("the server closed the connection without an answer") from error
            raise Truncated("the connection broke off within the response") from error
        self._received_bytes += len(piece)
        if self._received_bytes > self._limits.wire_bytes:
            raise TooLarge(f"the response exceeds {self._limits.wire_bytes} bytes")
        return piece


def _parsed(head_bytes: bytes) -> ResponseHead:
    try:
        return parse_head(head_bytes)
    except MalformedEvidence as error:
        raise MalformedResponse(str(error)) from error
