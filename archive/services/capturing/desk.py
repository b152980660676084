# SPDX-License-Identifier: Apache-2.0
"""Captures URLs for requests: once for each, politely, in durable groups.

Threads share a desk. What a request got once is its answer for good; a host that answers 429 or
503 is asked again when it wants to be, and each such answer is kept as an observation.
"""

import datetime as dt
import ipaddress
import threading
import time
import types
from dataclasses import dataclass
from typing import Self

from archive.canonical import JsonValue
from archive.errors import InputError, RequestUnderWay
from archive.jobs.base import TryLater, WorkerStopping
from archive.jobs.hosts import NoTurn, Turn
from archive.jobs.politeness import HostLimits
from archive.model.outcome import Outcome, OutcomeKind
from archive.net.url import parse_capture_url
from archive.services.capturing.capture import Recorded, Refused, look_at
from archive.services.capturing.container import Looked
from archive.services.capturing.fulfilment import read_record, record_of
from archive.services.capturing.group_commit import GroupCommit
from archive.services.context import Archive
from archive.services.statements.record import record_json

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


class Patience:
    """How long a thread waits for a host before it says "later", and what wakes it before."""

    def __init__(self, seconds: float, interrupted: threading.Event) -> None:
        self.seconds = seconds
        self._interrupted = interrupted

    def sleep(self, seconds: float) -> None:
        """Wait so long. Raises WorkerStopping when interrupted."""
        # Whoever is interrupted must neither hold up the end nor come before the host's turn.
        if self._interrupted.wait(max(0.0, seconds)):
            raise WorkerStopping


class CaptureDesk:
    """Where threads have URLs captured; a context manager."""

    def __init__(
        self,
        archive: Archive,
    ) -> None:
        self._archive = archive
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

    def capture(self, request: str, url: str, patience: Patience) -> Answer | Refused:
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
        turn = self._turn(name, host, patience)
        looked = self._polite_look(turn, url, patience)
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

    def seconds_until(self, moment: dt.datetime) -> float:
        """How long it is until then, by the archive's clock."""
        return (moment - self._archive.clock.now()).total_seconds()

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

    def _polite_look(self, turn: Turn, url: str, patience: Patience) -> Looked | Refused:
        outcome: Outcome | None = None
        try:
            patience.sleep(self.seconds_until(turn.start))
            looked = look_at(self._archive, url, turn.name)
            outcome = looked.outcome if isinstance(looked, Looked) else None
        finally:
            self._archive.politeness.turns.give_back(
                turn,
                self._limits(turn.host),
                is_refusal=outcome is not None and _is_refusal(outcome),
                wish_seconds=outcome.retry_after_seconds if outcome else None,
            )
        return looked

    def _turn(self, name: str, host: str, patience: Patience) -> Turn:
        deadline = time.monotonic() + patience.seconds
        patience_ms = int(patience.seconds * 1000)
        turns, limits = self._archive.politeness.turns, self._limits(host)
        while True:
            found = turns.take(name, host, limits, patience_ms)
            if isinstance(found, Turn):
                return found
            wait = self.seconds_until(found.at)
            if wait > patience.seconds:
                reason = "asked to be left alone" if found.is_refused else "has its turns given out"
                raise TryLater(found.at, f"{host} {reason} until then")
            if time.monotonic() > deadline:
                at = self._archive.clock.now() + dt.timedelta(seconds=_BUSY_SECONDS)
                raise TryLater(at, f"{host} is busy with us")
            patience.sleep(wait)

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
