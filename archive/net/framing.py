# SPDX-License-Identifier: Apache-2.0
"""Where the body of a response ends (RFC 9112 6.3), decided from its head alone, without IO."""

import enum
import re
from dataclasses import dataclass

from archive.errors import UndecodableBody
from archive.net.chunked import is_chunked
from archive.net.failures import MalformedResponse
from archive.net.head import ResponseHead, header_values, list_members

_BODILESS_STATUSES = frozenset({204, 304})
_LENGTH = re.compile(r"[0-9]{1,15}")


class BodyEnd(enum.Enum):
    """What ends a body."""

    LENGTH = enum.auto()
    LAST_CHUNK = enum.auto()
    CLOSE = enum.auto()


@dataclass(frozen=True, slots=True)
class Framing:
    """What ends the body; `length` counts only with BodyEnd.LENGTH."""

    end: BodyEnd
    length: int = 0


def body_framing(head: ResponseHead) -> Framing:
    """How the body of a response to GET is framed.

    Raises MalformedResponse where two readings are possible: lengths that differ or are no
    numbers, a length beside chunks, an unknown transfer coding.
    """
    if head.status in _BODILESS_STATUSES:
        return Framing(BodyEnd.LENGTH, 0)
    lengths = header_values(head.headers, "content-length")
    try:
        chunked = is_chunked(head.headers)
    except UndecodableBody as error:
        raise MalformedResponse(str(error)) from error
    if chunked:
        if lengths:
            raise MalformedResponse("the response declares both a length and chunks")
        return Framing(BodyEnd.LAST_CHUNK)
    if not lengths:
        return Framing(BodyEnd.CLOSE)
    # RFC 9110 8.6: a list of equal values may be taken as one.
    values = {value.strip(" \t") for value in ",".join(lengths).split(",")}
    if len(values) > 1:
        raise MalformedResponse("the response declares two different lengths")
    value = values.pop()
    if _LENGTH.fullmatch(value) is None:
        raise MalformedResponse("the response declares a length that is no number")
    return Framing(BodyEnd.LENGTH, int(value))


def keeps_alive(head: ResponseHead) -> bool:
    """Whether the server will take a further request on this connection (RFC 9112 9.3)."""
    options = list_members(head.headers, "connection")
    if "close" in options:
        return False
    return head.version == "HTTP/1.1" or "keep-alive" in options
