# SPDX-License-Identifier: Apache-2.0
"""Rows of statements over content files: which there are, and which records they concern."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.absent import insert_if_absent
from archive.catalog.tables import statement, statement_about


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One statement's row. `made_at` is RFC 3339."""

    statement_sha256: str
    kind: str
    content_sha256: str
    made_at: str
    envelope_key: str
    envelope_sha256: str


def add_statement(connection: Connection, row: StatementRow, concerns: Sequence[str]) -> bool:
    """Insert a statement and what it concerns; False when it is there already."""
    if not insert_if_absent(connection, statement, asdict(row)):
        return False
    if concerns:
        connection.execute(
            sa.insert(statement_about),
            [
                {"statement_sha256": row.statement_sha256, "concerns": name}
                for name in sorted(set(concerns))
            ],
        )
    return True


def statement_by_digest(connection: Connection, statement_sha256: str) -> StatementRow | None:
    """The statement with this digest, or None."""
    wanted = sa.select(statement).where(statement.c.statement_sha256 == statement_sha256)
    row = connection.execute(wanted).first()
    return None if row is None else _row(row)


def statement_with_content(
    connection: Connection, kind: str, content_sha256: str
) -> StatementRow | None:
    """A statement of a kind over this content, or None."""
    row = connection.execute(
        sa.select(statement)
        .where(statement.c.content_sha256 == content_sha256, statement.c.kind == kind)
        .order_by(statement.c.made_at, statement.c.statement_sha256)
        .limit(1)
    ).first()
    return None if row is None else _row(row)


def concerned_by(connection: Connection, statement_sha256: str) -> list[str]:
    """The record IDs and digests that a statement concerns, sorted."""
    return list(
        connection.execute(
            sa.select(statement_about.c.concerns)
            .where(statement_about.c.statement_sha256 == statement_sha256)
            .order_by(statement_about.c.concerns)
        ).scalars()
    )


def statements_about(connection: Connection, name: str, kind: str) -> list[StatementRow]:
    """The statements of a kind that concern a record ID or digest, in order of making."""
    rows = connection.execute(
        sa.select(statement)
        .join(
            statement_about,
            statement_about.c.statement_sha256 == statement.c.statement_sha256,
        )
        .where(statement_about.c.concerns == name, statement.c.kind == kind)
        .order_by(statement.c.made_at, statement.c.statement_sha256)
    )
    return [_row(row) for row in rows]


def count_about(connection: Connection, name: str, kind: str) -> int:
    """How many statements of a kind concern a record ID or digest."""
    counted = (
        sa.select(sa.func.count())
        .select_from(statement)
        .join(statement_about, statement_about.c.statement_sha256 == statement.c.statement_sha256)
        .where(statement_about.c.concerns == name, statement.c.kind == kind)
    )
    return int(connection.execute(counted).scalar() or 0)


def latest_statement(connection: Connection, kind: str) -> StatementRow | None:
    """The newest statement of a kind, or None."""
    row = connection.execute(
        sa.select(statement)
        .where(statement.c.kind == kind)
        .order_by(statement.c.made_at.desc(), statement.c.statement_sha256)
        .limit(1)
    ).first()
    return None if row is None else _row(row)


def statements_of_kind(connection: Connection, kind: str) -> list[StatementRow]:
    """Every statement of a kind, the newest first."""
    rows = connection.execute(
        sa.select(statement)
        .where(statement.c.kind == kind)
        .order_by(statement.c.made_at.desc(), statement.c.statement_sha256)
    )
    return [_row(row) for row in rows]


def every_statement(connection: Connection) -> list[StatementRow]:
    """Every statement over a content file, by digest."""
    rows = connection.execute(sa.select(statement).order_by(statement.c.statement_sha256))
    return [_row(row) for row in rows]


def _row(row: Any) -> StatementRow:
    return StatementRow(
        statement_sha256=row.statement_sha256,
        kind=row.kind,
        content_sha256=row.content_sha256,
        made_at=row.made_at,
        envelope_key=row.envelope_key,
        envelope_sha256=row.envelope_sha256,
    )
