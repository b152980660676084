# SPDX-License-Identifier: Apache-2.0
"""Columns that mean on PostgreSQL what the same ones mean on SQLite, whoever declares them.

An integer has 64 bits, a text has no greatest length and is compared by its bytes. So no size of
an imported file is too large, and no order or prefix query depends on the server's locale.
"""

import copy
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String, Text
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg


class _Definitions(PGDDLCompiler):
    def get_column_specification(self, column: Column[Any], **options: Any) -> str:
        """The column's definition; the length of a text says what to expect, and binds nobody."""
        meant = copy.copy(column)
        if isinstance(column.type, String):
            meant.type = Text(collation="C")
        elif isinstance(column.type, Integer):
            meant.type = BigInteger()
        specification: Any = super().get_column_specification
        return str(specification(meant, **options))


class _Parameter(Integer):
    """An integer given to a query: psycopg says how wide it is, by its value."""


class CatalogDialect(PGDialect_psycopg):
    """SQLAlchemy's dialect for psycopg, with the columns of this module."""

    ddl_compiler = _Definitions
    colspecs = {**PGDialect_psycopg.colspecs, Integer: _Parameter}  # noqa: RUF012 - as the base
    supports_statement_cache = True
