# SPDX-License-Identifier: Apache-2.0
"""Tells in which imported records some bytes are, where no record ID names them yet.

That is a find and no verification: the index says so, and nobody has cited the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from archive.canonical import JsonValue
from archive.catalog.imports import (
    capture_at,
    group_by_digest,
    imported_with_sha256,
    is_imported_blob,
)
from archive.model.inventory import RecordSpan
from archive.services.context import Archive
from archive.services.effects.redacted import is_removed

_HOW_TO_CITE = "`muniment import --cite URL FILE` gives it one"


@dataclass(frozen=True, slots=True)
class ImportedMatch:
    """An imported record that carries the bytes, and the import that lists it.

    `role` is `payload` (as received, without transfer coding) or `body` (content coding undone).
    `is_removed` says that a redaction removed the bytes, and the digest alone is left.
    """

    role: str
    sha256: str
    url: str
    date: str
    source_name: str
    source_sha256: str
    container_sha256: str
    offset: int
    statement_sha256: str
    is_removed: bool = False

    def to_json(self) -> JsonValue:
        """The match as a member of an answer."""
        return {
            "id": None,
            "state": "redacted" if self.is_removed else "indexed",
            "part": self.role,
            "sha256": self.sha256,
            "url": self.url,
            "date": self.date,
            "source": {"name": self.source_name, "sha256": self.source_sha256},
            "container_sha256": self.container_sha256,
            "offset": self.offset,
            "import_statement_sha256": self.statement_sha256,
        }


def find_imported(archive: Archive, prefix: str, limit: int) -> tuple[ImportedMatch, ...]:
    """Imported records without an ID whose payload or body has a SHA-256 that begins so."""
    found = []
    with archive.database.reading() as connection:
        for row in imported_with_sha256(connection, prefix, limit):
            group = group_by_digest(connection, row.statement_sha256)
            has_id = capture_at(connection, row.container_sha256, row.offset) is not None
            if group is None or has_id:
                continue
            is_body = (row.body_sha256 or "").startswith(prefix)
            span = RecordSpan(row.container_sha256, row.offset, row.length, row.record_id, "")
            found.append(
                ImportedMatch(
                    role="body" if is_body else "payload",
                    sha256=row.body_sha256 if is_body else row.sha256,
                    url=row.url,
                    date=row.date,
                    source_name=group.source_name,
                    source_sha256=group.source_sha256,
                    container_sha256=row.container_sha256,
                    offset=row.offset,
                    statement_sha256=row.statement_sha256,
                    is_removed=is_removed(connection, span),
                )
            )
    return tuple(found)


def is_imported_file(archive: Archive, sha256: str) -> bool:
    """Whether this is the digest of a file that was imported, or of what it was packed anew to."""
    with archive.database.reading() as connection:
        return is_imported_blob(connection, sha256)


def imported_note(found: Sequence[ImportedMatch]) -> str:
    """What to tell somebody who asked about these bytes."""
    first = found[0]
    more = f", and in {len(found) - 1} more" if len(found) > 1 else ""
    return (
        f"in an imported record, no record ID yet: the {first.role} of {first.url} of "
        f"{first.date}, in {first.source_name}{more}; "
        + ("removed since by a redaction" if first.is_removed else _HOW_TO_CITE)
    )
