# SPDX-License-Identifier: Apache-2.0
"""Whether a process died between reserving a number and recording under it."""

from collections.abc import Iterator

from archive.catalog import sequence
from archive.services.doctor.diagnosis import Diagnosis, ok, warn
from archive.services.ownership import is_gone
from archive.services.upkeep.installation import Installation


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Looks at the owner of each open reservation."""
    database = installation.open_database()
    try:
        database.check_schema()
        with database.reading() as connection:
            waiting = sequence.open_reservations(connection)
    finally:
        database.close()
    now = installation.clock.now()
    orphaned = [item for item in waiting if is_gone(item, now)]
    if orphaned:
        names = ", ".join(f"{item.kind} {item.number}" for item in orphaned[:5])
        yield warn(
            "reservations.owned",
            f"{len(orphaned)} of {len(waiting)} are of processes that died: {names}",
            "run `muniment audit --sample 1`, or start `muniment serve`: either settles them",
        )
    else:
        yield ok("reservations.owned", f"{len(waiting)} open, each of a process that lives")
