# SPDX-License-Identifier: Apache-2.0
"""Captures URLs for requests: once for each, politely, in durable groups.

Threads share a desk. What a request got once is its answer for good; a host that answers 429 or
503 is asked again when it wants to be, and each such answer is kept as an observation.
"""

import datetime as dt
import ipaddress
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from archive.canonical import JsonValue
from archive.errors import InputError, RequestUnderWay
from archive.jobs.base import TryLater
from archive.jobs.hosts import NoTurn, Turn
from archive.jobs.politeness import HostLimits
from archive.model.outcome import Outcome, OutcomeKind
from archive.net.url import parse_capture_url
from archive.services.capture import Recorded, Refused, look_at
from archive.services.container import Looked
from archive.services.context import Archive
from archive.services.fulfilment import read_record, record_of
from archive.services.group_commit import GroupCommit
from archive.services.record import record_json

_PATIENCE_SECONDS = 2.0
_BUSY_SECONDS = 3
_UNDER_WAY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """The record that a request got: of a capture, or of an observation (its `id` is null)."""

    record: dict[str, JsonValue]

    @property
    def is_rate_limited(self) -> bool:
        """Whether the host asked for fewer requests instead of answering."""
        return bool(self.record["outcome"] == OutcomeKind.RATE_LIMITED.value)


class CaptureDesk:
    """Where threads have URLs captured; a context manager."""

    def __init__(
        self,
        archive: Archive,
        sleep: Callable[[float], object] = time.sleep,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._archive = archive
        self._sleep = sleep
        self._patience_seconds = patience_seconds
        self._commit = GroupCommit(archive)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self._commit.close()

    def capture(self, request: str, url: str) -> Answer | Refused:
        """What the request got, now or in an earlier run.

        Raises TryLater when its host, or another process with the same request, must be waited
        for; SigningError, StorageError, CatalogError, JobsError.
        """
        try:
            host = parse_capture_url(url).host
        except InputError as error:
            return Refused(url, error)
        attempt = self._attempt(request)
        if isinstance(attempt, Answer):
            return attempt
        name, is_last = attempt
        looked = self._polite_look(name, host, url)
        if isinstance(looked, Refused):
            return looked
        result = self._commit.record(looked).result()
        if isinstance(result, Refused):
            if isinstance(result.error, RequestUnderWay):
                raise self._under_way(result.error)
            return result
        answer = _answer(result)
        if answer.is_rate_limited and not is_last:
            raise self._again(name, host)
        return answer

    def _attempt(self, request: str) -> Answer | tuple[str, bool]:
        """The answer that is there, or the name of the next look and whether it is the last."""
        tries = self._archive.politeness.tries
        for number in range(tries):
            name = f"{request}.{number}"
            try:
                record = record_of(self._archive, name)
            except RequestUnderWay as error:
                raise self._under_way(error) from error
            if record is None:
                return name, number + 1 == tries
            answer = Answer(read_record(self._archive, record))
            if not answer.is_rate_limited:
                return answer
        return answer

    def _polite_look(self, name: str, host: str, url: str) -> Looked | Refused:
        limits = self._limits(host)
        turn = self._turn(name, host, limits)
        outcome: Outcome | None = None
        try:
            self._sleep_until(turn.start)
            looked = look_at(self._archive, url, name)
            outcome = looked.outcome if isinstance(looked, Looked) else None
        finally:
            self._archive.politeness.turns.give_back(
                turn,
                limits,
                is_refusal=outcome is not None and _is_refusal(outcome),
                wish_seconds=outcome.retry_after_seconds if outcome else None,
            )
        return looked

    def _turn(self, name: str, host: str, limits: HostLimits) -> Turn:
        deadline = time.monotonic() + self._patience_seconds
        patience_ms = int(self._patience_seconds * 1000)
        while True:
            found = self._archive.politeness.turns.take(name, host, limits, patience_ms)
            if isinstance(found, Turn):
                return found
            now = self._archive.clock.now()
            wait = (found.at - now).total_seconds()
            if wait > self._patience_seconds or found.is_refused:
                reason = "asked to be left alone" if found.is_refused else "has its turns given out"
                raise TryLater(found.at, f"{host} {reason} until then")
            if time.monotonic() > deadline:
                raise TryLater(now + dt.timedelta(seconds=_BUSY_SECONDS), f"{host} is busy with us")
            self._sleep(max(0.0, wait))

    def _again(self, name: str, host: str) -> TryLater:
        """When to look again; the next look already has its place in the row."""
        request, _, number = name.rpartition(".")
        following = f"{request}.{int(number) + 1}"
        found = self._archive.politeness.turns.take(following, host, self._limits(host), -1)
        at = found.at if isinstance(found, NoTurn) else found.start
        return TryLater(at, f"{host} limits the rate of requests")

    def _under_way(self, error: RequestUnderWay) -> TryLater:
        at = self._archive.clock.now() + dt.timedelta(seconds=_UNDER_WAY_SECONDS)
        return TryLater(at, str(error))

    def _sleep_until(self, moment: dt.datetime) -> None:
        wait = (moment - self._archive.clock.now()).total_seconds()
        if wait > 0:
            self._sleep(wait)

    def _limits(self, host: str) -> HostLimits:
        politeness = self._archive.politeness
        try:
            address = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return politeness.strangers
        is_own = any(address in network for network in politeness.own_networks)
        return politeness.own if is_own else politeness.strangers


def _answer(recorded: Recorded) -> Answer:
    return Answer(record_json(recorded.signed))


def _is_refusal(outcome: Outcome) -> bool:
    return outcome.kind is OutcomeKind.RATE_LIMITED or outcome.retry_after_seconds is not None
