# SPDX-License-Identifier: Apache-2.0
"""Finds the capture that already holds a payload, so that the same bytes are kept once."""

from sqlalchemy.engine import Connection

from archive.catalog import evidence
from archive.digests import sha256_hex
from archive.errors import StorageError
from archive.model.fetch import Fetch
from archive.model.inventory import Container, Part, RecordSpan
from archive.services.capturing.container import Unchanged
from archive.services.context import Archive
from archive.storage.layout import blob_key
from archive.warc.parts import open_part
from archive.warc.read import WarcRecord, read_record
from archive.warc.write import RevisitTarget


def unchanged_payload(archive: Archive, connection: Connection, fetch: Fetch) -> Unchanged | None:
    """The first capture of the same payload, when its bytes can be read now, or None."""
    last = fetch.last
    if last is None:
        return None
    is_coded = bool(fetch.codings) and fetch.coding_flaw is None
    first = evidence.first_with_payload(
        connection, "body-raw" if is_coded else "body", last.payload_sha256
    )
    if first is None:
        return None
    parts = tuple(
        _part(row)
        for row in evidence.parts_of(connection, first.number)
        if row.role in {"body", "body-raw", "text"}
        and row.container_sha256 == first.container_sha256
    )
    body = next((part for part in parts if part.role == "body"), None)
    size = evidence.container_size(connection, first.container_sha256)
    record = None if body is None else _read_again(archive, body.span)
    if body is None or size is None or record is None or record.target_uri is None:
        return None
    # The catalogue only says where to look; whether it is this payload, the bytes say.
    if open_part(record, "body-raw", len(last.payload)).sha256 != last.payload_sha256:
        return None
    return Unchanged(
        RevisitTarget(
            record_id=record.record_id,
            target_uri=record.target_uri,
            date=record.date,
            payload_sha256=last.payload_sha256,
        ),
        Container(first.container_sha256, size),
        parts,
    )


def _read_again(archive: Archive, span: RecordSpan) -> WarcRecord | None:
    # A revisit may only lean on bytes that can be read now; otherwise the body is stored again.
    try:
        data = archive.store.get_range(blob_key(span.container_sha256), span.offset, span.length)
    except StorageError:
        return None
    if sha256_hex(data) != span.record_sha256:
        return None
    record = read_record(data)
    return record if record.type == "response" else None


def _part(row: evidence.PartRow) -> Part:
    return Part(
        role=row.role,
        media_type=row.media_type,
        size=row.size,
        span=RecordSpan(
            row.container_sha256, row.offset, row.length, row.record_id, row.record_sha256
        ),
        sha256=row.sha256,
        sha1=row.sha1,
        commitment=row.commitment,
    )
