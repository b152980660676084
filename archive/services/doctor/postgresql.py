# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a catalogue's PostgreSQL server, its database, and its user's rights."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.tables import metadata
from archive.services.doctor.diagnosis import Diagnosis, fail, ok

REACH = (
    "start its server, and look at database.url and at its password (PGPASSWORD, PGPASSFILE); "
    "RUNBOOK.md, Lose the database"
)
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")


def server(connection: Connection) -> Diagnosis:
    """Whether the server is one that this program is tested with, and its database holds UTF-8."""
    # Whoever has a connection has loaded the driver already; others need none of it.
    from archive.catalog.postgres import OLDEST_SERVER  # noqa: PLC0415 - loads psycopg

    check = "database.server"
    major = int(connection.execute(sa.text("show server_version_num")).scalar_one()) // 10_000
    if major < OLDEST_SERVER:
        mend = f"upgrade to PostgreSQL {OLDEST_SERVER} or newer"
        return fail(check, f"the server is PostgreSQL {major}", mend)
    encoding = connection.execute(sa.text("show server_encoding")).scalar_one()
    if encoding != "UTF8":
        mend = (
            "make one with `createdb --encoding=UTF8 --template=template0 NAME`, let database.url "
            "name it, and bring the archive there with `muniment restore` and `muniment rebuild`"
        )
        return fail(check, f"the database holds {encoding}, not UTF-8", mend)
    return ok(check, f"the server is PostgreSQL {major}, its database holds UTF-8")


def takes_writes(connection: Connection) -> Diagnosis | None:
    """What keeps rows from being written, or None; asked within a transaction."""
    check = "database.writable"
    if connection.execute(sa.text("select pg_is_in_recovery()")).scalar_one():
        mend = "let database.url name the primary, or promote this server"
        return fail(check, "the server is a standby, which takes no writes", mend)
    if connection.execute(sa.text("show transaction_read_only")).scalar_one() == "on":
        mend = "take back default_transaction_read_only, for the server, the database or the user"
        return fail(check, "the database takes no writes by its settings", mend)
    lacking = _lacking_rights(connection)
    if lacking:
        user = connection.execute(sa.text("select current_user")).scalar_one()
        found = f"the user {user} may not write to {', '.join(lacking)}"
        mend = (
            f"as the owner of the tables: `grant select, insert, update, delete on all tables "
            f'in schema public to "{user}"`'
        )
        return fail(check, found, mend)
    return None


def _lacking_rights(connection: Connection) -> list[str]:
    asked = [
        sa.func.has_table_privilege(name, right).label(f"{name} {right}")
        for name in sorted(metadata.tables)
        for right in _RIGHTS
    ]
    answers = connection.execute(sa.select(*asked)).mappings().one()
    return sorted({name.split()[0] for name, may in answers.items() if not may})
