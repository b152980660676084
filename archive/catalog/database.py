# SPDX-License-Identifier: Apache-2.0
"""Opens the catalogue database, and brings its schema to the version that this code knows.

SQLite runs in WAL mode with synchronous=FULL: a committed transaction survives a power cut.
Write transactions begin IMMEDIATE, so that two writers wait for each other instead of failing.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from archive.errors import CatalogBusy, CatalogError, CatalogMissing, CatalogOutdated, SettingsError

SCHEMA_VERSION = "0001"
_BUSY_SECONDS = 30
_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """The catalogue's engine, with one way to write and one way to read."""

    def __init__(self, url: str) -> None:
        self.url = _checked_url(url)
        self.engine = _engine(self.url)

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return Path(str(self.url.database))

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One write transaction: committed when the block ends, rolled back when it raises.

        Raises CatalogBusy when another writer held the catalogue for too long.
        """
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
            if not sa.inspect(connection).has_table("alembic_version"):
                raise CatalogMissing(f"{self.path} is no catalogue: run `muniment init`")
            found = connection.execute(sa.text("select version_num from alembic_version")).scalar()
        if found != SCHEMA_VERSION:
            raise CatalogOutdated(
                f"the catalogue has schema {found}, this program {SCHEMA_VERSION}: "
                "run `muniment init` to migrate it"
            )

    def migrate(self) -> None:
        """Make the database, or bring it forward, in one transaction for each migration."""
        from alembic import command  # noqa: PLC0415 - 0.3 s to import, and only set-up needs it
        from alembic.config import Config  # noqa: PLC0415

        self.path.parent.mkdir(parents=True, exist_ok=True)
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self.writing() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


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
