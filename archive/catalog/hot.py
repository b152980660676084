# SPDX-License-Identifier: Apache-2.0
"""The resolver's one read, on a raw SQLite connection for each thread.

SQLAlchemy costs as much as Flask itself here (it halves the requests a second), and the read is
one row by a unique key.
"""

import sqlite3
import threading
from pathlib import Path

from archive.catalog.database import read_only_uri
from archive.errors import CatalogError

_RECORD = "SELECT record_json, record_sha256 FROM capture WHERE id = ?"


class HotReader:
    """Reads records as they are served, ready-made; `is_immutable` is `Database`'s word."""

    def __init__(self, path: Path, *, is_immutable: bool = False) -> None:
        self._uri = read_only_uri(path, is_immutable=is_immutable)
        self._local = threading.local()

    def record(self, capture_id: str) -> tuple[bytes, str] | None:
        """The record's JSON and its SHA-256, by canonical ID, or None. Raises CatalogError."""
        try:
            row = self._connection().execute(_RECORD, (capture_id,)).fetchone()
        except sqlite3.Error as error:
            raise CatalogError(f"the catalogue cannot be read: {error}") from error
        return row if row is None else (row[0], row[1])

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            del self._local.connection

    def _connection(self) -> sqlite3.Connection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._uri, uri=True, check_same_thread=False)
            connection.execute("PRAGMA mmap_size=2147418112")
            self._local.connection = connection
        return connection
