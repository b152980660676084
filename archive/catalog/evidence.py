# SPDX-License-Identifier: Apache-2.0
"""Rows of the evidence tables: written once with their capture, looked up by ID, URL, digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from archive.catalog.absent import Values, insert_absent
from archive.catalog.restrictions import Viewer, is_visible
from archive.catalog.tables import (
    EVIDENCE_TABLES,
    capture,
    cdx,
    container,
    keyset,
    observation,
    part,
    statement,
)

PartRow = Any  # a row of the part table, columns as attributes


def _first_with(role: str) -> sa.Select[Any]:
    wanted = (
        sa.select(capture)
        .join(part, part.c.capture_number == capture.c.number)
        .where(part.c.sha256 == sa.bindparam("sha256"), part.c.role == role)
        .where(part.c.container_sha256 == capture.c.container_sha256)
        .order_by(capture.c.number)
        .limit(1)
    )
    if role == "body-raw":
        return wanted
    raw = part.alias()
    is_coded = sa.exists().where(raw.c.capture_number == capture.c.number, raw.c.role == "body-raw")
    return wanted.where(~is_coded)


# Built once: building them takes longer than running them.
_FIRST_PLAIN, _FIRST_CODED = _first_with("body"), _first_with("body-raw")
_LATEST = (
    sa.select(capture)
    .where(capture.c.url == sa.bindparam("url"), capture.c.vantage == sa.bindparam("vantage"))
    .order_by(capture.c.number.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class CaptureRows:
    """Everything that one capture adds to the catalogue."""

    capture: Values
    parts: Sequence[Values]
    containers: Sequence[Values]
    cdx: Values | None


@dataclass(frozen=True, slots=True)
class PartMatch:
    """A part that has a wanted digest, and the capture that it belongs to."""

    capture_id: str
    role: str
    sha256: str
    captured_at: str


def add_captures(connection: Connection, group: Sequence[CaptureRows]) -> None:
    """Insert the rows of a group of captures."""
    add_containers(connection, [item for rows in group for item in rows.containers])
    connection.execute(sa.insert(capture), [dict(rows.capture) for rows in group])
    connection.execute(sa.insert(part), [dict(item) for rows in group for item in rows.parts])
    indexed = [dict(rows.cdx) for rows in group if rows.cdx is not None]
    if indexed:
        connection.execute(sa.insert(cdx), indexed)


def add_containers(connection: Connection, rows: Sequence[Values]) -> None:
    """Insert those containers that are not listed yet."""
    insert_absent(connection, container, rows)


def add_observation(connection: Connection, row: Values, containers: Sequence[Values]) -> None:
    """Insert an observation; one that is there already stays as it is."""
    add_containers(connection, containers)
    insert_absent(connection, observation, [row])


def add_keyset(connection: Connection, row: Values) -> None:
    """Insert a keyset version."""
    connection.execute(sa.insert(keyset).values(**row))


def keyset_content(connection: Connection, version: int) -> str | None:
    """The digest of the content of a keyset version that was taken in, or None."""
    wanted = sa.select(keyset.c.content_sha256).where(keyset.c.version == version)
    found = connection.execute(wanted).scalar()
    return None if found is None else str(found)


def highest_keyset(connection: Connection) -> int:
    """The highest keyset version that was ever taken in; 0 when there is none."""
    return connection.execute(sa.select(sa.func.max(keyset.c.version))).scalar() or 0


def capture_by_id(connection: Connection, capture_id: str) -> Row[Any] | None:
    """The capture's row by its canonical ID, or None."""
    return connection.execute(sa.select(capture).where(capture.c.id == capture_id)).first()


def latest_capture(connection: Connection, url: str, vantage: str) -> Row[Any] | None:
    """The newest capture of a URL from a vantage, or None."""
    return connection.execute(_LATEST, {"url": url, "vantage": vantage}).first()


def part_of(connection: Connection, capture_id: str, role: str) -> PartRow | None:
    """The row of one part of a capture, or None."""
    return connection.execute(
        sa.select(part)
        .join(capture, capture.c.number == part.c.capture_number)
        .where(capture.c.id == capture_id, part.c.role == role)
    ).first()


def parts_of(connection: Connection, number: int) -> Sequence[PartRow]:
    """The rows of all parts of a capture, by role."""
    wanted = sa.select(part).where(part.c.capture_number == number).order_by(part.c.role)
    return list(connection.execute(wanted))


def first_with_payload(connection: Connection, role: str, sha256: str) -> Row[Any] | None:
    """The first capture whose response carried this payload in its own container, or None.

    The payload is the `body-raw` part where the body came content-coded, else the `body`.
    """
    wanted = _FIRST_CODED if role == "body-raw" else _FIRST_PLAIN
    return connection.execute(wanted, {"sha256": sha256}).first()


def parts_with_sha256(
    connection: Connection, prefix: str, limit: int, viewer: Viewer | None
) -> list[PartMatch]:
    """Parts whose SHA-256 begins with these hex digits, oldest capture first.

    Those of records that are hidden from the viewer are left out; None sees all.
    """
    wanted = (
        sa.select(capture.c.id, part.c.role, part.c.sha256, capture.c.captured_at)
        .join(capture, capture.c.number == part.c.capture_number)
        .where(part.c.sha256 >= prefix, part.c.sha256 < prefix + "g")
        .order_by(part.c.capture_number, part.c.role)
        .limit(limit)
    )
    if viewer is not None:
        wanted = wanted.where(is_visible(capture.c.id, viewer))
    return [PartMatch(*row) for row in connection.execute(wanted)]


def capture_with_object(connection: Connection, sha256: str, viewer: Viewer | None) -> str | None:
    """The ID of a capture whose container, inventory, statement or envelope has this digest.

    One that is hidden from the viewer is passed over; None sees all.
    """
    columns = ("statement_sha256", "container_sha256", "inventory_sha256", "envelope_sha256")
    for column in columns:
        wanted = (
            sa.select(capture.c.id)
            .where(capture.c[column] == sha256)
            .order_by(capture.c.number)
            .limit(1)
        )
        if viewer is not None:
            wanted = wanted.where(is_visible(capture.c.id, viewer))
        found = connection.execute(wanted).scalar()
        if found is not None:
            return str(found)
    return None


def container_size(connection: Connection, sha256: str) -> int | None:
    """The size on record of a container, or None."""
    return connection.execute(
        sa.select(container.c.size).where(container.c.sha256 == sha256)
    ).scalar()


def known_statements(connection: Connection, digests: Sequence[str]) -> set[str]:
    """Those of these statements that are in the catalogue, of whatever kind."""
    columns = (
        capture.c.statement_sha256,
        observation.c.statement_sha256,
        statement.c.statement_sha256,
    )
    return {
        sha256
        for column in columns
        for sha256 in connection.execute(sa.select(column).where(column.in_(digests))).scalars()
    }


def every_container(connection: Connection) -> dict[str, int]:
    """The size on record of every container, by digest."""
    rows = connection.execute(sa.select(container.c.sha256, container.c.size))
    return {row.sha256: row.size for row in rows}


def every_keyset_content(connection: Connection) -> list[str]:
    """The digest of every keyset version's content."""
    return list(connection.execute(sa.select(keyset.c.content_sha256)).scalars())


def observation_by_digest(connection: Connection, statement_sha256: str) -> Row[Any] | None:
    """The observation by the digest of its statement, or None."""
    return connection.execute(
        sa.select(observation).where(observation.c.statement_sha256 == statement_sha256)
    ).first()


def cdx_at(connection: Connection, container_sha256: str, offset: int) -> Row[Any] | None:
    """The index row of the record at this place, or None."""
    return connection.execute(
        sa.select(cdx).where(cdx.c.container_sha256 == container_sha256, cdx.c.offset == offset)
    ).first()


def existing_ids(connection: Connection, ids: Sequence[str]) -> list[str]:
    """Those of the capture IDs that exist."""
    return list(connection.execute(sa.select(capture.c.id).where(capture.c.id.in_(ids))).scalars())


def every_capture(connection: Connection) -> Sequence[Any]:
    """ID, inventory digest, envelope key and digest of every capture, by number."""
    return connection.execute(
        sa.select(
            capture.c.id,
            capture.c.inventory_sha256,
            capture.c.envelope_key,
            capture.c.envelope_sha256,
        ).order_by(capture.c.number)
    ).all()


def every_observation(connection: Connection) -> Sequence[Any]:
    """Every observation, in order of time."""
    return connection.execute(sa.select(observation).order_by(observation.c.observed_at)).all()


def clear(connection: Connection) -> None:
    """Empty every evidence table; the first step of a rebuild, in its transaction."""
    for table in reversed(EVIDENCE_TABLES):
        connection.execute(sa.delete(table))
