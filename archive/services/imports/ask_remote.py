# SPDX-License-Identifier: Apache-2.0
"""Asks another archive for one thing, politely, until it answers or the patience ends.

Requests are spaced by the setting, in turns that all processes share. A server that says "later"
(429, or 503 with Retry-After) is asked again when it wants to be; one that fails in passing, a
few times.
"""

import datetime as dt
import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from archive.errors import RemoteRefused, RemoteUnavailable
from archive.fetching import retry_after
from archive.jobs.hosts import Turn
from archive.jobs.politeness import HostLimits
from archive.model.fetch import Exchange, Fetch, FetchEnd
from archive.net.url import parse_capture_url, resolve_location
from archive.services.capturing.desk import Patience
from archive.services.context import Archive

HOPS_LIMIT = 5
TRIES_LIMIT = 4
STRIKES_LIMIT = 12
_TOO_MANY, _UNAVAILABLE = 429, 503
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FIRST_SERVER_ERROR = 500
# What came is all that would come if the same were asked again.
_DEFINITE = frozenset({FetchEnd.COMPLETE, FetchEnd.TOO_LARGE})
_MINUTE_MS = 60_000
_SLICE_SECONDS = 60.0

IsFinal = Callable[[Exchange], bool]


class RemoteAsker:
    """Asks for one import; `patience` bounds what is waited for one answer.

    `while_waiting` is called from time to time, so that whoever asks can keep what it holds.
    """

    def __init__(self, archive: Archive, patience: Patience) -> None:
        self._archive = archive
        self._patience = patience
        self._name = f"import/{archive.random_bytes(8).hex()}"
        self._asked = 0
        self.while_waiting: Callable[[], None] = lambda: None

    def ask(
        self,
        url: str,
        span: tuple[int, int] | None = None,
        is_final: IsFinal = lambda _exchange: False,
    ) -> Fetch:
        """The definite answer, of whatever status; redirects are followed.

        What `is_final` is the answer, also a redirect or what looks like a failure. It may have
        been cut off because it is too large. Every address on the way is vetted.
        Raises MalformedUrl or AddressRefused for the URL given, RemoteRefused, RemoteUnavailable,
        WorkerStopping when interrupted, JobsError.
        """
        current = parse_capture_url(url)
        for _ in range(HOPS_LIMIT):
            fetch = self._answer(_Question(current.href, span, is_final))
            exchange = fetch.last
            location = None if exchange is None else exchange.header("location")
            if exchange is None or exchange.status not in _REDIRECTS or not location:
                return fetch
            if is_final(exchange):
                return fetch
            current = resolve_location(current, location)
        raise RemoteRefused(f"{url[:200]} leads to more than {HOPS_LIMIT} redirects")

    def _answer(self, question: "_Question") -> Fetch:
        budget = _Budget(self._patience.seconds)
        tries = 0
        while True:
            fetch = self._one(question, budget)
            if fetch is None:
                continue
            last = fetch.last
            is_failing = (
                last is not None
                and (last.status or 0) >= _FIRST_SERVER_ERROR
                and not question.is_final(last)
            )
            if fetch.end in _DEFINITE and not is_failing:
                return fetch
            if fetch.end is FetchEnd.MALFORMED_RESPONSE:
                raise RemoteRefused(f"{question.url[:200]}: {fetch.detail}")
            tries += 1
            if tries == TRIES_LIMIT:
                why = f"status {last.status}" if last and is_failing else fetch.detail
                raise RemoteUnavailable(f"{question.url[:200]}: {why}")
            self._sleep(2 ** (tries - 1))

    def _one(self, question: "_Question", budget: "_Budget") -> Fetch | None:
        """One request; None when the server wants to be left alone, which it then is."""
        turn = self._turn(parse_capture_url(question.url).host, budget)
        is_refusal, wish = False, None
        try:
            self._sleep(self._seconds_until(turn.start))
            fetch = self._archive.fetcher.fetch_one(question.url, question.span)
            last = fetch.last
            if last is not None and not question.is_final(last):
                wish = retry_after.seconds(last.header("retry-after"), self._archive.clock.now())
                # A 503 that says no time is a failure like others: it may be so for good.
                is_refusal = last.status == _TOO_MANY or (
                    last.status == _UNAVAILABLE and wish is not None
                )
        finally:
            self._archive.politeness.turns.give_back(
                turn, self._limits(turn.host), is_refusal=is_refusal, wish_seconds=wish
            )
        if is_refusal and turn.strikes + 1 >= STRIKES_LIMIT:
            raise RemoteUnavailable(f"{turn.host} has refused {STRIKES_LIMIT} requests in a row")
        return None if is_refusal else fetch

    def _turn(self, host: str, budget: "_Budget") -> Turn:
        self._asked += 1
        name, limits = f"{self._name}.{self._asked}", self._limits(host)
        while True:
            found = self._archive.politeness.turns.take(name, host, limits, limits.interval_ms)
            if isinstance(found, Turn):
                return found
            wait = self._seconds_until(found.at)
            if found.is_refused and not budget.spend(wait):
                raise RemoteUnavailable(
                    f"{host} wants to be left alone until {found.at:%H:%M:%S} UTC", found.at
                )
            self._sleep(wait)

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._patience.sleep(min(left, _SLICE_SECONDS))
            self.while_waiting()
        self._patience.sleep(0)

    def _seconds_until(self, moment: dt.datetime) -> float:
        return max(0.0, (moment - self._archive.clock.now()).total_seconds())

    def _limits(self, host: str) -> HostLimits:
        politeness = self._archive.politeness
        limits = politeness.own if _is_own(self._archive, host) else politeness.strangers
        interval_ms = math.ceil(_MINUTE_MS / self._archive.remote.requests_per_minute)
        return replace(limits, interval_ms=interval_ms)


@dataclass(frozen=True, slots=True)
class _Question:
    """One URL to be asked, or a range of what lies there, and what is its answer for certain."""

    url: str
    span: tuple[int, int] | None
    is_final: IsFinal


class _Budget:
    """What may still be waited for one answer because the server wants it so."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    def spend(self, seconds: float) -> bool:
        if seconds > self._left:
            return False
        self._left -= seconds
        return True


def _is_own(archive: Archive, host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return any(address in network for network in archive.politeness.own_networks)
