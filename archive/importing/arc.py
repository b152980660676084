# SPDX-License-Identifier: Apache-2.0
"""Reads ARC files (versions 1 and 2), and turns each record into a WARC record that says the same.

An ARC record is a line of words and then as many bytes as the line says. The address and date in
the line are kept; what is no date or address has no place in a WARC and is named instead.
"""

import ipaddress
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from archive.errors import MalformedTime, MalformedWarc
from archive.importing.base import IMPORT_LIMITS
from archive.importing.inflate import Stream
from archive.model.imported import Flaw
from archive.net.head import find_head_end
from archive.net.surt import repaired
from archive.warc.dates import read_warc_date
from archive.warc.read import ReadLimits
from archive.warc.write import serialised_record

ARC_START = b"filedesc://"
SOURCE_OFFSET_HEADER = "Muniment-Source-Offset"

_LINE_LIMIT = 64 * 1024
_SEPARATORS = 4  # line ends between two records: one by the standard, two by common writers
_V1_FIELDS, _V2_FIELDS = 5, 10
_LENGTH = re.compile(rb"[0-9]{1,15}")
_VERSION = re.compile(rb"([12]) [0-9] ")
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?")
_HTTP = re.compile(r"https?:", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[\x21-\x7e]{1,100}")


@dataclass(frozen=True, slots=True)
class ArcRecord:
    """One record as its line and block say; `offset` is where the line begins in the stream."""

    offset: int
    url: str
    address: str
    date: str
    media_type: str
    block: bytes


def read_arc(
    stream: Stream, limits: ReadLimits = IMPORT_LIMITS
) -> Iterator[tuple[int, ArcRecord] | Flaw]:
    """Each record with its number, from 1. Ends with a flaw at the first byte that does not fit."""
    number, offset, fields = 1, 0, _V1_FIELDS
    while True:
        try:
            found = _record_at(stream, offset, fields, limits)
            if found is None:
                return
            record, end = found
            if number == 1:
                fields = _fields_of_version(record)
        except MalformedWarc as error:
            place, reason = stream.source_offset(offset), stream.damage or error
            yield Flaw(number, place, error.code, str(reason), is_end=True)
            return
        yield number, record
        stream.release(end)
        number, offset = number + 1, end


def _record_at(
    stream: Stream, offset: int, fields: int, limits: ReadLimits
) -> tuple[ArcRecord, int] | None:
    start = bytes(stream.view[offset : offset + _LINE_LIMIT])
    if not start and stream.damage is None:
        return None
    line, newline, _ = start.partition(b"\n")
    if not newline:
        raise MalformedWarc("the record's line has no end")
    words = line.rstrip(b"\r").rsplit(b" ", fields - 1)
    if len(words) != fields or not _LENGTH.fullmatch(words[-1]):
        raise MalformedWarc(f"{line[:80]!r} is not the line of an ARC record with its length")
    length, begin = int(words[-1]), offset + len(line) + 1
    if length > limits.block_bytes:
        raise MalformedWarc(f"the block of {length} bytes exceeds the limit")
    block = bytes(stream.view[begin : begin + length])
    if len(block) < length:
        raise MalformedWarc(f"{length} bytes are declared, {len(block)} are there: truncated")
    after = bytes(stream.view[begin + length : begin + length + _SEPARATORS])
    blank = len(after) - len(after.lstrip(b"\r\n"))
    if after and not blank:
        raise MalformedWarc(f"the declared {length} bytes are followed by {after!r}, no line end")
    url, address, date, media_type = (word.decode("utf-8", "replace") for word in words[:4])
    return ArcRecord(offset, url, address, date, media_type, block), begin + length + blank


def _fields_of_version(first: ArcRecord) -> int:
    match = _VERSION.match(first.block)
    if not first.url.startswith(ARC_START.decode()) or match is None:
        raise MalformedWarc("the first record does not tell the version of ARC")
    return _V1_FIELDS if match[1] == b"1" else _V2_FIELDS


def as_warc(record: ArcRecord, source_sha256: str) -> bytes:
    """The WARC record that says the same, always the same bytes. Raises MalformedTime."""
    target, date = repaired(record.url), _w3c_date(record.date)
    record_id = uuid.uuid5(uuid.NAMESPACE_OID, f"{source_sha256} {record.offset}")
    fields = [
        ("WARC-Record-ID", f"<urn:uuid:{record_id}>"),
        ("WARC-Date", date),
        ("WARC-Target-URI", target),
        (SOURCE_OFFSET_HEADER, str(record.offset)),
    ]
    if (address := _address(record.address)) is not None:
        fields.append(("WARC-IP-Address", address))
    is_answer = record.block.startswith(b"HTTP/") and find_head_end(record.block) is not None
    if target.startswith(ARC_START.decode()):
        kind, media_type = "metadata", "text/plain"
    elif _HTTP.match(target) and is_answer:
        kind, media_type = "response", "application/http;msgtype=response"
    else:
        kind, media_type = "resource", record.media_type
    if _MEDIA_TYPE.fullmatch(media_type):
        fields.append(("Content-Type", media_type))
    return serialised_record(kind, fields, record.block)


def _w3c_date(digits: str) -> str:
    match = _DATE.fullmatch(digits)
    if match is None:
        raise MalformedTime(f"ARC date {digits[:40]!r} is not of the form YYYYMMDD[hhmm[ss]]")
    year, month, day, hour, minute, second = match.groups()
    date = f"{year}-{month}-{day}"
    if hour is not None:
        date += f"T{hour}:{minute}" + (f":{second}Z" if second is not None else "Z")
    return read_warc_date(date).raw


def _address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if address.is_unspecified else str(address)
