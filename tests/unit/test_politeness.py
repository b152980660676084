# SPDX-License-Identifier: Apache-2.0
"""Hosts are spared: turns far enough apart, few at once, and none while they ask to wait.

The case D-08 of the real-world list, with a clock that stands still.
"""

import datetime as dt
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.clock import FixedClock
from archive.fetching import retry_after
from archive.jobs.database import JobsDatabase
from archive.jobs.hosts import HostTurns, NoTurn, Turn
from archive.jobs.politeness import (
    HostLimits,
    HostState,
    next_start,
    refused,
    started,
    welcomed,
)

NOW = dt.datetime(2026, 10, 21, 7, 0, 0, tzinfo=dt.UTC)
LIMITS = HostLimits(
    concurrency=2, interval_ms=1000, first_wait_ms=30_000, longest_wait_ms=3_600_000
)
DEFAULT, CAP = 30, 3600
PATIENT, IMPATIENT = 10_000, 0


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[JobsDatabase]:
    opened = JobsDatabase(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    yield opened
    opened.close()


def turns_of(database: JobsDatabase, clock: FixedClock, owner: str = "alive") -> HostTurns:
    return HostTurns(database, clock, owner, lambda name: name == "dead", 90_000)


def after(moment: dt.datetime) -> float:
    return (moment - NOW).total_seconds()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        (" 7 ", 7),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 28 * 60),
        ("Wed, 21 Oct 2026 06:00:00 GMT", 0),
        ("99999", CAP),
        ("9" * 400, CAP),
        ("Wed, 21 Oct 2076 07:28:00 GMT", CAP),
        ("-5", DEFAULT),
        ("2.5", DEFAULT),
        ("", DEFAULT),
        ("soon", DEFAULT),
        ("Fri, 31 Dec 99999 23:59:59 GMT", DEFAULT),
        (None, DEFAULT),
    ],
)
def test_after_a_refusal_the_next_look_comes_when_the_host_wants_it(
    database: JobsDatabase, clock: FixedClock, value: str | None, seconds: int
) -> None:
    turns = turns_of(database, clock)
    turn = turns.take("a.0", "a.example", LIMITS, IMPATIENT)
    assert isinstance(turn, Turn)
    wish = retry_after.seconds(value, clock.now())
    turns.give_back(turn, LIMITS, is_refusal=True, wish_seconds=wish)
    found = turns.take("a.1", "a.example", LIMITS, -1)
    assert isinstance(found, NoTurn)
    assert after(found.at) == max(seconds, 1)
    assert found.is_refused == (seconds > 0)
    other = turns.take("b.0", "b.example", LIMITS, IMPATIENT)
    assert isinstance(other, Turn)
    clock.at = found.at
    assert isinstance(turns.take("a.1", "a.example", LIMITS, IMPATIENT), Turn)


def test_without_a_valid_wish_the_wait_doubles_up_to_the_cap_and_an_answer_ends_it(
    database: JobsDatabase, clock: FixedClock
) -> None:
    turns = turns_of(database, clock)
    waits = []
    for number in range(10):
        turn = turns.take(f"a.{number}", "a.example", LIMITS, IMPATIENT)
        assert isinstance(turn, Turn)
        turns.give_back(turn, LIMITS, is_refusal=True, wish_seconds=None)
        following = turns.take(f"a.{number + 1}", "a.example", LIMITS, -1)
        assert isinstance(following, NoTurn)
        waits.append((following.at - clock.at).total_seconds())
        clock.at = following.at
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    turn = turns.take("a.10", "a.example", LIMITS, IMPATIENT)
    assert isinstance(turn, Turn)
    turns.give_back(turn, LIMITS, is_refusal=False, wish_seconds=None)
    clock.at += dt.timedelta(seconds=1)
    turn = turns.take("b.0", "a.example", LIMITS, IMPATIENT)
    assert isinstance(turn, Turn)
    turns.give_back(turn, LIMITS, is_refusal=True, wish_seconds=None)
    found = turns.take("b.1", "a.example", LIMITS, -1)
    assert isinstance(found, NoTurn)
    assert (found.at - clock.at).total_seconds() == 30


def test_turns_at_one_host_are_an_interval_apart_over_all_processes(
    database: JobsDatabase, clock: FixedClock
) -> None:
    here, there = turns_of(database, clock), turns_of(database, clock, "other")
    found = [
        who.take(f"{number}.0", "a.example", replace(LIMITS, concurrency=99), PATIENT)
        for number, who in enumerate([here, there] * 5)
    ]
    starts = [after(turn.start) for turn in found if isinstance(turn, Turn)]
    assert starts == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    late = here.take("late.0", "a.example", replace(LIMITS, concurrency=99), 9_999)
    assert isinstance(late, NoTurn)
    assert after(late.at) == 10


def test_whoever_must_wait_keeps_a_place_of_its_own(
    database: JobsDatabase, clock: FixedClock
) -> None:
    turns = turns_of(database, clock)
    many = replace(LIMITS, concurrency=99)
    places = [turns.take(f"{number}.0", "a.example", many, IMPATIENT) for number in range(50)]
    waits = [after(place.at) for place in places if isinstance(place, NoTurn)]
    assert waits == list(range(1, 50))
    # Asking again gives the same place, not one behind all others.
    again = turns.take("7.0", "a.example", many, IMPATIENT)
    assert isinstance(again, NoTurn)
    assert after(again.at) == 7
    clock.at = NOW + dt.timedelta(seconds=7)
    assert isinstance(turns.take("7.0", "a.example", many, IMPATIENT), Turn)


def test_few_look_at_one_host_at_once_and_the_dead_hold_no_turn(
    database: JobsDatabase, clock: FixedClock
) -> None:
    dense = replace(LIMITS, interval_ms=0)
    alive, dead = turns_of(database, clock), turns_of(database, clock, "dead")
    first = alive.take("1.0", "a.example", dense, IMPATIENT)
    assert isinstance(first, Turn)
    assert isinstance(alive.take("2.0", "a.example", dense, IMPATIENT), Turn)
    full = alive.take("3.0", "a.example", dense, PATIENT)
    assert isinstance(full, NoTurn)
    assert not full.is_refused
    alive.give_back(first, dense, is_refusal=False, wish_seconds=None)
    assert isinstance(dead.take("4.0", "a.example", dense, IMPATIENT), Turn)
    assert isinstance(alive.take("3.0", "a.example", dense, IMPATIENT), Turn)
    assert isinstance(alive.take("5.0", "a.example", dense, PATIENT), NoTurn)
    # What was never given back ends by itself.
    clock.at = NOW + dt.timedelta(seconds=91)
    assert isinstance(alive.take("5.0", "a.example", dense, IMPATIENT), Turn)


def test_a_clock_that_was_ahead_does_not_keep_us_away_until_then(
    database: JobsDatabase, clock: FixedClock
) -> None:
    turns = turns_of(database, clock)
    clock.at = NOW + dt.timedelta(days=400)
    turn = turns.take("1.0", "a.example", LIMITS, IMPATIENT)
    assert isinstance(turn, Turn)
    assert isinstance(turns.take("2.0", "a.example", LIMITS, IMPATIENT), NoTurn)
    turns.give_back(turn, LIMITS, is_refusal=True, wish_seconds=100)
    clock.at = NOW
    cap = LIMITS.longest_wait_ms / 1000
    for name in ("2.0", "3.0"):
        found = turns.take(name, "a.example", LIMITS, IMPATIENT)
        assert isinstance(found, NoTurn)
        assert after(found.at) <= cap + 20
        clock.at = found.at
        assert isinstance(turns.take(name, "a.example", LIMITS, IMPATIENT), Turn)
        clock.at = NOW


def test_a_refusal_moves_those_who_wait_behind_it(
    database: JobsDatabase, clock: FixedClock
) -> None:
    turns = turns_of(database, clock)
    turn = turns.take("1.0", "a.example", LIMITS, IMPATIENT)
    assert isinstance(turn, Turn)
    waiting = turns.take("2.0", "a.example", LIMITS, IMPATIENT)
    assert isinstance(waiting, NoTurn)
    turns.give_back(turn, LIMITS, is_refusal=True, wish_seconds=100)
    clock.at = waiting.at
    moved = turns.take("2.0", "a.example", LIMITS, PATIENT)
    assert isinstance(moved, NoTurn)
    assert (after(moved.at), moved.is_refused) == (100, True)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5000),
            st.sampled_from(["start", "refuse", "welcome"]),
            st.none() | st.integers(0, 10**400),
        )
    )
)
def test_starts_are_never_closer_than_the_interval_nor_before_the_host_wants_them(
    deeds: list[tuple[int, str, int | None]],
) -> None:
    state, now, starts = HostState(), 0, [-LIMITS.interval_ms]
    for passed, deed, wish in deeds:
        now += passed
        if deed == "refuse":
            state = refused(state, now, wish, LIMITS)
            wanted = LIMITS.first_wait_ms if wish is None else wish * 1000
            assert state.refused_until_ms >= now + min(wanted, LIMITS.longest_wait_ms)
            assert state.refused_until_ms <= now + LIMITS.longest_wait_ms
        elif deed == "welcome":
            state = welcomed(state)
        else:
            start = next_start(state, now)
            assert start >= max(now, state.refused_until_ms)
            assert start - starts[-1] >= LIMITS.interval_ms
            state = started(state, start, LIMITS)
            starts.append(start)


def test_turns_are_given_once_each_however_many_threads_ask(
    database: JobsDatabase, clock: FixedClock
) -> None:
    turns = turns_of(database, clock)
    many = replace(LIMITS, concurrency=999)
    names = [os.urandom(8).hex() for _ in range(60)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: turns.take(n, "a.example", many, 10**6), names))
    starts = sorted(after(turn.start) for turn in found if isinstance(turn, Turn))
    assert starts == list(range(60))
