# SPDX-License-Identifier: Apache-2.0
"""Whether the jobs database can be read and is whole, and whether jobs are being done."""

import datetime as dt
from collections.abc import Iterator

from archive.errors import InputError, JobsError, JobsUnavailable, SettingsError
from archive.jobs.survey import Lives, Survey, survey
from archive.services.doctor.diagnosis import Diagnosis, fail, ok, warn
from archive.services.ownership import is_process_gone
from archive.services.upkeep.installation import Installation

_DUE = dt.timedelta(minutes=10)
_DAY = dt.timedelta(days=1)
_WHOLE = (
    "start its server, or correct jobs.url; a damaged file: stop the archive, move it away, and "
    "run `muniment restore` with the latest backup, or go on without the jobs in it"
)


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Reads the jobs; makes no database where there is none."""
    now = installation.clock.now()
    dead = dt.timedelta(seconds=int(installation.settings["jobs"]["dead_seconds"]))
    lives = Lives(is_process_gone, now - dead)
    for url in installation.databases:
        try:
            found = survey(url, now - max(_DUE, dead), now - _DAY, lives)
        except SettingsError as error:
            yield fail("jobs.database", str(error), "correct jobs.url")
        except (JobsUnavailable, JobsError) as error:
            yield fail("jobs.database", str(error), _WHOLE)
        else:
            yield from _judged(found)


def _judged(found: Survey | None) -> Iterator[Diagnosis]:
    if found is None:
        yield ok("jobs.database", "no job was ever asked for")
        return
    yield ok("jobs.database", "the jobs database was read")
    if found.due and not found.workers:
        what = f"{found.due} jobs wait for more than ten minutes, and no worker lives"
        yield fail("jobs.workers", what, "start one: `muniment worker`, or `muniment serve`")
    else:
        yield ok("jobs.workers", f"{found.workers} workers, {found.due} jobs wait for long")
    # What was wrong with a request is told to whoever sent it.
    codes = {code: count for code, count in found.failed.items() if code not in _askers_own()}
    if codes:
        what = ", ".join(f"{count} {code}" for code, count in sorted(codes.items()))
        mend = (
            "`muniment jobs list --state failed` names them; ask for them again once it is mended"
        )
        yield warn("jobs.failed", f"failed within a day: {what}", mend)


def _askers_own() -> set[str]:
    found, classes = set(), [InputError]
    while classes:
        one = classes.pop()
        found.add(one.code)
        classes += one.__subclasses__()
    return found
