# SPDX-License-Identifier: Apache-2.0
"""Custody events: those that are signed (evidence), and those that wait for a key (a queue).

A row of the queue stays for some days after its event is signed, so that the same access within
the same hour is not queued again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.absent import insert_if_absent
from archive.catalog.tables import custody_event, ops_custody, statement_about


@dataclass(frozen=True, slots=True)
class EventRow:
    """A signed event as it is shown. `at` is RFC 3339."""

    statement_sha256: str
    event: str
    at: str
    actor: str
    detail: str


@dataclass(frozen=True, slots=True)
class Queued:
    """An event that waits to be signed: what groups it, and its canonical content.

    `owner` is the process that is signing it since `claimed_at`, or None.
    """

    group_sha256: str
    content: bytes
    queued_at: str
    owner: str | None = None
    claimed_at: str | None = None


def add_event(connection: Connection, row: EventRow) -> None:
    """Insert a signed event."""
    connection.execute(
        sa.insert(custody_event).values(
            statement_sha256=row.statement_sha256,
            event=row.event,
            at=row.at,
            actor=row.actor,
            detail=row.detail,
        )
    )


def event_of(connection: Connection, statement_sha256: str) -> EventRow | None:
    """The event that this statement tells of, or None."""
    wanted = sa.select(custody_event).where(custody_event.c.statement_sha256 == statement_sha256)
    row = connection.execute(wanted).mappings().first()
    return None if row is None else EventRow(**row)


def events_about(connection: Connection, record_id: str) -> list[EventRow]:
    """The signed events that concern a record, in order of time."""
    rows = connection.execute(
        sa.select(custody_event)
        .join(
            statement_about,
            statement_about.c.statement_sha256 == custody_event.c.statement_sha256,
        )
        .where(statement_about.c.concerns == record_id)
        .order_by(custody_event.c.at, custody_event.c.statement_sha256)
    )
    return [EventRow(**row) for row in rows.mappings()]


def events_of_kind(connection: Connection, event: str, limit: int) -> list[EventRow]:
    """The newest signed events of one kind, newest first."""
    rows = connection.execute(
        sa.select(custody_event)
        .where(custody_event.c.event == event)
        .order_by(custody_event.c.at.desc(), custody_event.c.statement_sha256)
        .limit(limit)
    )
    return [EventRow(**row) for row in rows.mappings()]


def is_queued(connection: Connection, group_sha256: str) -> bool:
    """Whether an event of this group was queued, signed or not."""
    wanted = sa.select(ops_custody.c.group_sha256).where(ops_custody.c.group_sha256 == group_sha256)
    return connection.execute(wanted).first() is not None


def queue_event(connection: Connection, event: Queued) -> bool:
    """Queue an event; False when one of its group is there."""
    values = {
        "group_sha256": event.group_sha256,
        "content": event.content,
        "queued_at": event.queued_at,
    }
    return insert_if_absent(connection, ops_custody, values)


def waiting_events(connection: Connection, limit: int | None = None) -> list[Queued]:
    """Events that are not signed, oldest first."""
    rows = connection.execute(
        sa.select(
            ops_custody.c.group_sha256,
            ops_custody.c.content,
            ops_custody.c.queued_at,
            ops_custody.c.owner,
            ops_custody.c.claimed_at,
        )
        .where(ops_custody.c.statement_sha256.is_(None))
        .order_by(ops_custody.c.queued_at, ops_custody.c.group_sha256)
        .limit(limit)
    )
    return [Queued(**row) for row in rows.mappings()]


def count_waiting(connection: Connection) -> int:
    """How many events are not signed."""
    wanted = sa.select(sa.func.count()).where(ops_custody.c.statement_sha256.is_(None))
    return int(connection.execute(wanted).scalar() or 0)


def claim(connection: Connection, event: Queued, owner: str, claimed_at: str) -> bool:
    """Take an event to sign it; False when somebody else took it meanwhile."""
    taken = connection.execute(
        sa.update(ops_custody)
        .where(
            ops_custody.c.group_sha256 == event.group_sha256,
            ops_custody.c.statement_sha256.is_(None),
            ops_custody.c.owner.is_not_distinct_from(event.owner),
        )
        .values(owner=owner, claimed_at=claimed_at)
    )
    return taken.rowcount == 1


def mark_signed(connection: Connection, signed: Mapping[str, str]) -> None:
    """Note which statement (the value) tells of the event of each group (the key)."""
    for group_sha256, statement_sha256 in signed.items():
        connection.execute(
            sa.update(ops_custody)
            .where(ops_custody.c.group_sha256 == group_sha256)
            .values(statement_sha256=statement_sha256, owner=None)
        )


def drop_signed(connection: Connection, queued_before: str) -> None:
    """Drop rows of the queue whose event was signed and whose hour or day is long over."""
    connection.execute(
        sa.delete(ops_custody).where(
            ops_custody.c.statement_sha256.is_not(None), ops_custody.c.queued_at < queued_before
        )
    )


def release(connection: Connection, groups: Sequence[str]) -> None:
    """Give back events that were claimed and not signed."""
    connection.execute(
        sa.update(ops_custody)
        .where(ops_custody.c.group_sha256.in_(groups), ops_custody.c.statement_sha256.is_(None))
        .values(owner=None)
    )
