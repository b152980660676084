# SPDX-License-Identifier: Apache-2.0
"""Reads the central directory of a ZIP file (APPNOTE 6.3.10), ZIP64 included, with one reading.

Readers differ in where they begin: at the end, at the start, at what looks like a header. So the
entries must lie one behind the other from the first byte to the directory, the directory must
reach to the end record, and the end record to the end of the file.
"""

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from archive.errors import MalformedZip, OversizedZip, ZipSymlink
from archive.proofs.zip_names import checked_name

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_EXTRA = struct.Struct("<2H")
_DIRECTORY_BYTES_LIMIT = 64 * 1024 * 1024
_ENTRIES_LIMIT = 200_000
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF

ZIP64_EXTRA = 0x0001
# A second name for the entry, which some readers prefer.
_UNICODE_EXTRAS = frozenset({0x7075, 0x6375})
DESCRIPTOR_FLAG, _UTF8_FLAG = 0x0008, 0x0800
# Compression hints, the data descriptor and UTF-8; encryption and patches are refused.
_ALLOWED_FLAGS = 0x0002 | 0x0004 | DESCRIPTOR_FLAG | _UTF8_FLAG
STORED, DEFLATED = 0, 8


class Bytes(Protocol):
    """A file that can be read at any place."""

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from `offset`, `length` of them or as many as there are."""
        ...


@dataclass(frozen=True, slots=True)
class CentralEntry:
    """One entry as the central directory has it. `packed` and `size` are bytes in and out."""

    raw_name: bytes
    name: str
    flags: int
    method: int
    crc32: int
    packed: int
    size: int
    header_offset: int


@dataclass(frozen=True, slots=True)
class _End:
    entries: int
    directory_size: int
    directory_offset: int
    position: int


def read_directory(file: Bytes) -> tuple[list[CentralEntry], int]:
    """Every entry in the directory's order, and where the directory begins.

    Raises MalformedZip, or one of its subclasses, for what could be read in two ways.
    """
    end = _read_end(file)
    if end.entries > _ENTRIES_LIMIT or end.directory_size > _DIRECTORY_BYTES_LIMIT:
        raise OversizedZip(f"a directory of {end.entries} entries is over the limit")
    if end.directory_offset + end.directory_size != end.position:
        raise MalformedZip("the directory does not end where the end record begins")
    data = file.read_at(end.directory_offset, end.directory_size)
    entries = list(_central_entries(data))
    if len(entries) != end.entries:
        raise MalformedZip(f"there are {len(entries)} entries instead of {end.entries}")
    return entries, end.directory_offset


def extras(data: bytes) -> dict[int, bytes]:
    """The extra fields of a header by their ID. Raises MalformedZip."""
    found: dict[int, bytes] = {}
    place = 0
    while place < len(data):
        if place + _EXTRA.size > len(data):
            raise MalformedZip("an extra field is cut off")
        kind, length = _EXTRA.unpack_from(data, place)
        place += _EXTRA.size
        value = data[place : place + length]
        if len(value) != length or kind in found or kind in _UNICODE_EXTRAS:
            raise MalformedZip("an extra field is cut off, given twice, or a second name")
        found[kind] = value
        place += length
    return found


def wide_values(extra: dict[int, bytes], values: list[int]) -> list[int]:
    """The values, those that are full replaced by the ones of the ZIP64 field, in their order.

    Raises MalformedZip when a full value has no replacement, or one is left over.
    """
    wanted = [place for place, value in enumerate(values) if value == _FULL32]
    data = extra.get(ZIP64_EXTRA)
    if data is None:
        if wanted:
            raise MalformedZip("a size is given as too large, and no ZIP64 field has it")
        return values
    if len(data) != 8 * len(wanted):
        raise MalformedZip("the ZIP64 field does not hold what is missing, and only that")
    for place, (value,) in zip(wanted, struct.iter_unpack("<Q", data), strict=True):
        values[place] = value
    return values


def _read_end(file: Bytes) -> _End:
    if file.size < _END.size:
        raise MalformedZip("it is too short to be a ZIP file")
    position = file.size - _END.size
    mark, disk, first, here, total, size, offset, comment = _END.unpack(
        file.read_at(position, _END.size)
    )
    if mark != b"PK\x05\x06" or comment:
        raise MalformedZip("it does not end in a ZIP end record without a comment")
    locator_at = position - _LOCATOR64.size
    locator = file.read_at(locator_at, _LOCATOR64.size) if locator_at >= 0 else b""
    if locator.startswith(b"PK\x06\x07"):
        wide = _read_end64(file, locator, locator_at)
        narrow = (total, size, offset)
        limits = (_FULL16, _FULL32, _FULL32)
        whole = (wide.entries, wide.directory_size, wide.directory_offset)
        for small, full, large in zip(narrow, limits, whole, strict=True):
            if small not in {full, large}:
                raise MalformedZip("the end record and its ZIP64 form differ")
        return wide
    if (disk, first) != (0, 0) or here != total or _FULL32 in {size, offset}:
        raise MalformedZip("it is a part of a ZIP file in several parts, or lacks its ZIP64 form")
    return _End(total, size, offset, position)


def _read_end64(file: Bytes, locator: bytes, locator_at: int) -> _End:
    _, disk, position, disks = _LOCATOR64.unpack(locator)
    data = file.read_at(position, _END64.size)
    if len(data) != _END64.size or position + _END64.size != locator_at:
        raise MalformedZip("the ZIP64 end record does not lie before its locator")
    mark, length, _, _, this, first, here, total, size, offset = _END64.unpack(data)
    if mark != b"PK\x06\x06" or length != _END64.size - 12 or here != total:
        raise MalformedZip("the ZIP64 end record is malformed")
    if (disk, this, first) != (0, 0, 0) or disks != 1:
        raise MalformedZip("it is a part of a ZIP file in several parts")
    return _End(total, size, offset, position)


def _central_entries(data: bytes) -> Iterator[CentralEntry]:
    place = 0
    while place < len(data):
        if place + _CENTRAL.size > len(data):
            raise MalformedZip("the directory is cut off")
        fields = _CENTRAL.unpack_from(data, place)
        mark, made_by, _, flags, method, _, _, crc32, packed, size = fields[:10]
        name_size, extra_size, comment_size, disk, _, outside, offset = fields[10:]
        if mark != b"PK\x01\x02" or disk or comment_size:
            raise MalformedZip("the directory holds something else than entries, or a comment")
        name_at = place + _CENTRAL.size
        extra_at = name_at + name_size
        place = extra_at + extra_size
        if place > len(data):
            raise MalformedZip("the directory is cut off")
        raw = data[name_at:extra_at]
        name = checked_name(raw, is_utf8=bool(flags & _UTF8_FLAG))
        wide = wide_values(extras(data[extra_at:place]), [size, packed, offset])
        entry = CentralEntry(raw, name, flags, method, crc32, wide[1], wide[0], wide[2])
        _check_kind(entry, made_by, outside)
        yield entry


def _check_kind(entry: CentralEntry, made_by: int, outside: int) -> None:
    mode = outside >> 16
    kind = stat.S_IFMT(mode)
    is_folder = entry.name.endswith("/")
    if kind not in {0, stat.S_IFDIR if is_folder else stat.S_IFREG}:
        raise ZipSymlink(f"{entry.name[:80]!r} is neither a plain file nor a folder")
    if not is_folder and made_by >> 8 == 0 and outside & 0x10:
        raise ZipSymlink(f"{entry.name[:80]!r} is a folder that is named like a file")
    if is_folder and (entry.size or entry.packed):
        raise MalformedZip(f"the folder {entry.name[:80]!r} has bytes of its own")
    if entry.flags & ~_ALLOWED_FLAGS:
        raise MalformedZip(f"{entry.name[:80]!r} is encrypted or of a kind that nobody writes")
    if entry.method not in {STORED, DEFLATED}:
        raise MalformedZip(f"{entry.name[:80]!r} is neither stored nor deflated")
    if entry.method == STORED and entry.packed != entry.size:
        raise MalformedZip(f"{entry.name[:80]!r} is stored in another number of bytes than its own")
