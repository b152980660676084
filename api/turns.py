# SPDX-License-Identifier: Apache-2.0
"""Bounds on costly work: few at once, the same thing once, and what it gave kept for a while.

Whoever finds no place, and no place to wait, is told to come again (503): a queue without an end
would hold every thread of the server.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

from api.problems import Problem, ProblemRaised

Kept = TypeVar("Kept")

KEPT_SECONDS = 300.0
KEPT_LIMIT = 64
WAIT_SECONDS = 30.0
RETRY_AFTER_SECONDS = 10


class Turns:
    """Places for work of one kind; threads of one process share it."""

    def __init__(
        self,
        places: int,
        waiting_places: int = 0,
        now_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places = places
        self._waiting_places = waiting_places
        self._now_seconds = now_seconds
        self._changed = threading.Condition()
        # Both are read and written under the condition's lock.
        self._under_way: set[Hashable] = set()
        self._kept: OrderedDict[Hashable, tuple[float, object]] = OrderedDict()
        self._waiting = 0

    def try_place(self) -> bool:
        """Take a place that `leave_place` gives back, if one is free now."""
        with self._changed:
            if len(self._under_way) >= self._places:
                return False
            self._under_way.add(object())
        return True

    def leave_place(self) -> None:
        """Give back a place that `try_place` took."""
        with self._changed:
            self._under_way.pop()
            self._changed.notify_all()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place. Raises the problem 503 when none comes free."""
        key = object()
        with self._changed:
            self._begin(key)
        try:
            yield
        finally:
            self._end(key)

    def result(self, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """What `make` gives, or gave for this key within the last minutes.

        For one key it runs once at a time: others wait for its result. Raises the problem 503
        when no place comes free, and what `make` raises, which is not kept.
        """
        with self._changed:
            known = self._begin(key)
        if known:
            return cast("Kept", known[0])
        try:
            made = make()
            with self._changed:
                self._keep(key, made)
        finally:
            self._end(key)
        return made

    def _begin(self, key: Hashable) -> tuple[object, ...]:
        """Empty when a place was taken for the key, else what is kept for it."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (known := self._known(key)):
            if key not in self._under_way and len(self._under_way) < self._places:
                self._under_way.add(key)
                break
            self._wait(deadline)
        return known

    def _end(self, key: Hashable) -> None:
        with self._changed:
            self._under_way.discard(key)
            self._changed.notify_all()

    def _wait(self, deadline: float) -> None:
        if self._waiting >= self._waiting_places:
            raise busy()
        self._waiting += 1
        try:
            is_woken = self._changed.wait(deadline - time.monotonic())
        finally:
            self._waiting -= 1
        if not is_woken:
            raise busy()

    def _known(self, key: Hashable) -> tuple[object, ...]:
        until, value = self._kept.get(key, (0.0, None))
        return (value,) if self._now_seconds() < until else ()

    def _keep(self, key: Hashable, value: object) -> None:
        self._kept[key] = (self._now_seconds() + KEPT_SECONDS, value)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT_LIMIT:
            self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The turns of one process: bodies that arrive, verifications small and large, waits."""

    bodies: Turns
    small: Turns
    large: Turns
    waits: Turns


def bounds_for(threads: int) -> Bounds:
    """Bounds whose sum leaves threads free for all else, where there are four or more."""
    return Bounds(
        bodies=Turns(max(1, threads // 4)),
        small=Turns(max(1, threads // 4), (threads - 1) // 8),
        large=Turns(1, threads // 8),
        waits=Turns(threads // 8),
    )


def busy() -> ProblemRaised:
    """The problem 503 of a server that has as much of this work as it does at once."""
    return ProblemRaised(
        Problem(
            503,
            "BUSY",
            "As much of this work is under way as is done at once",
            "Nothing was done. Try again in a moment.",
            headers=(("Retry-After", str(RETRY_AFTER_SECONDS)),),
        )
    )
