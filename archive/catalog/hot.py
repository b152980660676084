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

_RECORD = (
    "SELECT c.record_json, c.record_sha256, r.metadata_policy, r.until "
    "FROM capture c LEFT JOIN restriction r ON r.record_id = c.id AND r.is_restricted = 1 "
    "WHERE c.id = ?"
)

# The record's JSON, its SHA-256, and where it is restricted the metadata policy and the end.
HotRow = tuple[bytes, str, str | None, str | None]


class HotReader:
    """Reads records as they are served, ready-made; `is_immutable` is `Database`'s word."""

    def __init__(self, path: Path, *, is_immutable: bool = False) -> None:
        self._uri = read_only_uri(path, is_immutable=is_immutable)
        self._local = threading.local()

    def record(self, capture_id: str) -> HotRow | None:
        """The record's JSON, its SHA-256, and its restriction, by canonical ID, or None.

        Of an open record the last two are None; a restriction whose end has come is still told.
        Raises CatalogError.
        """
        try:
            row: HotRow | None = self._connection().execute(_RECORD, (capture_id,)).fetchone()
        except sqlite3.Error as error:
            raise CatalogError(f"the catalogue cannot be read: {error}") from error
        return row

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
