# SPDX-License-Identifier: Apache-2.0
"""The resolver's one read, on a raw connection for each thread.

SQLAlchemy costs as much as Flask itself here (it halves the requests a second), and the read is
one row by a unique key.
"""

import threading

from archive.catalog.database import Database
from archive.catalog.dialect import RawConnection

_RECORD = (
    "SELECT c.record_json, c.record_sha256, r.metadata_policy, r.until "
    "FROM capture c LEFT JOIN restriction r ON r.record_id = c.id AND r.is_restricted = 1 "
    "WHERE c.id = ?"
)

# The record's JSON, its SHA-256, and where it is restricted the metadata policy and the end.
HotRow = tuple[bytes, str, str | None, str | None]


class HotReader:
    """Reads records as they are served, ready-made."""

    def __init__(self, database: Database) -> None:
        self._connect = database.connect_raw
        self._local = threading.local()

    def record(self, capture_id: str) -> HotRow | None:
        """The record's JSON, its SHA-256, and its restriction, by canonical ID, or None.

        Of an open record the last two are None; a restriction whose end has come is still told.
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
