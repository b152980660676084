# SPDX-License-Identifier: Apache-2.0
"""What is to be stamped: a list that outlives the process, with tries and the reason for the last.

What is due is written down apart from the transaction that records a capture. It is found again by
number: below the mark every capture was looked at. The mark stays under the lowest number that is
still reserved, for that capture's row may yet come.
"""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.absent import insert_absent
from archive.catalog.tables import (
    capture,
    id_sequence,
    ops_reservation,
    ops_stamp,
    ops_stamp_mark,
    time_token,
)
from archive.ids import Kind

_CAPTURES = "capture"


@dataclass(frozen=True, slots=True)
class Due:
    """A subject that is to be stamped or renewed, not before `next_at` (RFC 3339).

    `code` and `detail` say why the last of its tries gave less than was wanted.
    """

    subject: str
    role: str
    tries: int
    next_at: str
    code: str | None = None
    detail: str | None = None
    owner: str | None = None
    claimed_at: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many subjects are due, how many of them were tried in vain, and by what code."""

    due: int
    tried: int
    codes: tuple[tuple[str, int], ...]


def add_due(connection: Connection, subjects: Collection[str], role: str, now: str) -> None:
    """Write subjects down as due now, unless they are listed already."""
    rows = [{"subject": subject, "role": role, "tries": 0, "next_at": now} for subject in subjects]
    insert_absent(connection, ops_stamp, rows)


def capture_mark(connection: Connection) -> int:
    """Up to which number every capture was looked at."""
    wanted = sa.select(ops_stamp_mark.c.mark).where(ops_stamp_mark.c.kind == _CAPTURES)
    return connection.execute(wanted).scalar() or 0


def add_due_captures(connection: Connection, now: str, tokens: int, limit: int) -> int:
    """Write down the captures above the mark that have fewer tokens, and raise the mark.

    Returns how many captures were looked at, which is at most the limit. To be called in a
    transaction in which nobody else writes.
    """
    mark, settled = capture_mark(connection), _settled(connection)
    given = sa.select(sa.func.count()).where(time_token.c.subject == capture.c.id)
    found = connection.execute(
        sa.select(capture.c.number, capture.c.id, given.scalar_subquery().label("given"))
        .where(capture.c.number > mark, capture.c.number <= settled)
        .order_by(capture.c.number)
        .limit(limit)
    ).all()
    add_due(connection, [row.id for row in found if row.given < tokens], "stamp", now)
    reached = found[-1].number if len(found) == limit else settled
    if reached > mark:
        insert_absent(connection, ops_stamp_mark, [{"kind": _CAPTURES, "mark": 0}])
        connection.execute(
            sa.update(ops_stamp_mark).where(ops_stamp_mark.c.kind == _CAPTURES).values(mark=reached)
        )
    return len(found)


def add_due_checkpoint(connection: Connection, size: int, now: str) -> None:
    """Write a checkpoint down as due, in place of smaller ones that are in nobody's hands.

    What the smaller ones cover, this one covers too.
    """
    smaller = sa.and_(
        ops_stamp.c.subject.in_([due for due in _due_checkpoints(connection) if int(due) < size]),
        ops_stamp.c.role == "stamp",
        ops_stamp.c.owner.is_(None),
    )
    connection.execute(sa.delete(ops_stamp).where(smaller))
    add_due(connection, [str(size)], "stamp", now)


def _due_checkpoints(connection: Connection) -> list[str]:
    # Sizes have no hyphen, and every record ID has.
    wanted = sa.select(ops_stamp.c.subject).where(~ops_stamp.c.subject.contains("-"))
    return list(connection.execute(wanted).scalars())


def forget_marks(connection: Connection) -> None:
    """Look at every capture again: the catalogue was remade."""
    connection.execute(sa.delete(ops_stamp_mark))


def put_due(connection: Connection, subjects: Collection[str], role: str, now: str) -> None:
    """Write subjects down as due now; what one of them was listed for before gives way.

    One that is in somebody's hands stays there.
    """
    is_free = ops_stamp.c.subject.in_(list(subjects)) & ops_stamp.c.owner.is_(None)
    connection.execute(sa.delete(ops_stamp).where(is_free))
    add_due(connection, subjects, role, now)


def next_due(connection: Connection, now: str, limit: int, subject: str | None = None) -> list[Due]:
    """Subjects that are due by now, those that wait longest first; or one of them alone."""
    wanted = sa.select(ops_stamp).where(ops_stamp.c.next_at <= now)
    if subject is not None:
        wanted = wanted.where(ops_stamp.c.subject == subject)
    ordered = wanted.order_by(ops_stamp.c.next_at, ops_stamp.c.subject).limit(limit)
    return [Due(*row) for row in connection.execute(ordered)]


def due_of(connection: Connection, subject: str) -> Due | None:
    """What is due about a subject, or None."""
    row = connection.execute(sa.select(ops_stamp).where(ops_stamp.c.subject == subject)).first()
    return None if row is None else Due(*row)


def claim(connection: Connection, due: Due, owner: str, claimed_at: str) -> bool:
    """Take a subject in hand; False when somebody else took it, or it is done, meanwhile."""
    taken = connection.execute(
        sa.update(ops_stamp)
        .where(
            ops_stamp.c.subject == due.subject,
            ops_stamp.c.role == due.role,
            ops_stamp.c.tries == due.tries,
            ops_stamp.c.owner.is_not_distinct_from(due.owner),
            ops_stamp.c.claimed_at.is_not_distinct_from(due.claimed_at),
        )
        .values(owner=owner, claimed_at=claimed_at)
    )
    return taken.rowcount == 1


def settle(connection: Connection, subject: str) -> None:
    """The subject has all that was wanted."""
    connection.execute(sa.delete(ops_stamp).where(ops_stamp.c.subject == subject))


def put_off(connection: Connection, due: Due) -> None:
    """Write down when a subject is to be tried again, how often it was, and why; let go of it."""
    connection.execute(
        sa.update(ops_stamp)
        .where(ops_stamp.c.subject == due.subject)
        .values(
            tries=due.tries,
            next_at=due.next_at,
            code=due.code,
            detail=due.detail,
            owner=None,
            claimed_at=None,
        )
    )


def make_due_now(connection: Connection, now: str) -> None:
    """Let all that is listed be tried at once and not when its time has come."""
    later = ops_stamp.c.next_at > now
    connection.execute(sa.update(ops_stamp).where(later).values(next_at=now))


def tally(connection: Connection) -> Tally:
    """The list, counted."""
    rows = connection.execute(
        sa.select(ops_stamp.c.code, sa.func.count())
        .group_by(ops_stamp.c.code)
        .order_by(ops_stamp.c.code)
    ).all()
    counts = {code: int(count) for code, count in rows}
    codes = tuple((code, count) for code, count in counts.items() if code is not None)
    return Tally(sum(counts.values()), sum(count for _, count in codes), codes)


def _settled(connection: Connection) -> int:
    """The highest number at or below which no capture's row can still come."""
    lowest_open = connection.execute(
        sa.select(sa.func.min(ops_reservation.c.number)).where(
            ops_reservation.c.kind == Kind.CAPTURE.value, ops_reservation.c.is_void == 0
        )
    ).scalar()
    if lowest_open is not None:
        return int(lowest_open) - 1
    next_number = connection.execute(
        sa.select(id_sequence.c.next_number).where(id_sequence.c.kind == Kind.CAPTURE.value)
    ).scalar()
    return int(next_number or 1) - 1
