# SPDX-License-Identifier: Apache-2.0
"""Opens the catalogue database, and brings its schema to the version that this code knows.

SQLite runs in WAL mode with synchronous=FULL: a committed transaction survives a power cut.
Write transactions begin IMMEDIATE, so that two writers wait for each other instead of failing.
Where the file or its folder cannot be written, the catalogue is opened for reading only.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from archive.errors import CatalogBusy, CatalogError, CatalogMissing, CatalogOutdated, SettingsError

SCHEMA_VERSION = "0007"
_BUSY_SECONDS = 30
_MIGRATIONS = Path(__file__).parent / "migrations"


def _can_write(path: Path) -> bool:
    return os.access(path, os.W_OK)


class Database:
    """The catalogue's engine, with one way to write and one way to read.

    `is_read_only` says that the file is there and it or its folder cannot be written.
    `is_immutable` says, moreover, that no write-ahead log lies beside it: SQLite then needs
    neither locks nor a file of its own there, and nobody may write meanwhile.
    """

    def __init__(self, url: str, can_write: Callable[[Path], bool] = _can_write) -> None:
        self.url = _checked_url(url)
        self.is_read_only = self.path.is_file() and not (
            can_write(self.path) and can_write(self.path.parent)
        )
        self.is_immutable = self.is_read_only and not _has_log(self.path)
        self.engine = self._reading_engine() if self.is_read_only else _engine(self.url)

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return Path(str(self.url.database))

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One write transaction: committed when the block ends, rolled back when it raises.

        Raises CatalogBusy when another writer held the catalogue for too long, CatalogError
        when the catalogue is read-only.
        """
        if self.is_read_only:
            raise CatalogError(f"the catalogue is read-only: {self.path} cannot be written")
        with _translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reads, each statement seeing the latest commit."""
        with _translated(), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def check_schema(self) -> None:
        """Raise CatalogMissing or CatalogOutdated unless the schema is the known one."""
        if not self.path.is_file():
            raise CatalogMissing(f"no catalogue at {self.path}: run `muniment init`")
        with self.reading() as connection:
            found = _schema_version(connection)
        if found is None:
            raise CatalogMissing(f"{self.path} is no catalogue: run `muniment init`")
        _refuse_newer(found)
        if found != SCHEMA_VERSION:
            raise CatalogOutdated(
                f"the catalogue has schema {found}, this program {SCHEMA_VERSION}: "
                "run `muniment init` to migrate it"
            )

    def prefix(self) -> str | None:
        """The prefix of the IDs in the catalogue, or None when it lists no capture."""
        with self.reading() as connection:
            found = connection.execute(sa.text("select id from capture limit 1")).scalar()
        return None if found is None else str(found).partition("-")[0]

    def migrate(self) -> None:
        """Make the database, or bring it forward, in one transaction for each migration.

        Raises CatalogOutdated when a newer program made it, CatalogError.
        """
        from alembic import command  # noqa: PLC0415 - 0.3 s to import, and only set-up needs it
        from alembic.config import Config  # noqa: PLC0415
        from alembic.util import CommandError  # noqa: PLC0415

        self.path.parent.mkdir(parents=True, exist_ok=True)
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self.writing() as connection:
            found = _schema_version(connection)
            if found is not None:
                _refuse_newer(found)
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise CatalogError(f"the catalogue cannot be migrated: {error}") from error

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    def _reading_engine(self) -> Engine:
        uri = read_only_uri(self.path, is_immutable=self.is_immutable)
        return sa.create_engine(
            self.url,
            creator=lambda: sqlite3.connect(
                uri, uri=True, timeout=_BUSY_SECONDS, check_same_thread=False
            ),
        )


def read_only_uri(path: Path, *, is_immutable: bool) -> str:
    """The SQLite URI that opens a file for reading, without its locks when it is immutable."""
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_immutable else ''}"


def _has_log(path: Path) -> bool:
    # An immutable database is read without its log: what the log alone holds would be missing.
    log = path.with_name(f"{path.name}-wal")
    index = path.with_name(f"{path.name}-shm")
    return log.exists() and (log.stat().st_size > 0 or index.exists())


def _schema_version(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("select version_num from alembic_version")).scalar()


def _refuse_newer(found: str) -> None:
    known = {path.stem.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("*.py")}
    if found not in known:
        raise CatalogOutdated(
            f"the catalogue has schema {found}, made by a newer Muniment than this one "
            f"({SCHEMA_VERSION}): upgrade the program"
        )


def _checked_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError("the database URL cannot be read: use sqlite:///PATH") from error
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise SettingsError("the database URL must be sqlite:///PATH in this version")
    return parsed


def _engine(url: URL) -> Engine:
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        original = error.orig
        code = getattr(original, "sqlite_errorcode", None)
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise CatalogBusy("another process holds the catalogue: try again") from error
        raise CatalogError(f"the catalogue cannot be used: {original}") from error
    except DBAPIError as error:
        raise CatalogError(f"the catalogue refused: {error.orig}") from error
