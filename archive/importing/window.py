# SPDX-License-Identifier: Apache-2.0
"""A window that moves over a source, so that the strict WARC reader can read files of any size."""

from archive.importing.base import Source

_CHUNK_BYTES = 1 << 20


class Window:
    """Slices of a source, read a chunk at a time: reading onward costs one read for each chunk."""

    def __init__(self, source: Source, chunk_bytes: int = _CHUNK_BYTES) -> None:
        self._source = source
        self._size = source.size
        self._chunk_bytes = chunk_bytes
        self._held = memoryview(b"")
        self._start = 0

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, span: slice, /) -> memoryview:
        start, end, _ = span.indices(self._size)
        first = start - self._start
        if first < 0 or end - self._start > len(self._held):
            wanted = max(end - start, self._chunk_bytes)
            self._held = memoryview(self._source.read_at(start, wanted))
            self._start, first = start, 0
        return self._held[first : first + max(0, end - start)]
