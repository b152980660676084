# SPDX-License-Identifier: Apache-2.0
"""Hands out the bytes of a part, read by range from its WARC record and compared with the record.

Bytes that are not those on record are never handed out as the part.
"""

from dataclasses import dataclass

from archive.catalog import evidence
from archive.digests import sha256_hex
from archive.errors import NotFound, ObjectConflict
from archive.ids import RecordId
from archive.model.inventory import ROLES, RecordSpan
from archive.services.context import Archive
from archive.services.effects.redacted import place_now
from archive.services.effects.standing import read_standing, refuse_withdrawn
from archive.storage.layout import blob_key
from archive.warc.parts import open_part
from archive.warc.read import read_record


@dataclass(frozen=True, slots=True)
class ServedPart:
    """A part's bytes, its media type and its SHA-256."""

    data: bytes
    media_type: str
    sha256: str


def part_bytes(archive: Archive, capture_id: RecordId, role: str) -> ServedPart:
    """The part of a capture.

    Raises NotFound (no such capture or part, or a private part, which is not handed out),
    RecordWithdrawn, PartRedacted, ObjectConflict when the stored bytes are not those on record,
    StorageError.
    """
    row = None
    if role in ROLES:
        with archive.database.reading() as connection:
            row = evidence.part_of(connection, str(capture_id), role)
            refuse_withdrawn(read_standing(connection, str(capture_id)))
    if row is None or row.sha256 is None:
        raise NotFound(f"record {capture_id} has no public part {role!r}")
    with archive.database.reading() as connection:
        span = place_now(connection, _span(row))
    member = archive.store.get_range(blob_key(span.container_sha256), span.offset, span.length)
    opened = open_part(read_record(member), role, row.size)
    if opened.sha256 != row.sha256:
        raise ObjectConflict(f"the {role} of {capture_id} is damaged: run `muniment audit`")
    return ServedPart(opened.data, row.media_type, sha256_hex(opened.data))


def _span(row: evidence.PartRow) -> RecordSpan:
    return RecordSpan(
        row.container_sha256, row.offset, row.length, row.record_id, row.record_sha256
    )
