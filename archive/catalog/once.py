# SPDX-License-Identifier: Apache-2.0
"""Inserts a row that somebody else may be inserting too, on any database."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError


def insert_once(connection: Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert the row; False when a row with its key is there, which then stays as it is."""
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(table).values(**values))
    except IntegrityError:
        same = [column == values[column.name] for column in table.primary_key.columns]
        if connection.execute(sa.select(sa.literal(1)).where(*same)).first() is None:
            raise
        return False
    return True
