# SPDX-License-Identifier: Apache-2.0
"""Whether the catalogue has the schema that this program knows, is whole, and takes writes."""

from collections.abc import Iterator

import sqlalchemy as sa

from archive.catalog.database import SCHEMA_VERSION, Database
from archive.errors import CatalogBusy, CatalogError, CatalogMissing, CatalogOutdated, SettingsError
from archive.services.doctor.diagnosis import Diagnosis, fail, ok, unknown
from archive.services.installation import Installation

OLDEST_POSTGRESQL = 15
_REMAKE = (
    "stop the archive, move the file away, run `muniment restore` with the latest backup, "
    "then `muniment rebuild`"
)


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Reads its schema, checks its pages, and begins a write that is taken back."""
    try:
        database = installation.open_database()
    except SettingsError as error:
        yield fail("database.schema", str(error), "correct database.url")
        return
    try:
        yield from _schema(database)
        yield _whole(database)
        yield _writable(database)
        yield from _prefix(installation, database)
    except CatalogMissing as error:
        found = str(error).partition(": run")[0]
        yield fail("database.schema", found, "run `muniment rebuild` (for a new archive: `init`)")
    finally:
        database.close()


def _schema(database: Database) -> Iterator[Diagnosis]:
    check = "database.schema"
    try:
        database.check_schema()
    except CatalogOutdated as error:
        found, _, mend = str(error).partition(": ")
        yield fail(check, found, mend)
    except CatalogMissing:
        raise
    except CatalogError as error:
        yield fail(check, str(error), _REMAKE)
    else:
        yield ok(check, f"schema {SCHEMA_VERSION}, no migration is outstanding")


def _whole(database: Database) -> Diagnosis:
    check = "database.whole"
    try:
        with database.reading() as connection:
            if connection.dialect.name == "postgresql":
                return postgresql_version(connection)
            rows = connection.execute(sa.text("pragma integrity_check(3)")).scalars().all()
    except CatalogBusy as error:
        return unknown(check, str(error), "look again when the other process is done")
    except CatalogError as error:
        return fail(check, str(error), _REMAKE)
    if rows == ["ok"]:
        return ok(check, "SQLite finds every page and index sound")
    return fail(check, "SQLite finds: " + "; ".join(map(str, rows)).replace("\n", " "), _REMAKE)


def postgresql_version(connection: sa.Connection) -> Diagnosis:
    """Whether the server is one that this program is tested with, and no standby."""
    number = int(connection.execute(sa.text("show server_version_num")).scalar_one())
    major = number // 10_000
    if major < OLDEST_POSTGRESQL:
        mend = f"upgrade to PostgreSQL {OLDEST_POSTGRESQL} or newer"
        return fail("database.whole", f"the server is PostgreSQL {major}", mend)
    if connection.execute(sa.text("select pg_is_in_recovery()")).scalar_one():
        mend = "let database.url name the primary, or promote this server"
        return fail("database.whole", "the server is a standby, which takes no writes", mend)
    return ok("database.whole", f"the server is PostgreSQL {major}")


def _writable(database: Database) -> Diagnosis:
    check = "database.writable"
    try:
        with database.writing() as connection:
            connection.execute(sa.text("select 1"))
            # Nothing was written; what was locked or begun for it is let go.
            connection.rollback()
    except CatalogBusy as error:
        return unknown(check, str(error), "look again when the other process is done")
    except CatalogError as error:
        mend = "give the archive's user the right to write to the file and its folder"
        return fail(check, str(error), mend)
    return ok(check, "a write transaction began and was taken back")


def _prefix(installation: Installation, database: Database) -> Iterator[Diagnosis]:
    try:
        found = database.prefix()
    except CatalogError as error:
        yield unknown("database.prefix", str(error), "mend the catalogue first")
        return
    if found not in {None, installation.prefix}:
        yield fail(
            "database.prefix",
            f"archive.prefix is {installation.prefix}, and the IDs here begin with {found}",
            f"set archive.prefix to {found}: it never changes once IDs are out",
        )
