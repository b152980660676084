# SPDX-License-Identifier: Apache-2.0
"""Reads a stored container in segments, on as many processes as workers, and gives them in order.

What is indexed is what was stored, so each offset is true of the bytes that are kept. Segments
begin at fixed places, so that a resumed import makes the same groups.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, replace

from archive.importing.base import Begin
from archive.importing.boundary import find_record
from archive.importing.index import IndexedGroup, index_source
from archive.services.context import Archive
from archive.storage.base import Store
from archive.storage.layout import blob_key

SEGMENT_BYTES = 8 * 1024 * 1024
# Below this, starting a process takes longer than what it does.
_SHARED_BYTES = 4 * SEGMENT_BYTES
_AHEAD = 2


class StoredSource:
    """A stored blob up to `end`, as a source of records (`importing.base.Source`)."""

    def __init__(self, store: Store, sha256: str, end: int) -> None:
        self._store = store
        self._key = blob_key(sha256)
        self._end = end

    @property
    def size(self) -> int:
        """Where the source ends in the blob."""
        return self._end

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from `offset`. Raises StorageError."""
        wanted = max(0, min(length, self._end - offset))
        return self._store.get_range(self._key, offset, wanted) if wanted else b""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be read: a container up to `end`, from where a record begins."""

    container_sha256: str
    begin: Begin
    end: int


@dataclass(frozen=True, slots=True)
class _Segment:
    """One piece of work. `start` is a known beginning, or where to look for one.

    A record begins at `first`.
    """

    sha256: str
    end: int
    start: int
    until: int
    is_known: bool
    first: int


_Found = list[IndexedGroup] | None


def read_groups(archive: Archive, reading: Reading, workers: int) -> Iterator[list[IndexedGroup]]:
    """The groups of each segment, in order, none of them empty but the last of all.

    Ends after the first group that ended the reading. Raises StorageError.
    """
    number, expected = reading.begin.number, reading.begin.offset
    source = StoredSource(archive.store, reading.container_sha256, reading.end)
    with _Segments(archive, reading, workers) as segments:
        for segment, found in segments:
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


class _Segments:
    """Gives each segment with what a process found there; None where it is read here."""

    def __init__(self, archive: Archive, reading: Reading, workers: int) -> None:
        self._archive = archive
        self._segments = list(_segments(reading))
        is_shared = workers > 1 and reading.end - reading.begin.offset >= _SHARED_BYTES
        self._workers = workers if is_shared else 0
        self._pool: futures.ProcessPoolExecutor | None = None

    def __enter__(self) -> Iterator[tuple[_Segment, _Found]]:
        if not self._workers:
            return ((segment, None) for segment in self._segments)
        # Spawned, not forked: connections and threads of the parent must not be shared.
        self._pool = futures.ProcessPoolExecutor(
            self._workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_open_worker,
            initargs=(self._archive.reopen_store,),
        )
        return self._shared(self._pool)

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _shared(self, pool: futures.ProcessPoolExecutor) -> Iterator[tuple[_Segment, _Found]]:
        waiting: deque[tuple[_Segment, futures.Future[_Found]]] = deque()
        for segment in self._segments:
            waiting.append((segment, pool.submit(_read_segment, segment)))
            if len(waiting) > self._workers + _AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()


def _segments(reading: Reading) -> Iterator[_Segment]:
    start, is_known = reading.begin.offset, True
    while start < reading.end:
        until = min((start // SEGMENT_BYTES + 1) * SEGMENT_BYTES, reading.end)
        first = reading.begin.offset
        yield _Segment(reading.container_sha256, reading.end, start, until, is_known, first)
        start, is_known = until, False


class _Worker:
    """What a worker process keeps between segments."""

    store: Store


def _open_worker(reopen_store: Callable[[], Store]) -> None:
    # An interrupt is the parent's to handle: it ends at a group's border.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Worker.store = reopen_store()


def _read_segment(segment: _Segment) -> _Found:
    source = StoredSource(_Worker.store, segment.sha256, segment.end)
    start: int | None = segment.start
    if not segment.is_known:
        start = find_record(source, segment.start, segment.until, segment.first)
    if start is None:
        return None
    return list(index_source(source, Begin(start), segment.until))
