# SPDX-License-Identifier: Apache-2.0
"""Rows of imports: which groups of which file are in, and the index over every record held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.tables import capture, cdx, import_group, part

Values = Mapping[str, Any]
GroupRow = Any  # a row of import_group, columns as attributes
CdxRow = Any  # a row of cdx, columns as attributes


@dataclass(frozen=True, slots=True)
class ImportRows:
    """Everything that one import statement adds, beside its containers."""

    group: Values
    cdx: Sequence[Values]


def add_import(connection: Connection, rows: ImportRows) -> None:
    """Insert the rows of one import statement.

    Where two statements are about one record, its row is that of the one with the lower digest,
    whatever the order; a record of an own capture keeps the capture's.
    """
    connection.execute(sa.insert(import_group).values(**rows.group))
    held = {row.offset: row for row in cdx_rows(connection, rows.group)}
    mine = rows.group["statement_sha256"]
    new = []
    for row in rows.cdx:
        there = held.get(row["offset"])
        if there is not None:
            if there.capture_number is not None or there.statement_sha256 < mine:
                continue
            connection.execute(
                sa.delete(cdx).where(
                    cdx.c.container_sha256 == row["container_sha256"],
                    cdx.c.offset == row["offset"],
                )
            )
        new.append(row)
    if new:
        _insert_rows(connection, new)


def _insert_rows(connection: Connection, rows: Sequence[Values]) -> None:
    # As `connection.execute(sa.insert(cdx), rows)`, in a third of the time: SQLAlchemy copies
    # every row into a dict of its own, and an import has millions.
    compiled = sa.insert(cdx).compile(dialect=connection.dialect)
    if compiled.positional and compiled.positiontup is not None:
        order = compiled.positiontup
        connection.exec_driver_sql(
            str(compiled), [tuple([row[name] for name in order]) for row in rows]
        )
    else:
        connection.exec_driver_sql(str(compiled), [dict(row) for row in rows])


def cdx_rows(connection: Connection, group: Values) -> Sequence[CdxRow]:
    """The index rows within a group's range, by offset."""
    return connection.execute(
        sa.select(cdx)
        .where(
            cdx.c.container_sha256 == group["container_sha256"],
            cdx.c.offset >= group["range_start"],
            cdx.c.offset < group["range_end"],
        )
        .order_by(cdx.c.offset)
    ).all()


def group_by_digest(connection: Connection, statement_sha256: str) -> GroupRow | None:
    """The group that this statement is about, or None."""
    wanted = sa.select(import_group).where(import_group.c.statement_sha256 == statement_sha256)
    return connection.execute(wanted).first()


def group_that_ends(connection: Connection, container_sha256: str, offset: int) -> GroupRow | None:
    """A group of a container that ends at an offset, or None."""
    return connection.execute(
        sa.select(import_group)
        .where(
            import_group.c.container_sha256 == container_sha256,
            import_group.c.range_start < offset,
            import_group.c.range_end == offset,
        )
        .order_by(import_group.c.range_start.desc())
        .limit(1)
    ).first()


def is_within(connection: Connection, container_sha256: str, start: int, end: int) -> bool:
    """Whether a record with an index row begins in this range of a container."""
    wanted = sa.select(sa.literal(1)).where(
        cdx.c.container_sha256 == container_sha256, cdx.c.offset >= start, cdx.c.offset < end
    )
    return connection.execute(wanted.limit(1)).first() is not None


def groups_of_source(connection: Connection, source_sha256: str) -> Sequence[GroupRow]:
    """Every group of a file that was given, by container and range."""
    return connection.execute(
        sa.select(import_group)
        .where(import_group.c.source_sha256 == source_sha256)
        .order_by(
            import_group.c.container_sha256,
            import_group.c.range_start,
            import_group.c.statement_sha256,
        )
    ).all()


def count_indexed(connection: Connection, container_sha256: str) -> int:
    """How many records of a container are in the index."""
    wanted = sa.select(sa.func.count()).where(cdx.c.container_sha256 == container_sha256)
    return int(connection.execute(wanted).scalar() or 0)


def every_imported_blob(connection: Connection) -> set[str]:
    """The digest of every file that was imported, and of every one that was packed anew."""
    columns = (import_group.c.source_sha256, import_group.c.container_sha256)
    return {
        sha256
        for column in columns
        for sha256 in connection.execute(sa.select(column).distinct()).scalars()
    }


def records_of_url(connection: Connection, container_sha256: str, urlkey: str) -> Sequence[CdxRow]:
    """The imported records of a container under a URL's key, by offset."""
    return connection.execute(
        sa.select(cdx)
        .where(
            cdx.c.urlkey == urlkey,
            cdx.c.container_sha256 == container_sha256,
            cdx.c.capture_number.is_(None),
        )
        .order_by(cdx.c.offset)
    ).all()


def pages_of(
    connection: Connection, container_sha256: str, media_types: Sequence[str]
) -> Sequence[CdxRow]:
    """The imported responses of a container with status 200 and one of these types, by offset."""
    return connection.execute(
        sa.select(cdx)
        .where(
            cdx.c.container_sha256 == container_sha256,
            cdx.c.record_type == "response",
            cdx.c.status == sa.literal(200),
            cdx.c.media_type.in_(media_types),
            cdx.c.capture_number.is_(None),
        )
        .order_by(cdx.c.offset)
    ).all()


def imported_with_sha256(connection: Connection, prefix: str, limit: int) -> Sequence[CdxRow]:
    """Imported records whose payload, or decoded body, has a SHA-256 that begins so.

    A revisit holds no payload: what its row has is the record's own word.
    """
    columns = (cdx.c.sha256, cdx.c.body_sha256)
    found: dict[tuple[str, int], CdxRow] = {}
    for column in columns:
        rows = connection.execute(
            sa.select(cdx)
            .where(
                column >= prefix,
                column < prefix + "g",
                cdx.c.record_type != "revisit",
                cdx.c.capture_number.is_(None),
            )
            .order_by(column, cdx.c.timestamp)
            .limit(limit)
        )
        found.update({(row.container_sha256, row.offset): row for row in rows})
    return sorted(found.values(), key=lambda row: (row.timestamp, row.offset))[:limit]


def is_imported_blob(connection: Connection, sha256: str) -> bool:
    """Whether a file with this digest was imported, or was made to be read in its place."""
    named = sa.or_(
        import_group.c.source_sha256 == sha256, import_group.c.container_sha256 == sha256
    )
    return connection.execute(sa.select(sa.literal(1)).where(named).limit(1)).first() is not None


def capture_at(connection: Connection, container_sha256: str, offset: int) -> str | None:
    """The ID of the first capture whose body lies in the record at this place, or None."""
    found = connection.execute(
        sa.select(capture.c.id)
        .join(part, part.c.capture_number == capture.c.number)
        .where(
            part.c.container_sha256 == container_sha256,
            part.c.offset == offset,
            part.c.role == "body",
        )
        .order_by(capture.c.number)
        .limit(1)
    ).scalar()
    return None if found is None else str(found)
