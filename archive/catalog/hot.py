# SPDX-License-Identifier: Apache-2.0
"""The resolver's one read, on a raw connection for each thread.

SQLAlchemy costs as much as Flask itself here (it halves the requests a second), and the read is
one row by a unique key.
"""

import threading

from archive.catalog.database import Database
from archive.catalog.dialect import RawConnection

_RECORD = "SELECT record_json, record_sha256 FROM capture WHERE id = ?"


class HotReader:
    """Reads records as they are served, ready-made."""

    def __init__(self, database: Database) -> None:
        self._connect = database.connect_raw
        self._local = threading.local()

    def record(self, capture_id: str) -> tuple[bytes, str] | None:
        """The record's JSON and its SHA-256, by canonical ID, or None.

        Raises CatalogUnavailable while the database is out of reach, CatalogError.
        """
        row = self._connection().first(_RECORD, (capture_id,))
        return None if row is None else row  # type: ignore[return-value]  # as the table has it

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            del self._local.connection

    def _connection(self) -> RawConnection:
        connection: RawConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection
