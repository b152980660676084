# SPDX-License-Identifier: Apache-2.0
"""Whether the catalogue has the schema that this program knows, is whole, and takes writes."""

from collections.abc import Iterator

import sqlalchemy as sa

from archive.catalog.database import SCHEMA_VERSION, Database
from archive.errors import (
    CatalogBusy,
    CatalogError,
    CatalogMissing,
    CatalogOutdated,
    CatalogUnavailable,
    SettingsError,
)
from archive.services.doctor import postgresql
from archive.services.doctor.diagnosis import Diagnosis, fail, ok, unknown
from archive.services.upkeep.installation import Installation

_REMAKE = (
    "stop the archive, move the file away, run `muniment restore` with the latest backup, "
    "then `muniment rebuild`"
)
_REMAKE_ON_SERVER = (
    "stop the archive, let database.url name a new empty database, run `muniment restore` with "
    "the latest backup, then `muniment rebuild`"
)


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Reads its schema, checks its pages, and begins a write that is taken back."""
    try:
        database = installation.open_database()
    except SettingsError as error:
        yield fail("database.schema", str(error), "correct database.url")
        return
    try:
        if _is_server(database):
            yield _server(database)
        yield from _schema(database)
        if not _is_server(database):
            yield _whole(database)
        yield _writable(database)
        yield from _prefix(installation, database)
    except CatalogUnavailable as error:
        yield fail("database.reachable", str(error), postgresql.REACH)
    except CatalogMissing as error:
        found = str(error).partition(": run")[0]
        yield fail("database.schema", found, "run `muniment rebuild` (for a new archive: `init`)")
    finally:
        database.close()


def _is_server(database: Database) -> bool:
    return database.url.get_backend_name() == "postgresql"


def _server(database: Database) -> Diagnosis:
    with database.reading() as connection:
        return postgresql.server(connection)


def _schema(database: Database) -> Iterator[Diagnosis]:
    check = "database.schema"
    try:
        database.check_schema()
    except CatalogOutdated as error:
        found, _, mend = str(error).partition(": ")
        yield fail(check, found, mend)
    except (CatalogMissing, CatalogUnavailable):
        raise
    except CatalogError as error:
        yield fail(check, str(error), _REMAKE_ON_SERVER if _is_server(database) else _REMAKE)
    else:
        yield ok(check, f"schema {SCHEMA_VERSION}, no migration is outstanding")


def _whole(database: Database) -> Diagnosis:
    check = "database.whole"
    try:
        with database.reading() as connection:
            rows = connection.execute(sa.text("pragma integrity_check(3)")).scalars().all()
    except CatalogBusy as error:
        return unknown(check, str(error), "look again when the other process is done")
    except CatalogError as error:
        return fail(check, str(error), _REMAKE)
    if rows == ["ok"]:
        return ok(check, "SQLite finds every page and index sound")
    return fail(check, "SQLite finds: " + "; ".join(map(str, rows)).replace("\n", " "), _REMAKE)


def _writable(database: Database) -> Diagnosis:
    check = "database.writable"
    flaw: Diagnosis | None = None
    try:
        with database.writing() as connection:
            connection.execute(sa.text("select 1"))
            if _is_server(database):
                flaw = postgresql.takes_writes(connection)
            # Nothing was written; what was locked or begun for it is let go.
            connection.rollback()
    except CatalogBusy as error:
        return unknown(check, str(error), "look again when the other process is done")
    except CatalogUnavailable:
        raise
    except CatalogError as error:
        mend = "give the archive's user the right to write to the file and its folder"
        if _is_server(database):
            mend = "let the archive's user own the database and its tables"
        return fail(check, str(error), mend)
    return flaw or ok(check, "a write transaction began and was taken back")


def _prefix(installation: Installation, database: Database) -> Iterator[Diagnosis]:
    try:
        found = database.prefix()
    except CatalogUnavailable:
        raise
    except CatalogError as error:
        yield unknown("database.prefix", str(error), "mend the catalogue first")
        return
    if found not in {None, installation.prefix}:
        yield fail(
            "database.prefix",
            f"archive.prefix is {installation.prefix}, and the IDs here begin with {found}",
            f"set archive.prefix to {found}: it never changes once IDs are out",
        )
