# SPDX-License-Identifier: Apache-2.0
"""Reads a stored container in segments, here or on several processes, and gives them in order.

What is indexed is what was stored, so each offset is true of the bytes that are kept. Segments
begin at fixed places, so that a resumed import makes the same groups.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from archive.importing.base import Begin
from archive.importing.index import IndexedGroup, index_source
from archive.importing.pool import Found, IndexingPool, Segment, StoredSource
from archive.services.context import Archive
from archive.storage.layout import blob_key

SEGMENT_BYTES = 8 * 1024 * 1024
# Below this, starting a process takes longer than what it does.
SHARED_BYTES = 4 * SEGMENT_BYTES

MaybePool = AbstractContextManager[IndexingPool | None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be read: a container up to `end`, from where a record begins."""

    container_sha256: str
    begin: Begin
    end: int


def indexing_pool(archive: Archive, workers: int, size: int) -> MaybePool:
    """Processes to index a container of this size on, or None where they would not help."""
    if workers == 1 or size < SHARED_BYTES:
        return nullcontext()
    return IndexingPool(workers, archive.reopen_store)


def read_groups(
    archive: Archive, reading: Reading, pool: IndexingPool | None
) -> Iterator[list[IndexedGroup]]:
    """The groups of each segment, in order, at least one for each.

    Ends after the first group that ended the reading. Raises StorageError.
    """
    number, expected = reading.begin.number, reading.begin.offset
    source = StoredSource(archive.store, blob_key(reading.container_sha256), reading.end)
    segments = list(_segments(reading))
    answers: Iterator[tuple[Segment, Found]] = ((segment, None) for segment in segments)
    if pool is not None:
        answers = pool.index(segments)
    for segment, found in answers:
        if expected >= segment.until:
            continue  # the record before reaches beyond this segment
        if found is not None and found[0].start == expected:
            groups = [_numbered(group, number - 1) for group in found]
        else:
            # The guess was wrong, as it may be: what counts is where the last record ended.
            groups = list(index_source(source, Begin(expected, number), segment.until))
        yield groups
        last = groups[-1]
        number, expected = last.first_record + last.records, last.end
        if last.is_ended:
            return


def _numbered(group: IndexedGroup, before: int) -> IndexedGroup:
    """The group with its numbers counted from the start of the file."""
    group.first_record += before
    group.flaws = [replace(flaw, record=flaw.record + before) for flaw in group.flaws]
    return group


def _segments(reading: Reading) -> Iterator[Segment]:
    key = blob_key(reading.container_sha256)
    start, is_known = reading.begin.offset, True
    while start < reading.end:
        until = min((start // SEGMENT_BYTES + 1) * SEGMENT_BYTES, reading.end)
        yield Segment(key, reading.end, start, until, is_known, reading.begin.offset)
        start, is_known = until, False
