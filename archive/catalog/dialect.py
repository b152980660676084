# SPDX-License-Identifier: Apache-2.0
"""What the catalogue needs of a kind of database; one module for each kind gives it.

A write transaction runs *alone* (no other one beside it, so that it may look first and write
then) or *beside* others of its like. SQLite knows the first only.
"""

from typing import Protocol

from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from archive.errors import MunimentError

Row = tuple[object, ...]


class RawConnection(Protocol):
    """A connection of the driver's own, for one thread; each read sees the latest commit."""

    def first(self, sql: str, parameters: Row) -> Row | None:
        """The first row of a query with `?` for each parameter, or None.

        Raises CatalogUnavailable when the connection is lost and cannot be made again, and
        CatalogError.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Dialect(Protocol):
    """One database of one kind. Nothing is opened before it is asked for."""

    url: URL
    engine: Engine

    @property
    def place(self) -> str:
        """Where the database is, as people are told: never with a password."""
        ...

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be written here. May ask the database, and raise DBAPIError."""
        ...

    def check_there(self) -> None:
        """Raise CatalogMissing when there is plainly no database; never makes one."""
        ...

    def prepare(self) -> None:
        """Make room for a new catalogue. Raises CatalogError when it would not be one."""
        ...

    def begin_alone(self, connection: Connection) -> None:
        """Wait, in a transaction that has just begun, until no other one writes."""
        ...

    def begin_beside(self, connection: Connection) -> None:
        """As `begin_alone`, but let those of this like go on."""
        ...

    def begin_migration(self, connection: Connection) -> None:
        """As `begin_alone`, with limits on how long changes of the schema may take."""
        ...

    def translate(self, error: DBAPIError) -> MunimentError:
        """The archive's error for the driver's: a CatalogError, or InputError for a value."""
        ...

    def connect_raw(self) -> RawConnection:
        """A new raw connection. Raises CatalogError."""
        ...
