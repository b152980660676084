# SPDX-License-Identifier: Apache-2.0
"""Small deeds that a request gives rise to and does not wait for, such as noting a key's use.

Each runs in a thread of its own, once at a time for each name. What a deed cannot do is logged;
whatever must not be lost is in the catalogue before.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable

from archive.errors import MunimentError

_log = logging.getLogger(__name__)
_AT_ONCE = 8


class Aside:
    """The deeds of one process."""

    def __init__(self, now_seconds: Callable[[], float] = time.monotonic) -> None:
        self._now_seconds = now_seconds
        self._changed = threading.Condition()
        # Both are read and written under the condition's lock.
        self._under_way: set[Hashable] = set()
        self._begun: dict[Hashable, float] = {}

    def do(self, name: Hashable, deed: Callable[[], object], every_seconds: float = 0) -> bool:
        """Begin the deed; False when it is under way, or was begun within these seconds."""
        now = self._now_seconds()
        with self._changed:
            is_soon = name in self._begun and now - self._begun[name] < every_seconds
            if is_soon or name in self._under_way or len(self._under_way) >= _AT_ONCE:
                return False
            self._under_way.add(name)
            if every_seconds:
                self._begun[name] = now
        threading.Thread(target=self._run, args=(name, deed), daemon=True).start()
        return True

    def settle(self, timeout_seconds: float = 10) -> bool:
        """Wait until nothing is under way; False when that takes too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._under_way, timeout_seconds)

    def _run(self, name: Hashable, deed: Callable[[], object]) -> None:
        try:
            deed()
        except MunimentError as error:
            _log.warning("left for later: %s: %s", error.code, error)
        finally:
            with self._changed:
                self._under_way.discard(name)
                self._changed.notify_all()
