# SPDX-License-Identifier: Apache-2.0
"""The resolver's one read, on a raw connection for each thread.

SQLAlchemy costs as much as Flask itself here (it halves the requests a second), and the read is
one row by a unique key.
"""

import threading

from archive.catalog.database import Database
from archive.catalog.dialect import RawConnection

_RECORD = (
    "SELECT c.record_json, c.record_sha256, r.metadata_policy, r.until, "
    "CASE WHEN EXISTS (SELECT 1 FROM act a WHERE a.record_id = c.id) THEN 1 ELSE 0 END "
    "FROM capture c LEFT JOIN restriction r ON r.record_id = c.id AND r.is_restricted = 1 "
    "WHERE c.id = ?"
)

# The record's JSON, its SHA-256, where it is restricted the metadata policy and the end, and
# whether anything was done with it that its doors tell of (1 or 0).
HotRow = tuple[bytes, str, str | None, str | None, int]


class HotReader:
    """Reads records as they are served, ready-made."""

    def __init__(self, database: Database) -> None:
        self._connect = database.connect_raw
        self._local = threading.local()

    def record(self, capture_id: str) -> HotRow | None:
        """The record's JSON, its SHA-256, its restriction, whether it has acts, or None.

        Of an open record policy and end are None; a restriction whose end has come is still told.
        Raises CatalogUnavailable while the database is out of reach, CatalogError.
        """
        row = self._connection().first(_RECORD, (capture_id,))
        return None if row is None else row  # type: ignore[return-value]  # as the tables have it

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
