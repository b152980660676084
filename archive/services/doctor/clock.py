# SPDX-License-Identifier: Apache-2.0
"""Whether the clock is right, as far as files, records, store and database can tell.

Every capture carries the clock's time for ever, so a wrong one is worse than none.
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from archive.catalog.tables import capture, observation
from archive.clock import UTC, parse_rfc3339
from archive.errors import CatalogError, StorageError
from archive.services.doctor.diagnosis import Diagnosis, fail, ok, unknown
from archive.services.upkeep.installation import Installation
from archive.storage.base import Examinable

TOLERANCE = dt.timedelta(seconds=60)
_SET = "set the clock and keep it set: `timedatectl set-ntp true`, or chrony"


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Compares the clock with each other witness there is."""
    now = installation.clock.now()
    yield _against_files(installation, now)
    yield from _against_catalogue(installation, now)
    yield from _against_store(installation)


def _against_files(installation: Installation, now: dt.datetime) -> Diagnosis:
    files = installation.files
    paths = (files.root_keyid, files.manifest, installation.data / "catalog.sqlite")
    times = {path: _changed(path) for path in paths if path.exists()}
    for path, changed in times.items():
        if changed > now + TOLERANCE:
            found = f"it is {_shown(now)} by the clock, and {path} was written {_shown(changed)}"
            return fail("clock.files", found, f"{_SET}; if the file's time is wrong, `touch` it")
    return ok("clock.files", f"{_shown(now)}, and no file is from later")


def _against_catalogue(installation: Installation, now: dt.datetime) -> Iterator[Diagnosis]:
    check = "clock.records"
    database = installation.open_database()
    try:
        database.check_schema()
        with database.reading() as connection:
            latest = [
                connection.execute(sa.select(sa.func.max(column))).scalar()
                for column in (capture.c.captured_at, observation.c.observed_at)
            ]
            if connection.dialect.name == "postgresql":
                theirs = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
                yield _compared("clock.database", installation.clock.now(), theirs, "database")
    except CatalogError as error:
        yield unknown(check, str(error), "mend the catalogue first")
        return
    finally:
        database.close()
    newest = max((parse_rfc3339(time) for time in latest if time), default=None)
    if newest is not None and newest > now + TOLERANCE:
        yield fail(check, f"it is {_shown(now)} by the clock, and a record is of {newest}", _SET)
    else:
        yield ok(check, "no record is from later")


def _against_store(installation: Installation) -> Iterator[Diagnosis]:
    check = "clock.store"
    try:
        store = installation.find_store()
        theirs = store.server_time() if isinstance(store, Examinable) else None
    except StorageError as error:
        yield unknown(check, str(error), "look again when the store answers")
        return
    if theirs is not None:
        yield _compared(check, installation.clock.now(), theirs, "store")


def _compared(check: str, now: dt.datetime, theirs: dt.datetime, whose: str) -> Diagnosis:
    apart = abs(now - theirs.astimezone(UTC))
    if apart <= TOLERANCE:
        return ok(check, f"the {whose}'s clock agrees")
    found = f"it is {_shown(now)} here and {_shown(theirs)} by the {whose}'s clock"
    return fail(check, found, f"{_SET}, on the machine whose clock is wrong")


def _changed(path: Path) -> dt.datetime:
    return dt.datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _shown(time: dt.datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
