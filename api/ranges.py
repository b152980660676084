# SPDX-License-Identifier: Apache-2.0
"""Reads a Range header (RFC 9110 section 14): one byte range, or none that is honoured.

Several ranges, other units and malformed ones are ignored, as the standard allows: the client
then gets the whole.
"""

import re

_BYTE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


class RangeUnsatisfiable(Exception):
    """The range lies outside the representation."""


def read_range(field: str | None, size: int) -> slice | None:
    """The bytes that the client asks for, or None for all. Raises RangeUnsatisfiable."""
    match = _BYTE_RANGE.fullmatch(field or "")
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = int(match[2])
        if length == 0 or size == 0:
            raise RangeUnsatisfiable
        return slice(max(0, size - length), size)
    first = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return None
    if first >= size:
        raise RangeUnsatisfiable
    return slice(first, min(last, size - 1) + 1)
