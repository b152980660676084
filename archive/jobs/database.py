# SPDX-License-Identifier: Apache-2.0
"""The jobs database: a SQLite file beside the archive, or a schema of a PostgreSQL database.

Two engines reach it. What was promised to somebody (a job that was asked for) is written through
`durable`: it survives a power cut. The rest (progress, politeness, who runs what) is written
through `quick`: it survives the death of any process, and a power cut costs a repetition, which
handlers bear.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from archive.errors import JobsError, JobsUnavailable, SettingsError
from archive.jobs.tables import SCHEMA, metadata

_BUSY_MILLISECONDS = 30_000
_CONNECT_SECONDS = 10


class JobsDatabase:
    """Opened at the first use, its tables made when they are missing."""

    def __init__(self, url: str) -> None:
        self.url = checked_url(url)
        self._lock = threading.Lock()
        self._engines: tuple[Engine, Engine] | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def durable(self) -> Engine:
        """The engine whose commits survive a power cut."""
        return self._opened()[0]

    @property
    def quick(self) -> Engine:
        """The engine whose commits survive the death of processes."""
        return self._opened()[1]

    @contextmanager
    def promising(self) -> Iterator[Connection]:
        """A write transaction that is durable. Raises JobsUnavailable, JobsError."""
        with translated(), self.durable.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A quick write transaction. Raises JobsUnavailable, JobsError."""
        with translated(), self.quick.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reads, each statement seeing the latest commit."""
        with translated(), self.quick.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        """Let go of every connection; it can be opened again."""
        with self._lock:
            for engine in self._engines or ():
                engine.dispose()
            self._engines = None

    def _opened(self) -> tuple[Engine, Engine]:
        with self._lock:
            if self._engines is None:
                durable = _engine(self.url, is_durable=True)
                try:
                    self._prepare(durable)
                except BaseException:
                    durable.dispose()
                    raise
                self._engines = (durable, _engine(self.url, is_durable=False))
            return self._engines

    def _prepare(self, engine: Engine) -> None:
        if self.is_sqlite:
            Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)
        with translated(), engine.begin() as connection:
            if not self.is_sqlite:
                # Two processes that make it at once would both find it missing.
                connection.execute(sa.text("select pg_advisory_xact_lock(73656174)"))
                connection.execute(sa.text(f"create schema if not exists {SCHEMA}"))
            metadata.create_all(connection)


def checked_url(url: str) -> URL:
    """The URL of a jobs database. Raises SettingsError."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError("the URL of the jobs database cannot be read") from error
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise SettingsError(
            "the jobs database must be sqlite:///PATH or postgresql+psycopg://…: set jobs.url"
        )
    return parsed


def _engine(url: URL, *, is_durable: bool) -> Engine:
    engine = plain_engine(url, is_durable=is_durable)
    if url.get_backend_name() != "sqlite":
        return engine.execution_options(schema_translate_map={None: SCHEMA})

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes then must have the write lock from the start.
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def plain_engine(url: URL, *, is_durable: bool) -> Engine:
    """An engine whose transactions begin as its user wants; its commits survive a power cut or not.

    For one that begins them itself, as the engine of the jobs does.
    """
    if url.get_backend_name() != "sqlite":
        arguments: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS}
        if not is_durable:
            arguments["options"] = "-c synchronous_commit=off"
        return sa.create_engine(
            url, pool_pre_ping=True, pool_size=20, max_overflow=20, connect_args=arguments
        )
    engine = sa.create_engine(url, pool_size=20, max_overflow=20)
    level = "FULL" if is_durable else "NORMAL"

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in (
            f"busy_timeout={_BUSY_MILLISECONDS}",
            "journal_mode=WAL",
            f"synchronous={level}",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def insert_if_absent(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is there; whether it was inserted."""
    is_sqlite = connection.dialect.name == "sqlite"
    insert = (sqlite if is_sqlite else postgresql).insert(table).values(values)
    # What was inserted is returned, for the count of rows is not told everywhere.
    done = insert.on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(done).first() is not None


@contextmanager
def translated() -> Iterator[None]:
    """Within this, the errors of the database are this archive's."""
    try:
        yield
    except OperationalError as error:
        raise JobsUnavailable(f"the jobs database cannot be asked: {error.orig}") from error
    except DBAPIError as error:
        raise JobsError(f"the jobs database refused: {error.orig}") from error
