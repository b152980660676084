# SPDX-License-Identifier: Apache-2.0
"""Packs a file anew as a WARC with one gzip member for each record, to be read by range.

The records of a WARC keep their bytes; those of an ARC are turned into WARC records. The same
file gives the same bytes, as long as the compressor is the same.
"""

from collections.abc import Iterator
from typing import BinaryIO

from archive.errors import MalformedTime, MalformedWarc
from archive.importing.arc import as_warc, read_arc
from archive.importing.base import IMPORT_LIMITS, Source
from archive.importing.inflate import InflatedStream, PlainStream, Stream
from archive.model.imported import Flaw, FlawList
from archive.warc.flaws import WARC_DATE
from archive.warc.members import compress_member
from archive.warc.read import ReadLimits, read_at


def repack(
    source: Source, form: str, source_sha256: str, out: BinaryIO, limits: ReadLimits = IMPORT_LIMITS
) -> tuple[Flaw, ...]:
    """Write the records to `out`, as far as they can be read, and name what could not be.

    The flaws are those that a `FlawList` keeps. Their offsets are the source's; within a
    compressed file, how far it had been read.
    """
    is_packed = form in {"arc.gz", "warc.gz-shared"}
    stream: Stream = InflatedStream(source, limits) if is_packed else PlainStream(source)
    if form in {"arc", "arc.gz"}:
        records = _from_arc(stream, source_sha256, limits)
    else:
        records = _from_warc(stream, limits)
    flaws = FlawList()
    for item in records:
        if isinstance(item, Flaw):
            flaws.add(item)
        else:
            out.write(compress_member(item))
    return flaws.finish()


def _from_arc(stream: Stream, source_sha256: str, limits: ReadLimits) -> Iterator[bytes | Flaw]:
    for item in read_arc(stream, limits):
        if isinstance(item, Flaw):
            yield item
            continue
        number, record = item
        try:
            yield as_warc(record, source_sha256)
        except MalformedTime as error:
            # Nobody can tell when it was taken, so it is left out.
            place = stream.source_offset(record.offset)
            yield Flaw(number, place, WARC_DATE, str(error))


def _from_warc(stream: Stream, limits: ReadLimits) -> Iterator[bytes | Flaw]:
    number, offset = 1, 0
    while True:
        try:
            if not bytes(stream.view[offset : offset + 1]):
                if stream.damage is None:
                    return
                raise stream.damage
            record = read_at(stream.view, offset, limits)
            end = offset + record.length
            data = bytes(stream.view[offset:end])
        except MalformedWarc as error:
            place = stream.source_offset(offset)
            detail = f"{stream.damage or error} ({offset} bytes into what the file expands to)"
            yield Flaw(number, place, error.code, detail, is_end=True)
            return
        yield data
        stream.release(end)
        number, offset = number + 1, end
