# SPDX-License-Identifier: Apache-2.0
"""A strict, limited reader of ZIP files: what it opens has exactly one reading.

Refused are unsafe and colliding names, links, headers that disagree, bytes in front of, between
and behind the entries, and more bytes than a limit allows. Contents are streamed, and are right
in size and CRC-32 or are refused.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archive.errors import MalformedZip, OversizedZip
from archive.proofs.zip_directory import (
    DESCRIPTOR_FLAG,
    STORED,
    ZIP64_EXTRA,
    Bytes,
    CentralEntry,
    extras,
    read_directory,
    wide_values,
)
from archive.proofs.zip_names import require_distinct

_LOCAL = struct.Struct("<4s5H3L2H")
_CHUNK_BYTES = 1 << 20
_FULL32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class ZipLimits:
    """What a ZIP file may expand to; the ratio counts once an entry is over `ratio_free_bytes`."""

    total_bytes: int = 1 << 40
    ratio: int = 200
    ratio_free_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One file in the ZIP file: its data is `packed` bytes from `offset` on.

    A stored entry's bytes lie there as they are (`is_stored`).
    """

    name: str
    is_stored: bool
    crc32: int
    size: int
    packed: int
    offset: int


_DEFAULT_LIMITS = ZipLimits()


def open_zip(file: Bytes, limits: ZipLimits = _DEFAULT_LIMITS) -> tuple[ZipEntry, ...]:
    """The files in a ZIP file, in the order in which they lie. Folders are checked and left out.

    Raises MalformedZip, or the subclass that says what is wrong. Whether the contents are what
    they should be is found when they are read.
    """
    central, directory_offset = read_directory(file)
    require_distinct(entry.name for entry in central)
    _check_sizes(central, limits)
    in_place = sorted(central, key=lambda entry: entry.header_offset)
    entries = []
    place = 0
    for number, entry in enumerate(in_place):
        if entry.header_offset != place:
            raise MalformedZip(f"{entry.name[:80]!r} does not begin where the one before it ends")
        is_last = number + 1 == len(in_place)
        until = directory_offset if is_last else in_place[number + 1].header_offset
        data_offset = _check_local(file, entry, until)
        place = until
        if not entry.name.endswith("/"):
            entries.append(_entry(entry, data_offset))
    if place != directory_offset:
        raise MalformedZip("the file begins with something else than entries")
    return tuple(entries)


def read_entry(file: Bytes, entry: ZipEntry) -> Iterator[bytes]:
    """The contents of an entry, in pieces. Raises MalformedZip when they are not what is declared.

    The last piece comes before the check: what was read counts only when the end is reached.
    """
    pieces = _stored(file, entry) if entry.is_stored else _inflated(file, entry)
    crc32 = size = 0
    for piece in pieces:
        crc32 = zlib.crc32(piece, crc32)
        size += len(piece)
        if size > entry.size:
            raise OversizedZip(f"{entry.name[:80]!r} is larger than it is declared to be")
        yield piece
    if (size, crc32) != (entry.size, entry.crc32):
        raise MalformedZip(f"{entry.name[:80]!r} differs from its size or CRC-32")


def _check_sizes(entries: Sequence[CentralEntry], limits: ZipLimits) -> None:
    if sum(entry.size for entry in entries) > limits.total_bytes:
        raise OversizedZip(f"it expands to more than {limits.total_bytes} bytes")
    for entry in entries:
        is_free = entry.size <= limits.ratio_free_bytes
        if not is_free and entry.size > limits.ratio * max(1, entry.packed):
            raise OversizedZip(f"{entry.name[:80]!r} expands to more than {limits.ratio} times")


def _check_local(file: Bytes, entry: CentralEntry, until: int) -> int:
    """Where the entry's data begins; what lies up to `until` must be the entry and no more."""
    head = file.read_at(entry.header_offset, _LOCAL.size)
    if len(head) != _LOCAL.size or not head.startswith(b"PK\x03\x04"):
        raise MalformedZip(f"{entry.name[:80]!r} has no header of its own")
    _, _, flags, method, _, _, crc32, packed, size, name_size, extra_size = _LOCAL.unpack(head)
    tail = file.read_at(entry.header_offset + _LOCAL.size, name_size + extra_size)
    if len(tail) != name_size + extra_size:
        raise MalformedZip(f"the header of {entry.name[:80]!r} is cut off")
    if (tail[:name_size], flags, method) != (entry.raw_name, entry.flags, entry.method):
        raise MalformedZip(f"the directory and the header of {entry.name[:80]!r} differ")
    extra = extras(tail[name_size:])
    is_behind = bool(entry.flags & DESCRIPTOR_FLAG)
    _check_local_sizes(entry, extra, (crc32, packed, size), is_behind=is_behind)
    data_offset: int = entry.header_offset + _LOCAL.size + name_size + extra_size
    rest = until - data_offset - entry.packed
    if is_behind:
        _check_descriptor(file, entry, data_offset + entry.packed, rest)
    elif rest:
        raise MalformedZip(f"there are bytes between {entry.name[:80]!r} and what follows it")
    return data_offset


def _check_local_sizes(
    entry: CentralEntry, extra: dict[int, bytes], found: tuple[int, int, int], *, is_behind: bool
) -> None:
    crc32, packed, size = found
    declared = (entry.crc32, entry.packed, entry.size)
    # Sizes may be left for behind the data; of eight bytes each when they are given as full.
    unknown = {(0, 0), (_FULL32, _FULL32)} if ZIP64_EXTRA in extra else {(0, 0)}
    is_left = (packed, size) in unknown and not crc32 and not any(extra.get(ZIP64_EXTRA, b""))
    if is_behind and is_left:
        return
    wide_size, wide_packed = wide_values(extra, [size, packed])
    if (crc32, wide_packed, wide_size) != declared:
        raise MalformedZip(f"the directory and the header of {entry.name[:80]!r} differ in size")


def _check_descriptor(file: Bytes, entry: CentralEntry, offset: int, length: int) -> None:
    """What stands behind the data, with or without a mark, with sizes of four or eight bytes."""
    known = set()
    for form in ("<3L", "<L2Q"):
        try:
            plain = struct.pack(form, entry.crc32, entry.packed, entry.size)
        except struct.error:
            continue  # sizes that do not fit in four bytes
        known |= {plain, b"PK\x07\x08" + plain}
    if length not in {len(item) for item in known} or file.read_at(offset, length) not in known:
        raise MalformedZip(f"what stands behind {entry.name[:80]!r} is not its sizes")


def _entry(entry: CentralEntry, data_offset: int) -> ZipEntry:
    return ZipEntry(
        name=entry.name,
        is_stored=entry.method == STORED,
        crc32=entry.crc32,
        size=entry.size,
        packed=entry.packed,
        offset=data_offset,
    )


def _stored(file: Bytes, entry: ZipEntry) -> Iterator[bytes]:
    place, left = entry.offset, entry.packed
    while left:
        piece = file.read_at(place, min(left, _CHUNK_BYTES))
        if not piece:
            raise MalformedZip(f"{entry.name[:80]!r} is cut off")
        yield piece
        place, left = place + len(piece), left - len(piece)


def _inflated(file: Bytes, entry: ZipEntry) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for packed in _stored(file, entry):
            data = packed
            while data and not inflater.eof:
                yield inflater.decompress(data, _CHUNK_BYTES)
                data = inflater.unconsumed_tail
            if inflater.eof and (inflater.unused_data or data):
                break
    except zlib.error as error:
        raise MalformedZip(f"{entry.name[:80]!r} cannot be inflated") from error
    if not inflater.eof or inflater.unused_data:
        raise MalformedZip(f"{entry.name[:80]!r} does not end where its data ends")
