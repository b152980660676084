# SPDX-License-Identifier: Apache-2.0
"""Reads WARC records strictly and under limits: what does not fit is refused, never skipped.

A reader that resynchronises after a wrong length shows one set of records where another reader
shows another (warcio issues 121, 131, 138). This one names the record and the offset and stops.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from archive.digests import sha256_hex
from archive.errors import MalformedWarc, OversizedRecord, SharedMember
from archive.net.head import find_head_end
from archive.warc.header import HEADER_END, Fields, Header, read_header
from archive.warc.members import GZIP_MAGIC, MemberReader, View

RECORD_END = b"\r\n\r\n"

_PLAIN_START = b"WARC/"
_LOOK_AHEAD_BYTES = 16
_USUAL_HEADER_BYTES = 4096
_SKIPPED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much one record may take, in bytes; `ratio` is decoded to stored size.

    The ratio counts from `ratio_free_bytes` of decoded bytes on. Deflate cannot exceed 1,032 to
    1, so the default lets through all that this archive can have written itself.
    """

    header_bytes: int = 64 * 1024
    block_bytes: int = 512 * 1024 * 1024
    ratio: int = 1_100
    ratio_free_bytes: int = 0


DEFAULT_LIMITS = ReadLimits()


@dataclass(frozen=True)
class WarcRecord:
    """One record: its fields and block, and where its stored bytes lie in the container.

    `date` is as written (`read_warc_date` reads it). `target_uri` is as written, save the angle
    brackets in which some WARC 1.0 writers put it; `headers` keeps them. `first` has the first
    value of each field under its lower-case name.
    """

    version: str
    type: str
    record_id: str
    target_uri: str | None
    date: str
    headers: Fields
    block: bytes
    offset: int
    length: int
    first: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.first:
            values = {name.lower(): value for name, value in reversed(self.headers)}
            object.__setattr__(self, "first", values)

    @cached_property
    def http_body_start(self) -> int:
        """Where the body of an HTTP message begins: its end, when the head has no blank line."""
        end = find_head_end(self.block)
        return len(self.block) if end is None else end

    @cached_property
    def http_body_sha256(self) -> str:
        """The digest of the HTTP body as received, taken once for all who compare it."""
        return sha256_hex(memoryview(self.block)[self.http_body_start :])

    @cached_property
    def http_body_sha1(self) -> bytes:
        """The SHA-1 of the HTTP body as received, to compare with what others state."""
        body = memoryview(self.block)[self.http_body_start :]
        return hashlib.sha1(body, usedforsecurity=False).digest()

    def header(self, name: str) -> str | None:
        """The first value of a field (names compare without case), or None."""
        return self.first.get(name.lower())


def read_records(
    data: bytes | memoryview, limits: ReadLimits = DEFAULT_LIMITS
) -> Iterator[WarcRecord]:
    """Each record of a WARC file, plain or with one gzip member per record, one at a time.

    Raises MalformedWarc, naming record and offset, at the first byte that does not fit, and for
    a file without any record. Takes time in proportion to the bytes, whatever they are.
    """
    view = memoryview(data)
    if not view:
        raise MalformedWarc("record 1 at offset 0: the file is empty")
    number, offset = 1, 0
    while offset < len(view):
        record = _numbered(view, number, offset, limits)
        yield record
        number, offset = number + 1, offset + record.length


def read_record(member: bytes | memoryview, limits: ReadLimits = DEFAULT_LIMITS) -> WarcRecord:
    """The one record that these stored bytes are, as a range read of a container gives them.

    Raises MalformedWarc when they are more or less than exactly one record.
    """
    record = _numbered(memoryview(member), 1, 0, limits)
    if record.length != len(member):
        raise MalformedWarc(
            f"record 1 at offset 0: {len(member) - record.length} bytes follow its end"
        )
    return record


def read_at(view: View, offset: int, limits: ReadLimits) -> WarcRecord:
    """The record that begins at this offset.

    Raises MalformedWarc, as OversizedRecord or SharedMember where it is one of these.
    """
    start = bytes(view[offset : offset + len(_PLAIN_START)])
    if start.startswith(GZIP_MAGIC):
        return _read_member(view, offset, limits)
    if start == _PLAIN_START:
        return _read_plain(view, offset, limits)
    raise MalformedWarc(f"begins with {start!r}, neither a gzip member nor {_PLAIN_START.decode()}")


def _numbered(view: View, number: int, offset: int, limits: ReadLimits) -> WarcRecord:
    try:
        return read_at(view, offset, limits)
    except MalformedWarc as error:
        raise type(error)(f"record {number} at offset {offset}: {error}") from error


def end_of_oversized(view: View, offset: int, limits: ReadLimits) -> int:
    """Where the record ends that was refused as an OversizedRecord; its bytes are passed over.

    Raises MalformedWarc when the end cannot be found, or the member is a bomb.
    """
    if bytes(view[offset : offset + len(GZIP_MAGIC)]) != GZIP_MAGIC:
        most = limits.header_bytes + len(HEADER_END)
        header = read_header(bytes(view[offset : offset + most]))
        end = offset + (header.block_start + header.block_length if header else most)
        if bytes(view[end : end + len(RECORD_END)]) != RECORD_END:
            raise MalformedWarc("an oversized record does not end where it says")
        return end + len(RECORD_END)
    member, size, start = MemberReader(view, offset), 0, b""
    while not member.is_finished:
        piece = member.read(_SKIPPED_BYTES)
        size += len(piece)
        if len(start) <= limits.header_bytes:
            start += piece[: limits.header_bytes + len(HEADER_END)]
        _refuse_bomb(size, member.end - offset, limits)
    header = read_header(start[: limits.header_bytes + len(HEADER_END)])
    if header is None or size != header.block_start + header.block_length + len(RECORD_END):
        raise MalformedWarc("an oversized record does not end where it says")
    return member.end


def _refuse_bomb(size: int, stored: int, limits: ReadLimits) -> None:
    if size > max(limits.ratio_free_bytes, limits.ratio * stored):
        raise MalformedWarc(f"the gzip member expands more than {limits.ratio} times")


def _read_member(view: View, offset: int, limits: ReadLimits) -> WarcRecord:
    member = MemberReader(view, offset)
    header: Header | None = None
    raw = b""
    pieces: list[bytes] = []
    size, ceiling = 0, limits.header_bytes + limits.block_bytes + len(RECORD_END)
    while not member.is_finished and size <= ceiling:
        pieces.append(member.read(ceiling - size + _LOOK_AHEAD_BYTES))
        size += len(pieces[-1])
        _refuse_bomb(size, member.end - offset, limits)
        if header is None:
            raw = b"".join(pieces)
            header = _header_within(raw, limits)
            if header is not None:
                ceiling = header.block_start + header.block_length + len(RECORD_END)
    if header is None:
        raise MalformedWarc("the gzip member holds no complete record header")
    if len(pieces) > 1:
        raw = b"".join(pieces)
    block_end = header.block_start + header.block_length
    if raw[block_end:] != RECORD_END:
        raise _what_follows(header, raw[block_end:], is_whole=member.is_finished)
    return _record(header, raw[header.block_start : block_end], (offset, member.end - offset))


def _read_plain(view: View, offset: int, limits: ReadLimits) -> WarcRecord:
    # Most headers are short; the second, longer look is for the rest.
    header = _header_within(bytes(view[offset : offset + _USUAL_HEADER_BYTES]), limits)
    if header is None:
        most = limits.header_bytes + len(HEADER_END)
        header = _header_within(bytes(view[offset : offset + most]), limits)
    if header is None:
        raise MalformedWarc("the record header has no end: the file is truncated")
    block_start = offset + header.block_start
    block_end = block_start + header.block_length
    end = block_end + len(RECORD_END)
    if end > len(view) or view[block_end:end] != RECORD_END:
        raise _what_follows(header, bytes(view[block_end:end]), is_whole=False)
    return _record(header, bytes(view[block_start:block_end]), (offset, end - offset))


def _header_within(start: bytes, limits: ReadLimits) -> Header | None:
    header = read_header(start[: limits.header_bytes + len(HEADER_END)])
    if header is None and len(start) > limits.header_bytes:
        raise MalformedWarc(f"the record header exceeds {limits.header_bytes} bytes")
    if header is not None and header.block_length > limits.block_bytes:
        raise OversizedRecord(
            f"the block of {header.block_length} bytes exceeds the limit of {limits.block_bytes}"
        )
    return header


def _what_follows(header: Header, rest: bytes, *, is_whole: bool) -> MalformedWarc:
    if rest.startswith(RECORD_END):
        if rest.lstrip(b"\r\n").startswith(_PLAIN_START):
            return SharedMember(
                "one gzip member holds several records; the file must be re-packed with one "
                "member per record before its records can be read by range"
            )
        return MalformedWarc("the gzip member goes on after the record")
    declared = f"the declared {header.block_length} bytes of block"
    if len(rest) < len(RECORD_END) and RECORD_END.startswith(rest) and not is_whole:
        return MalformedWarc(
            f"{declared} and their two closing line ends are not all there: truncated"
        )
    return MalformedWarc(
        f"{declared} are followed by {rest[:4]!r}, not by two line ends: wrong Content-Length"
    )


def _record(header: Header, block: bytes, stored: tuple[int, int]) -> WarcRecord:
    first = header.first
    target = first.get("warc-target-uri")
    if target is not None and target[:1] == "<" and target[-1:] == ">":
        target = target[1:-1]
    return WarcRecord(
        version=header.version,
        type=first["warc-type"],
        record_id=first["warc-record-id"],
        target_uri=target,
        date=first["warc-date"],
        headers=header.fields,
        block=block,
        offset=stored[0],
        length=stored[1],
        first=first,
    )
