# SPDX-License-Identifier: Apache-2.0
"""Requests that carry an idempotency key: under way, or with the answer that they got."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.absent import insert_if_absent
from archive.catalog.tables import ops_idempotency


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """A request by its token. `owner` is the process that handles it, `status` None until done."""

    token: str
    request_sha256: str
    owner: str
    began_at: str
    ends_at: str
    status: int | None = None
    headers: str | None = None
    body: bytes | None = None


def begin_request(connection: Connection, request: KeptRequest) -> KeptRequest | None:
    """Keep a request that begins; the one that is there already, if so, and it stays."""
    values = {
        "token": request.token,
        "request_sha256": request.request_sha256,
        "owner": request.owner,
        "began_at": request.began_at,
        "ends_at": request.ends_at,
    }
    if insert_if_absent(connection, ops_idempotency, values):
        return None
    return kept_request(connection, request.token)


def kept_request(connection: Connection, token: str) -> KeptRequest | None:
    """The request with this token, or None."""
    wanted = sa.select(ops_idempotency).where(ops_idempotency.c.token == token)
    row = connection.execute(wanted).mappings().first()
    return None if row is None else KeptRequest(**row)


def take_over(connection: Connection, dead: KeptRequest, owner: str) -> bool:
    """Handle a request whose owner is gone; False when somebody else does already.

    The time at which it began stays: whatever it did, it did since then.
    """
    taken = connection.execute(
        sa.update(ops_idempotency)
        .where(
            ops_idempotency.c.token == dead.token,
            ops_idempotency.c.owner == dead.owner,
            ops_idempotency.c.status.is_(None),
        )
        .values(owner=owner)
    )
    return taken.rowcount == 1


def keep_answer(connection: Connection, token: str, status: int, headers: str, body: bytes) -> None:
    """Keep the answer that a request got."""
    connection.execute(
        sa.update(ops_idempotency)
        .where(ops_idempotency.c.token == token)
        .values(status=status, headers=headers, body=body)
    )


def leave_open(connection: Connection, token: str) -> None:
    """Note that a request ended without an answer, and nobody knows what it did."""
    connection.execute(
        sa.update(ops_idempotency)
        .where(ops_idempotency.c.token == token, ops_idempotency.c.status.is_(None))
        .values(owner="")
    )


def forget_request(connection: Connection, token: str) -> None:
    """Drop a request that did nothing."""
    connection.execute(sa.delete(ops_idempotency).where(ops_idempotency.c.token == token))


def forget_ended(connection: Connection, now: str) -> None:
    """Drop requests whose time is over."""
    connection.execute(sa.delete(ops_idempotency).where(ops_idempotency.c.ends_at <= now))
