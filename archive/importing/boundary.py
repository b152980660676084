# SPDX-License-Identifier: Apache-2.0
"""Finds where a record begins in the middle of a file, so that several processes can share it.

What looks like a beginning may lie within a record (a WARC in a WARC). So a find is a guess, and
whoever joins the pieces compares it with where the reading before it ended.
"""

from archive.errors import MalformedWarc
from archive.importing.base import Source
from archive.importing.window import Window
from archive.warc.members import GZIP_MAGIC, MemberReader

_START = b"WARC/1."
_PLAIN = b"\r\n\r\n" + _START
_PACKED = GZIP_MAGIC + b"\x08"
_CHUNK_BYTES = 1 << 20


def find_record(source: Source, start: int, until: int, known: int = 0) -> int | None:
    """The first place from `start` on and before `until` where a record seems to begin, or None.

    A record begins at `known`; the one looked for is taken to be packed as that one is.
    """
    view = Window(source)
    is_packed = bytes(view[known : known + len(GZIP_MAGIC)]) == GZIP_MAGIC
    if start == known < until and bytes(view[known : known + len(_START)]) == _START:
        return known  # nothing stands before the first record
    mark, shift = (_PACKED, 0) if is_packed else (_PLAIN, len(_PLAIN) - len(_START))
    place = max(0, start - shift)
    while place < until:
        chunk = bytes(view[place : place + _CHUNK_BYTES])
        found = chunk.find(mark)
        while found >= 0:
            begin = place + found + shift
            if begin >= until:
                return None
            if not is_packed or _is_record(view, begin):
                return begin
            found = chunk.find(mark, found + 1)
        if len(chunk) < _CHUNK_BYTES:
            return None
        place += len(chunk) - len(mark) + 1
    return None


def _is_record(view: Window, begin: int) -> bool:
    try:
        return MemberReader(view, begin).read(len(_START)).startswith(_START)
    except MalformedWarc:
        return False
