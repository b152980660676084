# SPDX-License-Identifier: Apache-2.0
"""Verifications that were put on record, by record and time."""

from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.absent import insert_absent
from archive.catalog.tables import verification


@dataclass(frozen=True, slots=True)
class VerificationRow:
    """One verification of a record. `verified_at` is RFC 3339."""

    statement_sha256: str
    record_id: str
    verified_at: str
    policy: str
    result: str
    actor: str


def add_verification(connection: Connection, row: VerificationRow) -> None:
    """Insert a verification; one that is there stays as it is."""
    insert_absent(connection, verification, [asdict(row)])


def verification_by(connection: Connection, statement_sha256: str) -> VerificationRow | None:
    """The verification that a statement tells of, or None."""
    return _first(connection, verification.c.statement_sha256 == statement_sha256)


def newest_verification(
    connection: Connection, record_id: str, policy: str | None = None
) -> VerificationRow | None:
    """The newest verification of a record, under a policy if one is named, or None."""
    conditions = [verification.c.record_id == record_id]
    if policy is not None:
        conditions.append(verification.c.policy == policy)
    return _first(connection, *conditions)


def verifications_of(connection: Connection, record_id: str, limit: int) -> list[VerificationRow]:
    """The newest verifications of a record, the newest first."""
    rows = connection.execute(_ordered(verification.c.record_id == record_id).limit(limit))
    return [VerificationRow(**row) for row in rows.mappings()]


def count_verifications(connection: Connection, record_id: str) -> int:
    """How many verifications of a record are on record."""
    counted = sa.select(sa.func.count()).where(verification.c.record_id == record_id)
    return int(connection.execute(counted).scalar() or 0)


def _ordered(*conditions: sa.ColumnElement[bool]) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(verification)
        .where(*conditions)
        .order_by(verification.c.verified_at.desc(), verification.c.statement_sha256)
    )


def _first(connection: Connection, *conditions: sa.ColumnElement[bool]) -> VerificationRow | None:
    row = connection.execute(_ordered(*conditions).limit(1)).mappings().first()
    return None if row is None else VerificationRow(**row)
