# SPDX-License-Identifier: Apache-2.0
"""Captures many URLs through a desk, some at a time, with the answers in order and memory flat."""

import collections
import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from archive.jobs.base import TryLater
from archive.services.capture import GROUP_SIZE, Refused
from archive.services.capture_desk import Answer, CaptureDesk

_WINDOW = 8 * GROUP_SIZE


@dataclass(frozen=True, slots=True)
class Asked:
    """A URL, and the name of the request that it is captured for."""

    request: str
    url: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not captured: to be asked for again at that time, under the same name."""

    until: dt.datetime
    reason: str


Result = Answer | Refused | Postponed


def capture_each(
    desk: CaptureDesk, asked: Iterable[Asked], threads: int = GROUP_SIZE
) -> Iterator[tuple[Asked, Result]]:
    """Each URL with what its request got, in order.

    When the caller ends early, what has begun is recorded; what has not is left. Raises what
    `CaptureDesk.capture` raises, but for TryLater, which is a result here.
    """
    waiting: collections.deque[tuple[Asked, Future[Result]]] = collections.deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="look") as pool:
        try:
            for item in asked:
                waiting.append((item, pool.submit(_capture, desk, item)))
                while len(waiting) >= _WINDOW or (waiting and waiting[0][1].done()):
                    yield _next(waiting)
            while waiting:
                yield _next(waiting)
        finally:
            with contextlib.suppress(IndexError):
                while True:
                    waiting.pop()[1].cancel()


def _next(
    waiting: "collections.deque[tuple[Asked, Future[Result]]]",
) -> tuple[Asked, Result]:
    item, result = waiting.popleft()
    return item, result.result()


def _capture(desk: CaptureDesk, item: Asked) -> Result:
    try:
        return desk.capture(item.request, item.url)
    except TryLater as later:
        return Postponed(later.at, later.reason)
