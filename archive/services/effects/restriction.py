# SPDX-License-Identifier: Apache-2.0
"""Whether a record is restricted, and by which signed statement."""

from dataclasses import dataclass

from archive.canonical import JsonValue
from archive.catalog import evidence
from archive.catalog.restrictions import RestrictionRow, restriction_of
from archive.errors import NotFound
from archive.ids import RecordId
from archive.model.restriction import is_over
from archive.services.context import Archive


@dataclass(frozen=True, slots=True)
class RestrictionState:
    """Whether a record is restricted now, and the statement that says so, if there is any."""

    record_id: RecordId
    is_restricted: bool
    row: RestrictionRow | None

    def to_json(self, *, with_reason: bool = True) -> JsonValue:
        """The state as the command line and the API tell it."""
        row = self.row
        return {
            "id": str(self.record_id),
            "is_restricted": self.is_restricted,
            "until": row.until if row else None,
            "metadata": row.metadata_policy if row else None,
            "reason": row.reason if row and with_reason else None,
            "since": row.at if row else None,
            "statement_sha256": row.statement_sha256 if row else None,
        }


def restriction_state(archive: Archive, record_id: RecordId) -> RestrictionState:
    """Whether a record is restricted now. Raises NotFound."""
    with archive.database.reading() as connection:
        if evidence.capture_by_id(connection, str(record_id)) is None:
            raise NotFound(f"there is no record {record_id}")
        row = restriction_of(connection, str(record_id))
    is_on = row is not None and bool(row.is_restricted)
    ended = row is not None and is_over(row.until, archive.clock.now())
    return RestrictionState(record_id, is_on and not ended, row)
