# SPDX-License-Identifier: Apache-2.0
"""Columns that mean on PostgreSQL what the same ones mean on SQLite, whoever declares them.

An integer has 64 bits, a text has no greatest length and is compared by its bytes. So no size of
an imported file is too large, and no order or prefix query depends on the server's locale.
"""

import copy
from typing import Any

from sqlalchemy import Column, String, Text
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler, PGTypeCompiler
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg


class _Types(PGTypeCompiler):
    def visit_INTEGER(self, type_: Any, **options: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        """A column or parameter of 64 bits."""
        return self.visit_BIGINT(type_, **options)


class _Definitions(PGDDLCompiler):
    def get_column_specification(self, column: Column[Any], **options: Any) -> str:
        """The column's definition; the length of a text says what to expect, and binds nobody."""
        if isinstance(column.type, String):
            column = copy.copy(column)
            column.type = Text(collation="C")
        return super().get_column_specification(column, **options)


class CatalogDialect(PGDialect_psycopg):
    """SQLAlchemy's dialect for psycopg, with the columns of this module."""

    type_compiler_cls = _Types
    ddl_compiler = _Definitions
    supports_statement_cache = True
