# SPDX-License-Identifier: Apache-2.0
"""A copy of a SQLite file as it was at one moment, while others go on writing to it."""

import contextlib
import sqlite3
from pathlib import Path

from archive.catalog.sqlite import read_only_uri
from archive.errors import CatalogError


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy by SQLite's own backup interface, its write-ahead log included. Raises CatalogError."""
    try:
        with (
            contextlib.closing(
                sqlite3.connect(read_only_uri(source, is_immutable=False), uri=True)
            ) as reading,
            contextlib.closing(sqlite3.connect(target)) as writing,
        ):
            reading.backup(writing)
    except sqlite3.Error as error:
        raise CatalogError(f"the database {source} cannot be copied: {error}") from error
