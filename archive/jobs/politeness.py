# SPDX-License-Identifier: Apache-2.0
"""How much one host is asked: so many looks at once, so far apart, and not when it said "wait".

The rules alone, without a clock or a database: `hosts.py` keeps what they need between processes.
"""

from dataclasses import dataclass, replace

_STRIKES_LIMIT = 16


@dataclass(frozen=True, slots=True)
class HostLimits:
    """What any one host is spared."""

    concurrency: int
    """Looks at the same time."""

    interval_ms: int
    """Milliseconds from the start of one look to the start of the next."""

    first_wait_ms: int
    """Milliseconds after a refusal without a valid Retry-After; doubled at each further one."""

    longest_wait_ms: int
    """The most that a refusal, whatever it asks for, keeps us away."""


@dataclass(frozen=True, slots=True)
class HostState:
    """What is remembered of a host; times in milliseconds since 1970.

    `next_ms` is the first start that is not given away; `strikes` counts refusals in a row.
    """

    next_ms: int = 0
    refused_until_ms: int = 0
    strikes: int = 0


def next_start(state: HostState, now_ms: int) -> int:
    """When a look that is asked for now may start."""
    return max(now_ms, state.next_ms, state.refused_until_ms)


def started(state: HostState, start_ms: int, limits: HostLimits) -> HostState:
    """The state once that start is given away."""
    return replace(state, next_ms=start_ms + limits.interval_ms)


def refused(
    state: HostState, now_ms: int, wish_seconds: int | None, limits: HostLimits
) -> HostState:
    """The state after a 429 or 503 that asked for so many seconds (None: for nothing valid).

    What it asked for is honoured up to the cap; without a valid wish the wait doubles each time.
    """
    if wish_seconds is None:
        wait_ms = limits.first_wait_ms * 2 ** min(state.strikes, _STRIKES_LIMIT)
    else:
        wait_ms = wish_seconds * 1000
    until = now_ms + min(wait_ms, limits.longest_wait_ms)
    return replace(
        state,
        refused_until_ms=max(state.refused_until_ms, until),
        strikes=state.strikes + 1,
    )


def believable(state: HostState, now_ms: int, latest_ms: int, limits: HostLimits) -> HostState:
    """The state without times that only a clock which was ahead can have given.

    `latest_ms` is the latest start that can be given away. Otherwise a clock that is set back
    would leave the host alone until its wrong time comes.
    """
    return replace(
        state,
        next_ms=min(state.next_ms, latest_ms),
        refused_until_ms=min(state.refused_until_ms, now_ms + limits.longest_wait_ms),
    )


def welcomed(state: HostState) -> HostState:
    """The state after any other answer."""
    return replace(state, strikes=0)
