# SPDX-License-Identifier: Apache-2.0
"""Which stored files were erased by a redaction, and the parts that lie in given places.

How the rest of a file lies in its new one is in the content of the statement, which the table of
acts holds.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.absent import insert_absent
from archive.catalog.tables import act, capture, cdx, import_group, part, replacement

_BATCH = 400
PlacedPart = Any  # a row of the part table, and the ID of its capture as `capture_id`


@dataclass(frozen=True, slots=True)
class ReplacementRow:
    """A file that a statement says was erased, and the digest of what remains, if anything."""

    old_sha256: str
    statement_sha256: str
    new_sha256: str | None


def add_replacements(connection: Connection, rows: Sequence[ReplacementRow]) -> None:
    """Insert rows; those that are there stay as they are."""
    insert_absent(connection, replacement, [asdict(row) for row in rows])


def replacements_by(connection: Connection, statement_sha256: str) -> list[ReplacementRow]:
    """The rows that a statement gave, by digest of the old file."""
    return _rows(connection, replacement.c.statement_sha256 == statement_sha256)


def replacement_of(connection: Connection, old_sha256: str) -> ReplacementRow | None:
    """What became of a file, or None when it was not erased."""
    found = _rows(connection, replacement.c.old_sha256 == old_sha256)
    return found[0] if found else None


def every_replacement(connection: Connection) -> list[ReplacementRow]:
    """Every file that was erased."""
    return _rows(connection, sa.true())


def act_content(connection: Connection, statement_sha256: str) -> bytes | None:
    """The content of an act's statement as the catalogue has it, or None."""
    wanted = sa.select(act.c.content).where(act.c.statement_sha256 == statement_sha256).limit(1)
    found = connection.execute(wanted).scalar()
    return None if found is None else bytes(found)


def parts_of_captures(connection: Connection, ids: Sequence[str]) -> list[PlacedPart]:
    """Every part of these captures."""
    return _parts(connection, capture.c.id, ids)


def parts_in(connection: Connection, containers: Sequence[str]) -> list[PlacedPart]:
    """Every part that lies in one of these files."""
    return _parts(connection, part.c.container_sha256, containers)


def parts_with(
    connection: Connection, digests: Sequence[str], roles: Sequence[str]
) -> list[PlacedPart]:
    """Every part in one of these roles with one of these SHA-256."""
    return [row for row in _parts(connection, part.c.sha256, digests) if row.role in roles]


def indexed_with(connection: Connection, digests: Sequence[str]) -> list[Any]:
    """Imported records without a record ID whose payload or body has one of these SHA-256."""
    found: dict[tuple[str, int], Any] = {}
    for column in (cdx.c.sha256, cdx.c.body_sha256):
        wanted = sa.select(cdx).where(
            column.in_(digests), cdx.c.capture_number.is_(None), cdx.c.record_type != "revisit"
        )
        for row in connection.execute(wanted):
            found[row.container_sha256, row.offset] = row
    return list(found.values())


def sources_of(connection: Connection, containers: Sequence[str]) -> list[tuple[str, int]]:
    """The files as they were given from which these imported containers were packed anew."""
    wanted = sa.select(import_group.c.source_sha256, import_group.c.source_size).where(
        import_group.c.container_sha256.in_(containers),
        import_group.c.source_sha256 != import_group.c.container_sha256,
    )
    return sorted({(row.source_sha256, row.source_size) for row in connection.execute(wanted)})


def _parts(
    connection: Connection, column: sa.ColumnElement[str], values: Sequence[str]
) -> list[PlacedPart]:
    found: list[PlacedPart] = []
    for start in range(0, len(values), _BATCH):
        found += connection.execute(
            sa.select(part, capture.c.id.label("capture_id"))
            .join(capture, capture.c.number == part.c.capture_number)
            .where(column.in_(values[start : start + _BATCH]))
            .order_by(part.c.capture_number, part.c.role)
        ).all()
    return found


def _rows(connection: Connection, condition: sa.ColumnElement[bool]) -> list[ReplacementRow]:
    ordered = (
        sa.select(replacement)
        .where(condition)
        .order_by(replacement.c.old_sha256, replacement.c.statement_sha256)
    )
    return [ReplacementRow(**row) for row in connection.execute(ordered).mappings()]
