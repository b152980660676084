# SPDX-License-Identifier: Apache-2.0
"""Open connections kept between requests, one idle per origin, so that bulk capture is fast.

A kept connection still leads to the address that was vetted when it was opened.
"""

import collections
import threading
import time
from collections.abc import Callable

from archive.net.connection import Connection

IDLE_SECONDS_LIMIT = 10.0
IDLE_CONNECTIONS_LIMIT = 16

Origin = tuple[str, str, int]


class IdleConnections:
    """At most one idle connection per origin (scheme, host, port); threads may share it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._idle: collections.OrderedDict[Origin, tuple[float, Connection]] = (
            collections.OrderedDict()
        )

    def take(self, origin: Origin) -> Connection | None:
        """An idle connection that the server has not closed, or None; the caller owns it."""
        with self._lock:
            since, connection = self._idle.pop(origin, (0.0, None))
        if connection is None:
            return None
        if connection.is_stale or self._monotonic() - since > IDLE_SECONDS_LIMIT:
            connection.close()
            return None
        return connection

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """Keeps a connection if it can be used again, else closes it."""
        if not connection.is_reusable:
            connection.close()
            return
        with self._lock:
            surplus = [self._idle.pop(origin, None)]
            self._idle[origin] = (self._monotonic(), connection)
            if len(self._idle) > IDLE_CONNECTIONS_LIMIT:
                surplus.append(self._idle.popitem(last=False)[1])
        for entry in surplus:
            if entry is not None:
                entry[1].close()

    def close(self) -> None:
        """Closes all idle connections."""
        with self._lock:
            idle = [connection for _, connection in self._idle.values()]
            self._idle.clear()
        for connection in idle:
            connection.close()
