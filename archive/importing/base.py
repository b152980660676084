# SPDX-License-Identifier: Apache-2.0
"""What every reader of foreign files takes and gives.

A reader takes a source (bytes that can be read at any place, whatever they lie in) and gives
records in order, with the flaws found between them. Whoever stores the records sees one form,
whatever the file was.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from archive.errors import InputError
from archive.model.imported import Flaw
from archive.warc.read import ReadLimits, WarcRecord

# A foreign record may be a video; one that is larger is passed over and named.
IMPORT_LIMITS = ReadLimits(
    block_bytes=256 * 1024 * 1024, ratio=200, ratio_free_bytes=64 * 1024 * 1024
)


class Source(Protocol):
    """Bytes that can be read at any place: a file, a stored object, a part of either."""

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from `offset`, `length` of them or as many as there are."""
        ...


@dataclass(frozen=True, slots=True)
class Numbered:
    """A record and its number in the file, from 1. Its offset is the source's."""

    number: int
    record: WarcRecord


@dataclass(frozen=True, slots=True)
class Begin:
    """Where reading begins: an offset at which a record starts, and that record's number."""

    offset: int = 0
    number: int = 1


Reader = Callable[[Source, Begin], Iterator[Numbered | Flaw]]
"""Gives the records of a source in order, from a place on. Memory holds one record at a time.

A flaw that is an end is the last thing given: behind it nothing can be read for certain. Takes
time in proportion to the bytes, whatever they are, and raises no errors but the source's.
"""


class FileSource:
    """A file on disk, or the stretch of it from `start` to `end`. Offsets count from `start`.

    Raises InputError when the file cannot be read or is no plain file.
    """

    def __init__(self, path: Path, start: int = 0, end: int | None = None) -> None:
        try:
            if not path.is_file():
                raise InputError(f"{path} is no file that can be read")
            self._file = path.open("rb", buffering=0)
            length = path.stat().st_size
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
        self._path = path
        self._start = start
        self._size = (length if end is None else end) - start

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from `offset`, `length` of them or as many as there are."""
        wanted = max(0, min(length, self._size - offset))
        try:
            self._file.seek(self._start + offset)
            data = self._file.read(wanted)
            while len(data) < wanted and (more := self._file.read(wanted - len(data))):
                data += more
        except OSError as error:
            raise InputError(f"{self._path} cannot be read: {error.strerror}") from error
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()
