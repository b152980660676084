# SPDX-License-Identifier: Apache-2.0
"""ZIP files in one form: stored entries in the order given, one fixed time, no extras.

The same files give the same bytes, whoever writes them and when. So a ZIP file in this form can
be held against what its own files give, and every byte of it is accounted for.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from archive.errors import InputTooLarge
from archive.proofs.zip_directory import Bytes
from archive.proofs.zip_file import ZipEntry

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_VERSION, _UNIX = 20, 3 << 8
# 1980-01-01 00:00, the first time that the format knows.
_TIME, _DATE = 0, 0x21
_PLAIN_FILE = 0o100644 << 16
_BYTES_LIMIT, _ENTRIES_LIMIT = 0xFFFFFFFF, 0xFFFF


@dataclass(frozen=True, slots=True)
class Member:
    """A file to be written: its ASCII name, size, CRC-32, and its bytes, given anew each time."""

    name: str
    size: int
    crc32: int
    data: Callable[[], Iterable[bytes]]


def write_zip(members: Sequence[Member]) -> Iterator[bytes]:
    """The bytes of a ZIP file, in pieces.

    Raises InputTooLarge, before the first piece, when the file would be larger than 4 GiB.
    """
    heads = [_local(member.name, member.size, member.crc32) for member in members]
    directory = _directory([(m.name, m.size, m.crc32) for m in members])
    size = zip_size(members)
    if size > _BYTES_LIMIT or len(members) > _ENTRIES_LIMIT:
        raise InputTooLarge(f"a ZIP file of {size} bytes is over the limit of {_BYTES_LIMIT}")
    for member, head in zip(members, heads, strict=True):
        yield head
        yield from member.data()
    yield directory


def zip_size(members: Sequence[Member]) -> int:
    """How many bytes `write_zip` gives."""
    per_file = _LOCAL.size + _CENTRAL.size
    names = sum(2 * len(member.name.encode("utf-8")) for member in members)
    return len(members) * per_file + names + sum(m.size for m in members) + _END.size


def differing_offset(file: Bytes, entries: Sequence[ZipEntry]) -> int | None:
    """The first byte at which a ZIP file differs from this form of its own entries, or None.

    The contents are not read: they are judged by CRC-32 and digest.
    """
    if file.size > _BYTES_LIMIT or len(entries) > _ENTRIES_LIMIT:
        return 0
    place = 0
    for entry in entries:
        head = _local(entry.name, entry.size, entry.crc32)
        found = _first_difference(file.read_at(place, len(head)), head)
        if found is not None:
            return place + found
        place += len(head) + entry.size
    directory = _directory([(entry.name, entry.size, entry.crc32) for entry in entries])
    found = _first_difference(file.read_at(place, len(directory) + 1), directory)
    return None if found is None else place + found


def _first_difference(found: bytes, expected: bytes) -> int | None:
    if found == expected:
        return None
    pairs = zip(found, expected, strict=False)
    differing = (number for number, (one, other) in enumerate(pairs) if one != other)
    return next(differing, min(len(found), len(expected)))


def _local(name: str, size: int, crc32: int) -> bytes:
    raw = name.encode("utf-8")
    head = (b"PK\x03\x04", _VERSION, 0, 0, _TIME, _DATE, crc32, size, size, len(raw), 0)
    return _LOCAL.pack(*_within(head)) + raw


def _directory(files: Sequence[tuple[str, int, int]]) -> bytes:
    rows, place = [], 0
    for name, size, crc32 in files:
        raw = name.encode("utf-8")
        head = (b"PK\x01\x02", _VERSION | _UNIX, _VERSION, 0, 0, _TIME, _DATE, crc32, size, size)
        tail = (len(raw), 0, 0, 0, 0, _PLAIN_FILE, place)
        rows.append(_CENTRAL.pack(*_within((*head, *tail))) + raw)
        place += _LOCAL.size + len(raw) + size
    packed = b"".join(rows)
    end = (b"PK\x05\x06", 0, 0, len(rows), len(rows), len(packed), place, 0)
    return packed + _END.pack(*_within(end))


def _within(values: tuple[bytes | int, ...]) -> tuple[bytes | int, ...]:
    """Cut what is too large to be packed: such a file is refused by its size."""
    return tuple(min(v, _BYTES_LIMIT) if isinstance(v, int) else v for v in values)
