# SPDX-License-Identifier: Apache-2.0
"""One importer for each file at a time, on whatever machine; the second waits and finds it done.

The lock is a reservation: a process that died holding it is seen to be gone, as with every other.
"""

import contextlib
import time
from collections.abc import Callable, Iterator

from sqlalchemy.engine import Connection

from archive.catalog import sequence
from archive.catalog.sequence import Reservation
from archive.clock import rfc3339
from archive.errors import CatalogBusy
from archive.importing.base import Source
from archive.services.context import Archive
from archive.services.ownership import IMPORT, LEASE_SECONDS, is_gone, this_process

_WAIT_SECONDS = 0.2
_DIGITS = 12


@contextlib.contextmanager
def sole_importer(
    archive: Archive, sha256: str, while_waiting: Callable[[], None]
) -> Iterator[Callable[[], None]]:
    """Hold the lock on a file; what is given must be called from time to time to keep it.

    It raises CatalogBusy when another importer has taken the lock meanwhile: this one was held up
    for longer than its lease. `while_waiting` is called while another importer holds it, and may
    raise to give up.
    """
    number = int(sha256[:_DIGITS], 16)
    archive.owed.settle(archive.database)
    while not _taken(archive, number):
        while_waiting()
        time.sleep(_WAIT_SECONDS)
    kept = time.monotonic()

    def keep() -> None:
        nonlocal kept
        if time.monotonic() - kept > LEASE_SECONDS / 4:
            _renew(archive, number)
            kept = time.monotonic()

    try:
        yield keep
    finally:
        archive.owed.give_back(archive.database, lambda connection: _release(connection, number))


@contextlib.contextmanager
def sole_minter(
    archive: Archive, container_sha256: str, held: str, keep: Callable[[], None]
) -> Iterator[Callable[[], None]]:
    """Hold the lock on a container as well, whose records two files may have in common.

    `held` is what is locked already, and `keep` keeps it; what is given keeps both.
    """
    if container_sha256 == held:
        yield keep
        return
    with sole_importer(archive, container_sha256, keep) as keep_container:

        def keep_both() -> None:
            keep()
            keep_container()

        yield keep_both


class KeptSource:
    """A source whose reading keeps the lock (`importing.base.Source`)."""

    def __init__(self, source: Source, keep: Callable[[], None]) -> None:
        self._source = source
        self._keep = keep

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._source.size

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from `offset`. Raises as the source, and as what keeps the lock."""
        self._keep()
        return self._source.read_at(offset, length)


def _release(connection: Connection, number: int) -> None:
    held = sequence.open_reservation(connection, IMPORT, number)
    # Done late, the lock may be another one's by now.
    if held is not None and held.owner == this_process():
        sequence.forget(connection, IMPORT, number)


def _taken(archive: Archive, number: int) -> bool:
    now = archive.clock.now()
    with archive.database.writing() as connection:
        for held in sequence.open_reservations(connection):
            if (held.kind, held.number) == (IMPORT, number) and not is_gone(held, now):
                return False
        sequence.forget(connection, IMPORT, number)
        sequence.intend(connection, [Reservation(IMPORT, number, this_process(), rfc3339(now))])
    return True


def _renew(archive: Archive, number: int) -> None:
    with archive.database.writing() as connection:
        held = sequence.open_reservation(connection, IMPORT, number)
        if held is None or held.owner != this_process():
            raise CatalogBusy("another process has taken over this import: run it again")
        sequence.forget(connection, IMPORT, number)
        now = rfc3339(archive.clock.now())
        sequence.intend(connection, [Reservation(IMPORT, number, this_process(), now)])
