# SPDX-License-Identifier: Apache-2.0
"""The catalogue in a SQLite file.

SQLite runs in WAL mode with synchronous=FULL: a committed transaction survives a power cut.
Write transactions begin IMMEDIATE, so that two writers wait for each other instead of failing.
Where the file or its folder cannot be written, the catalogue is opened for reading only.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from archive.catalog.dialect import Row
from archive.errors import CatalogBusy, CatalogError, CatalogMissing

_BUSY_SECONDS = 30
_LOG_PAUSE_SECONDS = 0.01
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def can_write(path: Path) -> bool:
    """Whether this process may write to a file or folder."""
    return os.access(path, os.W_OK)


class SqliteDialect:
    """One file.

    `is_read_only` says that the file is there and it or its folder cannot be written.
    `is_immutable` says, moreover, that no write-ahead log lies beside it: SQLite then needs
    neither locks nor a file of its own there, and nobody may write meanwhile.
    """

    def __init__(self, url: URL, is_writable: Callable[[Path], bool] = can_write) -> None:
        self.url = url
        self.path = Path(str(url.database))
        self.is_read_only = self.path.is_file() and not (
            is_writable(self.path) and is_writable(self.path.parent)
        )
        self.is_immutable = self.is_read_only and not _has_log(self.path)
        self.engine = self._reading_engine() if self.is_read_only else _engine(url)

    @property
    def place(self) -> str:
        """The file's path."""
        return str(self.path)

    def check_there(self) -> None:
        """Raise CatalogMissing when there is no file: opening it would make one."""
        if not self.path.is_file():
            raise CatalogMissing(f"no catalogue at {self.path}: run `muniment init`")

    def prepare(self) -> None:
        """Make the file's folder."""
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def begin_alone(self, connection: Connection) -> None:
        """The transaction began with SQLite's one write lock, where there is something to lock.

        Raises CatalogError on a file that can only be read.
        """
        del connection
        if self.is_read_only:
            raise CatalogError(f"the catalogue is read-only: {self.path} cannot be written")

    begin_beside = begin_alone
    begin_migration = begin_alone

    def translate(self, error: DBAPIError) -> CatalogError:
        """CatalogBusy when another held the lock for too long, else CatalogError."""
        original = error.orig
        if getattr(original, "sqlite_errorcode", None) in _BUSY:
            return CatalogBusy("another process holds the catalogue: try again")
        if isinstance(error, OperationalError):
            return CatalogError(f"the catalogue cannot be used: {original}")
        return CatalogError(f"the catalogue refused: {original}")

    def connect_raw(self) -> "SqliteConnection":
        """A raw connection that only reads."""
        return SqliteConnection(read_only_uri(self.path, is_immutable=self.is_immutable))

    def _reading_engine(self) -> Engine:
        uri = read_only_uri(self.path, is_immutable=self.is_immutable)
        return sa.create_engine(
            self.url,
            creator=lambda: sqlite3.connect(
                uri, uri=True, timeout=_BUSY_SECONDS, check_same_thread=False
            ),
            hide_parameters=True,
        )


class SqliteConnection:
    """A raw connection to the file at a SQLite URI."""

    def __init__(self, uri: str) -> None:
        try:
            self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
            self._connection.execute("PRAGMA mmap_size=2147418112")
        except sqlite3.Error as error:
            raise CatalogError(f"the catalogue cannot be read: {error}") from error

    def first(self, sql: str, parameters: Row) -> Row | None:
        """The first row of a query, or None. Raises CatalogError."""
        try:
            row: Row | None = self._connection.execute(sql, parameters).fetchone()
        except sqlite3.Error as error:
            raise CatalogError(f"the catalogue cannot be read: {error}") from error
        return row

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()


def read_only_uri(path: Path, *, is_immutable: bool) -> str:
    """The SQLite URI that opens a file for reading, without its locks when it is immutable."""
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_immutable else ''}"


def _has_log(path: Path) -> bool:
    # An immutable database is read without its log: what the log alone holds would be missing.
    log = path.with_name(f"{path.name}-wal")
    index = path.with_name(f"{path.name}-shm")
    return log.exists() and (log.stat().st_size > 0 or index.exists())


def _begin_log(connection: sqlite3.Connection) -> None:
    # Where several open a new file at once, SQLite does not wait for the one that makes the log.
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in _BUSY or time.monotonic() > end:
                raise
            time.sleep(_LOG_PAUSE_SECONDS)
        else:
            return


def _engine(url: URL) -> Engine:
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_SECONDS}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        _begin_log(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
