# SPDX-License-Identifier: Apache-2.0
"""One time limit over many steps, so that a server cannot gain time by answering slowly."""

import time
from collections.abc import Callable

from archive.net.failures import TimedOut


class Deadline:
    """A moment on a monotonic clock after which nothing is waited for any more."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    def seconds_left(self, at_most: float | None = None) -> float:
        """The seconds left, or `at_most` if that is less. Raises TimedOut when none are left."""
        left = self._end - self._monotonic()
        if left <= 0:
            raise TimedOut(f"the fetch took longer than {self._seconds:g} seconds")
        return left if at_most is None else min(left, at_most)
