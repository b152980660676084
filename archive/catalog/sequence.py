# SPDX-License-Identifier: Apache-2.0
"""Record numbers: handed out once, never again. The reservation row is the intent to use one.

A reservation is closed in the transaction that writes the record's row. One whose owner died is
adopted (its statement is in the store) or voided (it is not); the gap that a void number leaves
is explained by its row.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.absent import insert_absent
from archive.catalog.tables import capture, id_sequence, ops_reservation
from archive.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Reservation:
    """A number that was handed out and has no row yet. `reserved_at` is RFC 3339."""

    kind: str
    number: int
    owner: str
    reserved_at: str


def reserve(
    connection: Connection, kind: str, count: int, owner: str, reserved_at: str
) -> list[int]:
    """The next `count` numbers of a kind, each with an open reservation."""
    taking = (
        sa.update(id_sequence)
        .where(id_sequence.c.kind == kind)
        .values(next_number=id_sequence.c.next_number + count)
        .returning(id_sequence.c.next_number)
    )
    after = connection.execute(taking).scalar()
    if after is None:
        insert_absent(connection, id_sequence, [{"kind": kind, "next_number": 1}])
        after = connection.execute(taking).scalar_one()
    numbers = list(range(after - count, after))
    intend(connection, [Reservation(kind, number, owner, reserved_at) for number in numbers])
    return numbers


def intend(connection: Connection, reservations: Sequence[Reservation]) -> None:
    """Write down what is about to be recorded, so that a crash can be settled."""
    connection.execute(
        sa.insert(ops_reservation), [{**asdict(item), "is_void": 0} for item in reservations]
    )


def close(connection: Connection, kind: str, number: int) -> None:
    """End an open reservation, because the record's row is written in this transaction.

    Raises CatalogError when it is not open: somebody voided it meanwhile.
    """
    closed = connection.execute(
        sa.delete(ops_reservation).where(
            ops_reservation.c.kind == kind,
            ops_reservation.c.number == number,
            ops_reservation.c.is_void == 0,
        )
    )
    if closed.rowcount != 1:
        raise CatalogError(f"number {number} of kind {kind} is not reserved any more")


def are_open(connection: Connection, numbers: Mapping[str, Collection[int]]) -> bool:
    """Whether every one of these numbers, by kind, is still reserved and not void."""
    for kind, wanted in numbers.items():
        found = connection.execute(
            sa.select(sa.func.count())
            .select_from(ops_reservation)
            .where(
                ops_reservation.c.kind == kind,
                ops_reservation.c.number.in_(list(wanted)),
                ops_reservation.c.is_void == 0,
            )
        ).scalar()
        if found != len(wanted):
            return False
    return True


def abandon(connection: Connection, numbers: Mapping[str, Collection[int]], nobody: str) -> None:
    """Give up open reservations without knowing what became of them: anyone may settle them."""
    for kind, given in numbers.items():
        connection.execute(
            sa.update(ops_reservation)
            .where(
                ops_reservation.c.kind == kind,
                ops_reservation.c.number.in_(list(given)),
                ops_reservation.c.is_void == 0,
            )
            .values(owner=nobody)
        )


def open_reservation(connection: Connection, kind: str, number: int) -> Reservation | None:
    """The reservation of a number when it is neither closed nor void, else None."""
    row = connection.execute(
        sa.select(
            ops_reservation.c.kind,
            ops_reservation.c.number,
            ops_reservation.c.owner,
            ops_reservation.c.reserved_at,
        ).where(
            ops_reservation.c.kind == kind,
            ops_reservation.c.number == number,
            ops_reservation.c.is_void == 0,
        )
    ).first()
    return None if row is None else Reservation(*row)


def forget(connection: Connection, kind: str, number: int) -> None:
    """Drop a reservation in whatever state, because the number's record is there."""
    connection.execute(
        sa.delete(ops_reservation).where(
            ops_reservation.c.kind == kind, ops_reservation.c.number == number
        )
    )


def forget_recorded(connection: Connection) -> None:
    """Drop every reservation, open or void, of a capture that has its row: a rebuild found it."""
    connection.execute(
        sa.delete(ops_reservation).where(
            ops_reservation.c.kind == "C",
            ops_reservation.c.number.in_(sa.select(capture.c.number)),
        )
    )


def void(connection: Connection, kind: str, number: int) -> None:
    """Mark a reserved number as never to be used. The row stays as the reason for the gap."""
    connection.execute(
        sa.update(ops_reservation)
        .where(ops_reservation.c.kind == kind, ops_reservation.c.number == number)
        .values(is_void=1)
    )


def open_reservations(connection: Connection) -> list[Reservation]:
    """Every reservation that is neither closed nor void, by number."""
    rows = connection.execute(
        sa.select(
            ops_reservation.c.kind,
            ops_reservation.c.number,
            ops_reservation.c.owner,
            ops_reservation.c.reserved_at,
        )
        .where(ops_reservation.c.is_void == 0)
        .order_by(ops_reservation.c.number)
    )
    return [Reservation(*row) for row in rows]


def raise_above(connection: Connection, kind: str, number: int) -> None:
    """Make sure that the sequence hands out nothing at or below this number."""
    insert_absent(connection, id_sequence, [{"kind": kind, "next_number": number + 1}])
    connection.execute(
        sa.update(id_sequence)
        .where(id_sequence.c.kind == kind, id_sequence.c.next_number <= number)
        .values(next_number=number + 1)
    )
