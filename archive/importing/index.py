# SPDX-License-Identifier: Apache-2.0
"""Makes index rows out of foreign records, and checks what the records claim of themselves.

A digest is taken from the bytes, never from the record; a claimed one that differs is named as a
flaw and stays what it is.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from archive.digests import base32_of_sha1
from archive.errors import InputTooLarge, MalformedEvidence, UndecodableBody
from archive.importing.base import IMPORT_LIMITS, Begin, Numbered, Reader, Source
from archive.importing.warc import read_warc
from archive.model.imported import TYPES, Flaw, IndexRow
from archive.net.codings import DecodingLimits, content_codings, undo_content_coding
from archive.net.head import header_values
from archive.net.surt import repaired
from archive.warc.flaws import WARC_DATE, WARC_TARGET_URI, examine_record, read_stated
from archive.warc.http import HttpParts, http_parts, is_http
from archive.warc.parts import declared_media_type
from archive.warc.read import WarcRecord

GROUP_RECORDS = 1_000
# Keeps the content file of a group below the limit of canonical JSON (16 MiB), though each byte of
# a text may be escaped, and each flaw have the most bytes that it can.
_GROUP_TEXT_BYTES = 4 * 1024 * 1024
_FLAW_BYTES = 1_000
_DECODING = DecodingLimits(IMPORT_LIMITS.block_bytes, IMPORT_LIMITS.ratio)
_CODED = b"content-encoding"
_USUAL_DIGEST = re.compile(r"sha1:[A-Z2-7]{32}")
_METHOD = re.compile(rb"[A-Z]{1,20}(?= )")


@dataclass
class IndexedGroup:
    """What was read of a stretch: the rows and flaws, and where it ended.

    `records` counts those of every type, and those that were passed over. `is_ended` says that
    nothing behind could be read.
    """

    start: int
    first_record: int
    end: int
    records: int = 0
    rows: list[IndexRow] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)
    is_ended: bool = False


def index_source(
    source: Source, begin: Begin, until: int, reader: Reader = read_warc
) -> Iterator[IndexedGroup]:
    """The records that begin before `until`, in groups of at most GROUP_RECORDS; at least one.

    The last group's `end` is where the next record begins, or where the reading ended.
    """
    current = _Gathering(begin)
    offset, number = begin.offset, begin.number
    if offset >= min(until, source.size):
        yield current.finish(offset)
        return
    for item in reader(source, begin):
        if isinstance(item, Flaw):
            current.group.flaws.append(item)
            offset = item.offset
            if item.is_end:
                current.group.is_ended = True
                break
            # A record that was passed over counts, and its end is where the next one begins.
            current.group.records, number = current.group.records + 1, number + 1
            continue
        offset = item.record.offset
        if offset >= until:
            break
        if current.is_full:
            yield current.finish(offset)
            current = _Gathering(Begin(offset, number))
        current.add(item)
        offset, number = offset + item.record.length, number + 1
        if offset >= until:
            break
    else:
        offset = source.size
    yield current.finish(offset)


class _Gathering:
    """One group under way. Requests are remembered, so that answers to a POST can be told."""

    def __init__(self, begin: Begin) -> None:
        self.group = IndexedGroup(begin.offset, begin.number, begin.offset)
        self._methods: dict[str, str] = {}
        self._concurrent: dict[int, tuple[str, ...]] = {}
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return self.group.records >= GROUP_RECORDS or self._bytes >= _GROUP_TEXT_BYTES

    def add(self, item: Numbered) -> None:
        record = item.record
        self.group.records += 1
        if record.type == "request":
            self._remember(record)
        row, found = index_record(item)
        self.group.flaws += found
        if row is not None:
            named = (row.record_id, record.header("WARC-Concurrent-To") or "")
            self._concurrent[len(self.group.rows)] = named
            self.group.rows.append(row)
            self._bytes += _utf8_size(row.url) + _utf8_size(row.record_id) + len(row.date)
        self._bytes += _FLAW_BYTES * len(found)

    def finish(self, end: int) -> IndexedGroup:
        for place, names in self._concurrent.items():
            method = next((self._methods[name] for name in names if name in self._methods), None)
            if method is not None:
                self.group.rows[place] = self.group.rows[place].asked_by(method)
        self.group.end = end
        return self.group

    def _remember(self, record: WarcRecord) -> None:
        method = request_method(record)
        if method is None:
            return
        # Either record may name the other (ISO 28500:2017 5.7).
        for name in (record.record_id, record.header("WARC-Concurrent-To")):
            if name:
                self._methods[name] = method


def _utf8_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8"))


def request_method(record: WarcRecord) -> str | None:
    """The method of a request record, or None where its first line begins with none."""
    match = _METHOD.match(record.block)
    return None if match is None else match[0].decode("ascii")


@dataclass(frozen=True, slots=True)
class _Payload:
    """What a record carries, without transfer coding, and what its head says of it."""

    data: bytes | memoryview
    media_type: str | None = None
    status: int | None = None
    codings: tuple[str, ...] = ()


def index_record(item: Numbered) -> tuple[IndexRow | None, list[Flaw]]:
    """The row of a record, or None where it gets none, and everything wrong with it."""
    record = item.record
    if record.type not in TYPES:
        return None, [_flaw(item, one.code, one.detail) for one in examine_record(record).flaws]
    flaws: list[Flaw] = []
    payload = _payload(item, flaws)
    sha1, sha256 = _digests(record, payload)
    taken = () if record.type == "revisit" else (f"sha1:{sha1}", f"sha256:{sha256}")
    found = examine_record(record, taken).flaws
    flaws += [_flaw(item, one.code, one.detail) for one in found]
    codes = {one.code for one in found}
    if WARC_DATE in codes or record.target_uri is None:
        # Without a time or a target there is no place for it in an index.
        return None, flaws
    target = record.target_uri
    row = IndexRow(
        offset=record.offset,
        length=record.length,
        type=record.type,
        record_id=record.record_id,
        url=repaired(target) if WARC_TARGET_URI in codes else target,
        date=record.date,
        media_type=payload.media_type,
        status=payload.status,
        method=None,
        size=0 if record.type == "revisit" else len(payload.data),
        sha1=sha1,
        sha256=sha256,
        body_sha256=_decoded_sha256(payload) if record.type != "revisit" else None,
    )
    return row, flaws


def _payload(item: Numbered, flaws: list[Flaw]) -> _Payload:
    record = item.record
    if record.type == "resource" or not is_http(record):
        return _Payload(record.block, _media_type(record.header("Content-Type")))
    try:
        parts = http_parts(record)
    except UndecodableBody as error:
        flaws.append(_flaw(item, error.code, str(error)))
        return _Payload(memoryview(record.block)[record.http_body_start :])
    except MalformedEvidence as error:
        flaws.append(_flaw(item, error.code, str(error)))
        return _Payload(memoryview(record.block)[record.http_body_start :])
    return _of_parts(parts)


def _of_parts(parts: HttpParts) -> _Payload:
    sent = header_values(parts.headers, "content-type")
    return _Payload(
        data=parts.payload,
        media_type=_media_type(sent[0] if sent else None),
        status=parts.status,
        codings=content_codings(parts.headers) if _CODED in parts.head.lower() else (),
    )


def _digests(record: WarcRecord, payload: _Payload) -> tuple[str | None, str | None]:
    """SHA-1 and SHA-256 of the payload, or what a revisit states of it."""
    if record.type == "revisit":
        stated = record.header("WARC-Payload-Digest") or ""
        if _USUAL_DIGEST.fullmatch(stated):
            return stated.partition(":")[2], None
        name, digest = read_stated(stated)
        if digest is None:
            return None, None
        return (
            base32_of_sha1(digest) if name == "sha1" else None,
            digest.hex() if name == "sha256" else None,
        )
    # Undoing chunks always takes bytes away, so equal lengths mean the body as received.
    if is_http(record) and len(payload.data) == len(record.block) - record.http_body_start:
        return base32_of_sha1(record.http_body_sha1), record.http_body_sha256
    sha1 = hashlib.sha1(payload.data, usedforsecurity=False).digest()
    return base32_of_sha1(sha1), hashlib.sha256(payload.data).hexdigest()


def _media_type(sent: str | None) -> str | None:
    return declared_media_type(sent) if sent else None


def _decoded_sha256(payload: _Payload) -> str | None:
    if not payload.codings or not payload.data:
        return None
    try:
        body = undo_content_coding(bytes(payload.data), payload.codings, _DECODING)
    except (UndecodableBody, InputTooLarge):
        # Not coded as declared: then the body is the payload as it came.
        return None
    return hashlib.sha256(body).hexdigest()


def _flaw(item: Numbered, code: str, detail: str) -> Flaw:
    return Flaw(item.number, item.record.offset, code, detail)
