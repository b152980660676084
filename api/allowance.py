# SPDX-License-Identifier: Apache-2.0
"""How much each client has asked for within this minute, of each kind of request.

Minutes are those of the clock, the same for all clients and processes, so that the counts of a
minute that is over are dropped at once, and a storage that a fleet shares is asked one thing.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from limits.errors import ConfigurationError
from limits.storage import Storage, storage_from_string

from archive.errors import SettingsError
from archive.settings import LimitsSettings

SECONDS = 60
READS, VERIFICATIONS, WRITES = "reads", "verifications", "writes"
_IN_PROCESS = "memory://"
_AWAY_SECONDS = 10
_log = logging.getLogger(__name__)


class Hit(NamedTuple):
    """One request as it was counted: of which kind, the how many-th, of how many."""

    kind: str
    number: int
    amount: int
    seconds_left: int

    @property
    def is_over(self) -> bool:
        """Whether the client has asked for more than it may."""
        return self.number > self.amount

    def fields(self) -> list[tuple[str, str]]:
        """The fields of draft-ietf-httpapi-ratelimit-headers."""
        left = max(0, self.amount - self.number)
        return [
            ("RateLimit-Policy", f'"{self.kind}";q={self.amount};w={SECONDS}'),
            ("RateLimit", f'"{self.kind}";r={left};t={self.seconds_left}'),
        ]


class Allowance:
    """The counts of one process, and of the storage that it shares with others, if there is one.

    A storage that cannot be asked does not stop the archive: meanwhile each process counts for
    itself. Raises SettingsError for a storage that there is not.
    """

    def __init__(
        self, settings: LimitsSettings, now_seconds: Callable[[], float] = time.time
    ) -> None:
        self._amounts: Mapping[str, int] = {
            READS: settings.reads_per_minute,
            VERIFICATIONS: settings.verifications_per_minute,
            WRITES: settings.writes_per_minute,
        }
        self._now_seconds = now_seconds
        self._shared = _storage(settings.storage_url)
        self._away_until = 0.0
        self._lock = threading.Lock()
        # Both are read and written under the lock.
        self._minute = 0
        self._counts: dict[tuple[str, str], int] = {}

    def hit(self, kind: str, client: str) -> Hit:
        """Count a request."""
        now = self._now_seconds()
        minute, passed = divmod(int(now), SECONDS)
        number = None if self._shared is None else self._shared_count(now, minute, kind, client)
        if number is None:
            number = self._own_count(minute, kind, client)
        return Hit(kind, number, self._amounts[kind], SECONDS - passed)

    def _own_count(self, minute: int, kind: str, client: str) -> int:
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._counts = {}
            number = self._counts.get((kind, client), 0) + 1
            self._counts[kind, client] = number
        return number

    def _shared_count(self, now: float, minute: int, kind: str, client: str) -> int | None:
        if self._shared is None or now < self._away_until:
            return None
        try:
            return self._shared.incr(f"muniment/{kind}/{client}/{minute}", SECONDS)
        except Exception as error:  # noqa: BLE001 - each storage's driver has errors of its own
            self._away_until = now + _AWAY_SECONDS
            _log.warning(
                "the limits' storage cannot be asked, each process counts for itself: %s", error
            )
            return None


def _storage(url: str) -> Storage | None:
    if url == _IN_PROCESS:
        return None
    try:
        storage = storage_from_string(url)
    except ConfigurationError as error:
        raise SettingsError(f"limits.storage_url cannot be used: {error}") from error
    if not isinstance(storage, Storage):
        raise SettingsError("limits.storage_url cannot be used: give one that is not async+")
    return storage
