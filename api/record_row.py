# SPDX-License-Identifier: Apache-2.0
"""Reads a record for a door, with what was done with it: the one way that Flask's doors take."""

from api.record_json import RecordRow
from api.state import current_archive
from archive.digests import sha256_hex
from archive.errors import NotFound
from archive.ids import RecordId
from archive.services.effects.standing import standing_of, told_bytes


def record_row(record_id: str) -> RecordRow | None:
    """The record as it is served now, or None."""
    archive = current_archive()
    found = archive.hot.record(record_id)
    if found is None:
        return None
    data, sha256, policy, until, has_acts = found
    if not has_acts:
        return RecordRow(record_id, data, sha256, policy, until)
    standing = standing_of(archive, record_id)
    told = told_bytes(data, standing)
    return RecordRow(record_id, told, sha256_hex(told), policy, until, standing)


def required_row(record_id: RecordId) -> RecordRow:
    """The record as it is served now. Raises NotFound."""
    row = record_row(str(record_id))
    if row is None:
        raise NotFound(f"there is no record {record_id}")
    return row
