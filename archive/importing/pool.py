# SPDX-License-Identifier: Apache-2.0
"""Indexes segments of a source on several processes, and gives what each found in order.

A worker loads this room and the one that it reads from, not the whole archive: its start counts.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass
from typing import Protocol, Self

from archive.importing.base import Begin
from archive.importing.boundary import find_record
from archive.importing.index import IndexedGroup, index_source

_AHEAD = 2


class RangeReader(Protocol):
    """What a worker reads from: a store."""

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset` of what lies under a key."""
        ...


class StoredSource:
    """A stored object up to `end`, as a source of records (`importing.base.Source`)."""

    def __init__(self, store: RangeReader, key: str, end: int) -> None:
        self._store = store
        self._key = key
        self._end = end

    @property
    def size(self) -> int:
        """Where the source ends in the object."""
        return self._end

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from `offset`. Raises StorageError."""
        wanted = max(0, min(length, self._end - offset))
        return self._store.get_range(self._key, offset, wanted) if wanted else b""


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of work: the records that begin from `start` on and before `until`.

    Unless `is_known`, `start` is where to look for a beginning, packed as the record at `first`.
    """

    key: str
    end: int
    start: int
    until: int
    is_known: bool
    first: int


Found = list[IndexedGroup] | None
"""What was found in a segment; None when no record seems to begin there."""


class IndexingPool:
    """Processes that index segments. They are started at once, so that they are there in time."""

    def __init__(self, workers: int, reopen: Callable[[], RangeReader]) -> None:
        self._workers = workers
        # Spawned, not forked: connections and threads of the parent must not be shared.
        self._pool = futures.ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_open_worker,
            initargs=(reopen,),
        )
        self._started = [self._pool.submit(_nothing) for _ in range(workers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def index(self, segments: Sequence[Segment]) -> Iterator[tuple[Segment, Found]]:
        """Each segment with what was found there, in order; a few are read ahead."""
        waiting: deque[tuple[Segment, futures.Future[Found]]] = deque()
        for segment in segments:
            waiting.append((segment, self._pool.submit(_index_segment, segment)))
            if len(waiting) > self._workers + _AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()


class _Worker:
    """What a worker process keeps between segments."""

    store: RangeReader


def _open_worker(reopen: Callable[[], RangeReader]) -> None:
    # An interrupt is the parent's to handle: it ends at a group's border.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Worker.store = reopen()


def _nothing() -> None:
    """The first work of a worker: to be there."""


def _index_segment(segment: Segment) -> Found:
    source = StoredSource(_Worker.store, segment.key, segment.end)
    start: int | None = segment.start
    if not segment.is_known:
        start = find_record(source, segment.start, segment.until, segment.first)
    if start is None:
        return None
    return list(index_source(source, Begin(start), segment.until))
