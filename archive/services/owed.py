# SPDX-License-Identifier: Apache-2.0
"""What this process has to give back to the catalogue, and could not while it was away.

A reservation, a claim or a request under way belongs to a process until that ends. One that lives
and has failed must say so, or others wait for it as long as it lives; and just when the
catalogue's server is away, it cannot. So it says so as soon as the server is back.
"""

import logging
import threading
from collections.abc import Callable

from sqlalchemy.engine import Connection

from archive.catalog.database import Database
from archive.errors import CatalogBusy, CatalogError, CatalogUnavailable

Deed = Callable[[Connection], object]

_log = logging.getLogger(__name__)


class Owed:
    """Deeds to be done in the catalogue, each when it can be reached. For many threads."""

    def __init__(self) -> None:
        self._deeds: list[Deed] = []
        self._lock = threading.Lock()

    def give_back(self, database: Database, deed: Deed) -> None:
        """Do the deed now, or at a later `settle`. It must be one that can be done twice."""
        with self._lock:
            self._deeds.append(deed)
        self.settle(database)

    def settle(self, database: Database) -> None:
        """Do what is owed as far as the catalogue can be reached; free when nothing is."""
        with self._lock:
            deeds, self._deeds = self._deeds, []
        try:
            while deeds:
                _do(database, deeds[0])
                deeds.pop(0)
        except (CatalogBusy, CatalogUnavailable):
            # Whoever settles next tries again; that it is away is told by their own work.
            return
        finally:
            if deeds:
                with self._lock:
                    self._deeds = [*deeds, *self._deeds]


def _do(database: Database, deed: Deed) -> None:
    try:
        with database.appending() as connection:
            deed(connection)
    except (CatalogBusy, CatalogUnavailable):
        raise
    except CatalogError as error:
        # It would be refused again, and must not hold up the others. A restart settles it too.
        _log.warning("what this process held cannot be given back: %s: %s", error.code, error)
