# SPDX-License-Identifier: Apache-2.0
"""The operational tables as rows to keep and to bring back, whatever they are.

Every table whose name begins with `ops_` is one, so that a new table is kept without a word here.
The number sequences are kept with them: they are remade from the store for captures only.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog import sequence
from archive.catalog.database import Database
from archive.catalog.tables import id_sequence, metadata
from archive.errors import RestoreRefused

PREFIX = "ops_"


def operational_tables() -> tuple[sa.Table, ...]:
    """The tables that a rebuild cannot remake, each after those that its foreign keys name."""
    return tuple(table for table in metadata.sorted_tables if table.name.startswith(PREFIX))


@contextlib.contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """A connection whose reads all see one moment; writers are not kept waiting."""
    with database.reading() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        begin = "BEGIN" if is_sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        connection.exec_driver_sql(begin)
        try:
            yield connection
        finally:
            connection.exec_driver_sql("ROLLBACK")


def every_row(connection: Connection) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Table and columns of each row to keep, tables in the order in which they are filled."""
    for table in (id_sequence, *operational_tables()):
        names = [str(column.name) for column in table.columns]
        order = list(table.primary_key.columns)
        for row in connection.execute(sa.select(table).order_by(*order)):
            yield str(table.name), dict(zip(names, row, strict=True))


def filled_tables(connection: Connection) -> list[str]:
    """The operational tables that have rows."""
    return [
        table.name
        for table in operational_tables()
        if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
    ]


def put_row(connection: Connection, name: str, values: Mapping[str, Any]) -> None:
    """Bring one row back; a number sequence is only ever raised.

    Raises RestoreRefused when this program has no such table or column.
    """
    if name == id_sequence.name:
        sequence.raise_above(connection, str(values["kind"]), int(values["next_number"]) - 1)
        return
    table = next((item for item in operational_tables() if item.name == name), None)
    if table is None or not set(values) <= set(table.columns.keys()):
        raise RestoreRefused(
            f"the backup has a table or column of {name!r} that this program does not know: "
            "restore with the version of Muniment that made it, or a newer one"
        )
    connection.execute(sa.insert(table).values(dict(values)))


def settle_counters(connection: Connection) -> None:
    """After rows came back with their own numbers: let PostgreSQL count on above them."""
    if connection.dialect.name != "postgresql":
        return
    for table in operational_tables():
        for column in table.primary_key.columns:
            counter = connection.execute(
                sa.select(sa.func.pg_get_serial_sequence(table.name, column.name))
            ).scalar()
            if counter is not None:
                highest = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
                connection.execute(sa.select(sa.func.setval(counter, highest, False)))
