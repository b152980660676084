# SPDX-License-Identifier: Apache-2.0
"""When a process publishes what it logged: at once when idle, at most once a second under load.

It happens in a thread of its own, so that neither a slow store nor a silent witness holds up what
is being recorded. What a process leaves undone at its end the next one does.
"""

import threading
import time
from collections.abc import Callable

PAUSE_SECONDS = 1.0

Deed = Callable[[], object]


class Publisher:
    """Does one deed, again and again, for many threads. The deed must not raise."""

    def __init__(self) -> None:
        self._changing = threading.Condition()
        self._doing = threading.Lock()
        self._deed: Deed | None = None
        self._thread: threading.Thread | None = None
        self._last = -PAUSE_SECONDS
        self._is_closed = False

    def nudge(self, deed: Deed) -> None:
        """There is something to publish: do the deed soon. Returns at once."""
        with self._changing:
            self._deed = deed
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
                self._thread.start()
            self._changing.notify_all()

    def settle(self) -> None:
        """Do now what is due, and wait for what is under way."""
        with self._doing:
            with self._changing:
                deed, self._deed = self._deed, None
            if deed is not None:
                self._last = time.monotonic()
                deed()

    def close(self) -> None:
        """Settle, and do nothing in the background any more."""
        with self._changing:
            self._is_closed = True
            thread = self._thread
            self._changing.notify_all()
        self.settle()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changing:
                pause = self._last + PAUSE_SECONDS - time.monotonic()
                if pause > 0 and self._deed is not None and not self._is_closed:
                    self._changing.wait(pause)
                    continue
                if self._deed is None or self._is_closed:
                    self._thread = None
                    return
            self.settle()
