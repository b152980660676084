# SPDX-License-Identifier: Apache-2.0
"""Acts on records, by the records whose doors tell of them.

A row is what its statement's content says, so rows do not depend on the order of reading; which
act counts is for whoever reads them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.absent import insert_absent
from archive.catalog.tables import act


@dataclass(frozen=True, slots=True)
class ActRow:
    """One act as told of one record; `content` is the canonical content of its statement."""

    record_id: str
    statement_sha256: str
    kind: str
    content: bytes


def add_acts(connection: Connection, rows: Sequence[ActRow]) -> None:
    """Insert rows; those that are there stay as they are."""
    insert_absent(connection, act, [asdict(row) for row in rows])


def acts_of(connection: Connection, record_id: str) -> list[ActRow]:
    """What was done with a record, by statement."""
    return _rows(connection, act.c.record_id == record_id)


def acts_by(connection: Connection, statement_sha256: str) -> list[ActRow]:
    """The rows that a statement gave, by record."""
    return _rows(connection, act.c.statement_sha256 == statement_sha256)


def acts_among(connection: Connection, record_ids: Sequence[str]) -> list[ActRow]:
    """What was done with any of these records."""
    return _rows(connection, act.c.record_id.in_(record_ids))


def _rows(connection: Connection, condition: sa.ColumnElement[bool]) -> list[ActRow]:
    ordered = sa.select(act).where(condition).order_by(act.c.record_id, act.c.statement_sha256)
    return [
        ActRow(row.record_id, row.statement_sha256, row.kind, bytes(row.content))
        for row in connection.execute(ordered)
    ]
