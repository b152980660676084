# SPDX-License-Identifier: Apache-2.0
"""Opens the catalogue database, and brings its schema to the version that this code knows.

What SQLite and PostgreSQL do each in their own way is in modules of theirs (`sqlite`,
`postgres`), behind one interface (`dialect`).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from archive.catalog.dialect import Dialect, RawConnection
from archive.catalog.sqlite import SqliteDialect, can_write
from archive.errors import (
    CatalogBusy,
    CatalogError,
    CatalogMissing,
    CatalogOutdated,
    CatalogUnavailable,
    SettingsError,
)

SCHEMA_VERSION = "0010"

_MIGRATIONS = Path(__file__).parent / "migrations"
_PAUSES_SECONDS = (0.1, 0.3, 1, 2, 4, 8)
_INSISTING_SECONDS = 60

_T = TypeVar("_T")


class Database:
    """The catalogue: its engine, ways to write, and one way to read.

    Raises SettingsError for a URL that cannot be used. Nothing is opened yet, and no message or
    representation has the URL's password.
    """

    def __init__(
        self,
        url: str,
        can_write: Callable[[Path], bool] = can_write,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dialect = _dialect(_parsed(url), can_write)
        self._pause = pause

    @property
    def url(self) -> URL:
        """The database's URL; as text it shows no password."""
        return self._dialect.url

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine."""
        return self._dialect.engine

    @property
    def place(self) -> str:
        """Where the catalogue is, as people are told."""
        return self._dialect.place

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be written: a protected file, a standby server.

        Raises CatalogError when the server cannot tell.
        """
        with self._translated():
            return self._dialect.is_read_only

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One write transaction: committed when the block ends, rolled back when it raises.

        No other one runs meanwhile, so what the block reads stays true until it ends. Raises
        CatalogBusy when another writer held the catalogue for too long, CatalogUnavailable when
        its server cannot be reached, CatalogError when it is read-only.
        """
        with self._transaction(self._dialect.begin_alone) as connection:
            yield connection

    @contextmanager
    def appending(self) -> Iterator[Connection]:
        """As `writing`, but others that append may run meanwhile, where the database can.

        For blocks that hand out numbers, and add or end rows of their own; none that first looks
        at what others may be writing.
        """
        with self._transaction(self._dialect.begin_beside) as connection:
            yield connection

    def insist(
        self,
        transaction: Callable[[], AbstractContextManager[Connection]],
        deed: Callable[[Connection], _T],
    ) -> _T:
        """What the deed gives in such a transaction, tried again for up to a minute.

        For rows of what is stored and signed already, when the catalogue is busy or its server
        restarts. The deed must be one that can be done twice: whether a commit whose answer was
        lost took place is not known. Raises as `writing`.
        """
        end = time.monotonic() + _INSISTING_SECONDS
        for pause in _PAUSES_SECONDS:
            try:
                with transaction() as connection:
                    return deed(connection)
            except (CatalogBusy, CatalogUnavailable):
                if time.monotonic() > end:
                    raise
                self._pause(pause)
        with transaction() as connection:
            return deed(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reads, each statement seeing the latest commit."""
        with self._translated(), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def connect_raw(self) -> RawConnection:
        """A connection of the driver's own, for the hottest read. Raises CatalogError."""
        return self._dialect.connect_raw()

    def check_schema(self) -> None:
        """Raise CatalogMissing or CatalogOutdated unless the schema is the known one."""
        self._dialect.check_there()
        with self.reading() as connection:
            found = _schema_version(connection)
        if found is None:
            raise CatalogMissing(f"{self.place} is no catalogue: run `muniment init`")
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
        """Make the database's tables, or bring them forward, one transaction for each migration.

        Many processes may do so at once: each step is taken by whoever has the write lock, from
        the version that is found then. Raises CatalogOutdated when a newer program made it,
        CatalogError.
        """
        with self._translated():
            self._dialect.prepare()
        while self._migrate_once():
            pass

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    def _migrate_once(self) -> bool:
        from alembic import command  # noqa: PLC0415 - 0.3 s to import, and only set-up needs it
        from alembic.config import Config  # noqa: PLC0415
        from alembic.util import CommandError  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self._transaction(self._dialect.begin_migration) as connection:
            found = _schema_version(connection)
            if found is not None:
                _refuse_newer(found)
            if found == SCHEMA_VERSION:
                return False
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "+1")
            except CommandError as error:
                raise CatalogError(f"the catalogue cannot be migrated: {error}") from error
        return True

    @contextmanager
    def _transaction(self, begin: Callable[[Connection], None]) -> Iterator[Connection]:
        with self._translated(), self.engine.begin() as connection:
            begin(connection)
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._dialect.translate(error) from error
        except NoConnectionFree as error:
            raise CatalogBusy("every connection to the catalogue is in use: try again") from error


def _dialect(url: URL, is_writable: Callable[[Path], bool]) -> Dialect:
    if url.get_backend_name() == "postgresql":
        # psycopg takes as long to import as Flask, and a catalogue in a file needs none.
        from archive.catalog.postgres import PostgresDialect  # noqa: PLC0415 - loads psycopg

        return PostgresDialect(url)
    if url.get_backend_name() == "sqlite" and url.database:
        return SqliteDialect(url, is_writable)
    raise SettingsError("the database URL must be sqlite:///PATH or postgresql+psycopg://…")


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # What could not be read is not repeated, nor is the cause: it may have a password.
        raise SettingsError(
            "the database URL cannot be read: use sqlite:///PATH or "
            "postgresql+psycopg://USER@HOST/NAME"
        ) from None


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
