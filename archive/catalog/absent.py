# SPDX-License-Identifier: Apache-2.0
"""Inserts rows that are not there yet, whoever else may be inserting them now."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

Values = Mapping[str, Any]


def insert_absent(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert each row unless one with its key is there, which then stays as it is.

    In the order of their keys, so that two transactions that insert the same rows never wait for
    each other in a circle.
    """
    keys = [column.name for column in table.primary_key]
    ordered = sorted((dict(row) for row in rows), key=lambda row: [row[key] for key in keys])
    if ordered:
        # SQLite has the clause as PostgreSQL has it, and SQLAlchemy writes this one for both.
        connection.execute(insert(table).on_conflict_do_nothing(index_elements=keys), ordered)


def insert_if_absent(connection: Connection, table: Table, row: Values) -> bool:
    """Insert the row; False when one with its key is there, which then stays as it is."""
    keys = [column.name for column in table.primary_key]
    inserting = insert(table).values(dict(row)).on_conflict_do_nothing(index_elements=keys)
    # What was inserted is returned, for the count of rows is not told everywhere.
    return connection.execute(inserting.returning(*table.primary_key)).first() is not None
