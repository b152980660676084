# SPDX-License-Identifier: Apache-2.0
"""The catalogue in a PostgreSQL database, for many processes on many machines.

Every write transaction takes one advisory lock, for its own duration: alone or shared. Those
that run alone may look first and write then, as under SQLite's write lock; those that run beside
each other only touch rows of their own, but for the number sequence, whose row they lock in turn.
The lock is always the first, so that nobody can wait in a circle. READ COMMITTED is enough then.
"""

import re
from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import pq
from psycopg.errors import error_from_result
from sqlalchemy import event
from sqlalchemy.dialects import registry
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError

from archive.catalog.dialect import Row
from archive.errors import (
    CatalogBusy,
    CatalogError,
    CatalogUnavailable,
    InputError,
    MunimentError,
    SettingsError,
)

OLDEST_SERVER = 15
_WAIT_SECONDS = 30
# How long a transaction may do nothing, so that a machine that hangs or is gone lets the others
# on. A rebuild reads the store in between.
_IDLE_ALONE_SECONDS = 600
_IDLE_BESIDE_SECONDS = 60
_MIGRATION_WAIT_SECONDS = 120
_MIGRATION_TABLE_WAIT_SECONDS = 10
_MIGRATION_STATEMENT_SECONDS = 1800
_LOCK = 0x6D756E69
_ALONE = f"SELECT pg_advisory_xact_lock({_LOCK})"
_BESIDE = f"SELECT pg_advisory_xact_lock_shared({_LOCK})"
_DRIVERS = {"postgresql", "postgresql+psycopg"}
# The types' numbers in pg_type, which never change.
_BYTEA, _TEXT = 17, 25
_SECRET_OPTIONS = {"password", "sslpassword"}
# Seconds, but for the last one's milliseconds: a server that is gone must not hold a thread.
_CONNECTING = {
    "client_encoding": "utf8",
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# Appendix A of PostgreSQL's manual. Serialization, deadlock, lock wait, statement time limit.
_BUSY_STATES = {"40001", "40P01", "55P03", "57014"}
_READ_ONLY_STATE = "25006"
# Connection exceptions, idle for too long, shut down by the operator or after a crash, no room.
_LOST_CLASS = "08"
_LOST_STATES = {"25P03", "57P01", "57P02", "57P03", "57P05", "53300"}

registry.register("postgresql.muniment", "archive.catalog.postgres_types", "CatalogDialect")


class PostgresDialect:
    """One database of a server. Raises SettingsError for a URL that cannot be used."""

    def __init__(self, url: URL) -> None:
        if url.drivername not in _DRIVERS or not url.database:
            raise SettingsError("the database URL must be postgresql+psycopg://USER@HOST/NAME")
        if _SECRET_OPTIONS & set(url.query):
            raise SettingsError(
                "a password in the database URL stands before the @, or in PGPASSWORD or a "
                "password file (PGPASSFILE)"
            )
        self.url = url
        self.engine = sa.create_engine(
            url.set(drivername="postgresql+muniment"),
            # A later snapshot than the lock's wait is what makes looking first right.
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            pool_size=5,
            max_overflow=20,
            hide_parameters=True,
            connect_args={
                name: value for name, value in _CONNECTING.items() if name not in url.query
            },
        )
        event.listen(self.engine, "connect", _plan_anew)

    @property
    def place(self) -> str:
        """Server and name of the database."""
        return f"{self.url.host or 'the local server'}/{self.url.database}"

    @property
    def is_read_only(self) -> bool:
        """Whether the server is a standby, or refuses writes by its settings."""
        with self.engine.connect() as connection:
            answer = connection.execute(sa.text("show transaction_read_only")).scalar_one()
        return str(answer) == "on"

    def check_there(self) -> None:
        """Nothing is made by looking: whether it is there shows when it is read."""

    def prepare(self) -> None:
        """Raise CatalogError unless the server is new enough and the database holds UTF-8."""
        with self.engine.connect() as connection:
            version = int(connection.execute(sa.text("show server_version_num")).scalar_one())
            encoding = connection.execute(sa.text("show server_encoding")).scalar_one()
        if version < OLDEST_SERVER * 10_000:
            raise CatalogError(
                f"the server is PostgreSQL {version // 10_000}: {OLDEST_SERVER} is the oldest "
                "that can hold a catalogue"
            )
        if encoding != "UTF8":
            raise CatalogError(
                f"the database {self.url.database} holds {encoding}: make one with "
                f"`createdb --encoding=UTF8 --template=template0 NAME`"
            )

    def begin_alone(self, connection: Connection) -> None:
        """Wait until no other transaction writes; then all others wait for this one."""
        connection.exec_driver_sql(_limits(_WAIT_SECONDS, _IDLE_ALONE_SECONDS) + _ALONE)

    def begin_beside(self, connection: Connection) -> None:
        """Wait until no other transaction writes alone."""
        connection.exec_driver_sql(_limits(_WAIT_SECONDS, _IDLE_BESIDE_SECONDS) + _BESIDE)

    def begin_migration(self, connection: Connection) -> None:
        """Wait until no other transaction writes; then for tables, which readers use, not long."""
        connection.exec_driver_sql(
            _limits(_MIGRATION_WAIT_SECONDS, _IDLE_ALONE_SECONDS)
            + _ALONE
            + f"; SET LOCAL lock_timeout = '{_MIGRATION_TABLE_WAIT_SECONDS}s'"
            + f"; SET LOCAL statement_timeout = '{_MIGRATION_STATEMENT_SECONDS}s'"
        )

    def translate(self, error: DBAPIError) -> MunimentError:
        """CatalogBusy, CatalogUnavailable or CatalogError, by the server's SQLSTATE.

        InputError for a text that PostgreSQL cannot hold, so that the server was not asked.
        """
        original = error.orig
        if not isinstance(original, psycopg.Error):
            return CatalogError("the catalogue cannot be used")
        if isinstance(original, psycopg.DataError) and original.sqlstate is None:
            return InputError("a text holds the character U+0000")
        return _translated(original)

    def connect_raw(self) -> "PostgresConnection":
        """A raw connection that is made at its first read."""
        _, named = self.engine.dialect.create_connect_args(self.url)
        return PostgresConnection({**_CONNECTING, **named})


class PostgresConnection:
    """A raw connection whose queries are prepared once, each by itself a transaction.

    One that was lost since the last read is made again. A query takes texts, and gives texts,
    bytes and integers. libpq is asked directly: a cursor costs half as much again as the query.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = arguments
        self._connection: psycopg.Connection | None = None
        self._prepared: dict[str, bytes] = {}

    def __del__(self) -> None:
        # A thread that ends does not say so.
        self.close()

    def first(self, sql: str, parameters: Row) -> Row | None:
        """The first row of a query, or None. Raises CatalogUnavailable, CatalogError."""
        is_old = self._connection is not None
        try:
            return self._first(sql, parameters)
        except CatalogUnavailable:
            self.close()
            if not is_old:
                raise
        return self._first(sql, parameters)

    def close(self) -> None:
        """Let go of it; another read would make it again."""
        self._prepared.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _first(self, sql: str, parameters: Row) -> Row | None:
        try:
            server = (self._connection or self._connect()).pgconn
            name = self._prepared.get(sql) or self._prepare(server, sql, len(parameters))
            # In the binary form a text has its length with it, and may not hold U+0000.
            given = [str(value).encode() for value in parameters]
            result = server.exec_prepared(name, given, [pq.Format.BINARY] * len(given), 1)
        except psycopg.Error as error:
            raise _translated(error) from error
        self._require(result, pq.ExecStatus.TUPLES_OK)
        if result.ntuples == 0:
            return None
        return tuple(_value(result, column) for column in range(result.nfields))

    def _connect(self) -> psycopg.Connection:
        self.close()
        self._connection = psycopg.connect(**self._arguments, autocommit=True)
        # A plan that was made while the table was small reads all of it, and is kept though the
        # table grows, until somebody analyses it.
        self._connection.execute("SET enable_seqscan = off")
        return self._connection

    def _prepare(self, server: pq.abc.PGconn, sql: str, count: int) -> bytes:
        numbers = iter(range(1, count + 1))
        text = re.sub(r"\?", lambda _: f"${next(numbers)}", sql)
        name = f"hot_{len(self._prepared)}".encode()
        prepared = server.prepare(name, text.encode(), [_TEXT] * count)
        self._require(prepared, pq.ExecStatus.COMMAND_OK)
        self._prepared[sql] = name
        return name

    def _require(self, result: pq.abc.PGresult, status: pq.ExecStatus) -> None:
        if result.status == status:
            return
        error = error_from_result(result)
        if self._connection is not None and self._connection.pgconn.status != pq.ConnStatus.OK:
            self.close()
            raise CatalogUnavailable(f"the catalogue cannot be reached: {_first_line(error)}")
        raise _translated(error)


def _value(result: pq.abc.PGresult, column: int) -> object:
    data = result.get_value(0, column)
    if data is None:
        return None
    kind = result.ftype(column)
    if kind == _BYTEA:
        return data
    return data.decode() if kind == _TEXT else int.from_bytes(data, "big", signed=True)


def _plan_anew(connection: psycopg.Connection, _record: object) -> None:
    # A plan that is kept is that of the tables' size when it was made; in an import they grow by
    # a hundred times before the server's own analysis, and each read would go through all of them.
    connection.autocommit = True
    connection.execute("SET plan_cache_mode = force_custom_plan")
    connection.autocommit = False


def _limits(wait_seconds: int, idle_seconds: int) -> str:
    return (
        f"SET LOCAL lock_timeout = '{wait_seconds}s'; "
        f"SET LOCAL idle_in_transaction_session_timeout = '{idle_seconds}s'; "
        # The server's own defaults notice a machine that is gone after two hours.
        "SET LOCAL tcp_keepalives_idle = 30; SET LOCAL tcp_keepalives_interval = 10; "
        "SET LOCAL tcp_keepalives_count = 3; "
    )


def _translated(error: psycopg.Error) -> CatalogError:
    state = error.sqlstate or ""
    if state in _BUSY_STATES:
        return CatalogBusy("another process holds the catalogue: try again")
    if state == _READ_ONLY_STATE:
        return CatalogError("the catalogue is read-only: its server takes no writes")
    is_lost = state in _LOST_STATES or state.startswith(_LOST_CLASS)
    if is_lost or (not state and isinstance(error, psycopg.OperationalError)):
        return CatalogUnavailable(f"the catalogue cannot be reached: {_first_line(error)}")
    return CatalogError(f"the catalogue refused: {_first_line(error)}")


def _first_line(error: psycopg.Error) -> str:
    # Further lines repeat values of rows.
    return (str(error).strip() or type(error).__name__).splitlines()[0]
