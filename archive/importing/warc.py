# SPDX-License-Identifier: Apache-2.0
"""Reads WARC files of any size: plain, or with one gzip member for each record."""

from collections.abc import Iterator

from archive.errors import MalformedWarc, OversizedRecord
from archive.importing.base import IMPORT_LIMITS, Begin, Numbered, Source
from archive.importing.window import Window
from archive.model.imported import Flaw
from archive.warc.members import View
from archive.warc.read import ReadLimits, end_of_oversized, read_at

_START = Begin()


def read_warc(
    source: Source, begin: Begin = _START, limits: ReadLimits = IMPORT_LIMITS
) -> Iterator[Numbered | Flaw]:
    """Every record that can be read for certain (`importing.base.Reader`).

    A record over the limits is passed over and named. At the first byte that does not fit the
    reading ends: a reader that looks for the next record shows records that others do not see.
    """
    view = Window(source)
    number, offset = begin.number, begin.offset
    while offset < len(view):
        try:
            record = read_at(view, offset, limits)
        except OversizedRecord as error:
            yield Flaw(number, offset, error.code, str(error))
            end = _end_of_oversized(view, number, offset, limits)
            if isinstance(end, Flaw):
                yield end
                return
            number, offset = number + 1, end
            continue
        except MalformedWarc as error:
            yield Flaw(number, offset, error.code, str(error), is_end=True)
            return
        yield Numbered(number, record)
        number, offset = number + 1, offset + record.length


def _end_of_oversized(view: View, number: int, offset: int, limits: ReadLimits) -> int | Flaw:
    try:
        return end_of_oversized(view, offset, limits)
    except MalformedWarc as error:
        return Flaw(number, offset, error.code, str(error), is_end=True)
