# SPDX-License-Identifier: Apache-2.0
"""Captures many URLs through a desk, some at a time, with the answers in order and memory flat."""

import collections
import datetime as dt
import threading
import time
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from archive.jobs.base import TryLater
from archive.services.capturing.capture import GROUP_SIZE, Refused
from archive.services.capturing.desk import Answer, CaptureDesk, Patience

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
Line = TypeVar("Line", bound=Asked)


def capture_each(
    desk: CaptureDesk,
    asked: Iterable[Line],
    patience_seconds: float,
    threads: int = GROUP_SIZE,
) -> Generator[tuple[Line, Result], None, None]:
    """Each URL with what its request got, in order.

    When the caller ends early, what has begun is recorded; what has not is left. Raises what
    `CaptureDesk.capture` raises, but for TryLater, which is waited for while patience lasts, and
    then a result.
    """
    waiting: collections.deque[tuple[Line, Future[Result]]] = collections.deque()
    interrupted = threading.Event()
    patience = Patience(patience_seconds, interrupted)
    with ThreadPoolExecutor(threads, thread_name_prefix="look") as pool:
        try:
            for item in asked:
                waiting.append((item, pool.submit(_capture, desk, item, patience)))
                while len(waiting) >= _WINDOW or (waiting and waiting[0][1].done()):
                    yield _next(waiting)
            while waiting:
                yield _next(waiting)
        finally:
            interrupted.set()
            for _, result in waiting:
                result.cancel()


def _next(
    waiting: "collections.deque[tuple[Line, Future[Result]]]",
) -> tuple[Line, Result]:
    item, result = waiting.popleft()
    return item, result.result()


def _capture(desk: CaptureDesk, item: Asked, patience: Patience) -> Result:
    deadline = time.monotonic() + patience.seconds
    while True:
        try:
            return desk.capture(item.request, item.url, patience)
        except TryLater as later:
            wait = desk.seconds_until(later.at)
            if time.monotonic() + wait > deadline:
                return Postponed(later.at, later.reason)
            patience.sleep(wait)
