# SPDX-License-Identifier: Apache-2.0
"""Which record each request got, so that a request that is made again gets no second one.

A request is claimed in the transaction that reserves its number, and fulfilled in the one that
writes the record's row. A crash between the two is settled with the reservation: the claim is
fulfilled when the statement was stored, and released when it was not.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.tables import capture, observation, ops_list_run, ops_request
from archive.errors import RequestUnderWay
from archive.ids import Kind

REQUEST_LIMIT = 120


@dataclass(frozen=True, slots=True)
class Claim:
    """A request, the reservation made for it, and the record that it got (None: not yet).

    `expected` is the statement digest that an observation will have; a capture has its number.
    """

    request: str
    kind: str
    number: int
    expected: str | None = None
    record: str | None = None


def taken(connection: Connection, requests: Collection[str]) -> set[str]:
    """Those of the requests that are claimed or fulfilled."""
    wanted = sa.select(ops_request.c.request).where(ops_request.c.request.in_(list(requests)))
    return set(connection.execute(wanted).scalars())


def claim(connection: Connection, claims: Sequence[Claim]) -> None:
    """Claim requests for reservations. Raises RequestUnderWay when one is claimed already.

    In the order of their names, so that two transactions that claim the same requests never wait
    for each other in a circle. After the error the transaction can only be rolled back.
    """
    if not claims:
        return
    ordered = sorted(claims, key=lambda item: item.request)
    try:
        connection.execute(sa.insert(ops_request), [asdict(item) for item in ordered])
    except sa.exc.IntegrityError as error:
        raise RequestUnderWay("another process works on the same request") from error


def claim_of(connection: Connection, request: str) -> Claim | None:
    """The claim on a request, or None when it is free."""
    row = connection.execute(sa.select(ops_request).where(ops_request.c.request == request)).first()
    return None if row is None else Claim(*row)


def settle(connection: Connection, kind: str, numbers: Collection[int]) -> None:
    """Fulfil the requests of these reservations whose records are listed now; free the others."""
    wanted = [ops_request.c.kind == kind, ops_request.c.number.in_(list(numbers))]
    if kind == Kind.CAPTURE.value:
        found = sa.select(capture.c.id).where(capture.c.number == ops_request.c.number)
    else:
        found = sa.select(observation.c.statement_sha256).where(
            observation.c.statement_sha256 == ops_request.c.expected
        )
    wanted.append(ops_request.c.record.is_(None))
    connection.execute(sa.update(ops_request).where(*wanted).values(record=found.scalar_subquery()))
    connection.execute(sa.delete(ops_request).where(*wanted))


def fulfil_recorded(connection: Connection) -> None:
    """Fulfil every claim whose record the evidence tables list: a rebuild found it."""
    minted = sa.select(capture.c.id).where(capture.c.number == ops_request.c.number)
    is_waiting = ops_request.c.record.is_(None)
    connection.execute(
        sa.update(ops_request)
        .where(is_waiting, ops_request.c.kind == Kind.CAPTURE.value, minted.exists())
        .values(record=minted.scalar_subquery())
    )
    connection.execute(
        sa.update(ops_request)
        .where(is_waiting, ops_request.c.expected.in_(sa.select(observation.c.statement_sha256)))
        .values(record=ops_request.c.expected)
    )


def forget_under(connection: Connection, prefix: str) -> None:
    """Drop every request whose name begins so; `prefix` ends in `/` or `.`."""
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    connection.execute(
        sa.delete(ops_request).where(ops_request.c.request >= prefix, ops_request.c.request < after)
    )


def list_run(connection: Connection, list_sha256: str) -> tuple[str, str] | None:
    """Name and owner of the unfinished run over a list with this digest, or None."""
    wanted = sa.select(ops_list_run.c.run, ops_list_run.c.owner).where(
        ops_list_run.c.list_sha256 == list_sha256
    )
    row = connection.execute(wanted).first()
    return None if row is None else (row.run, row.owner)


def begin_list_run(connection: Connection, list_sha256: str, run: str, owner: str) -> None:
    """Note that a run over a list has begun."""
    connection.execute(
        sa.insert(ops_list_run).values(list_sha256=list_sha256, run=run, owner=owner)
    )


def take_list_run(connection: Connection, list_sha256: str, owner: str) -> None:
    """Note that another process goes on with a run."""
    connection.execute(
        sa.update(ops_list_run).where(ops_list_run.c.list_sha256 == list_sha256).values(owner=owner)
    )


def end_list_run(connection: Connection, list_sha256: str, run: str) -> None:
    """Note that the run is done: what it asked for is no longer remembered."""
    connection.execute(sa.delete(ops_list_run).where(ops_list_run.c.list_sha256 == list_sha256))
    forget_under(connection, f"{run}/")
