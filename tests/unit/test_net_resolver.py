# SPDX-License-Identifier: Apache-2.0
"""The system's resolver under a time limit, and the deadline itself."""

import socket
import threading
from collections.abc import Iterator

import pytest

from archive.net.deadline import Deadline
from archive.net.failures import TimedOut, Unresolved
from archive.net.resolver import SystemResolver


def test_localhost_has_an_address() -> None:
    assert set(SystemResolver().resolve("localhost", Deadline(5))) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_names_that_dns_cannot_hold_are_unresolved(host: str) -> None:
    with pytest.raises(Unresolved):
        SystemResolver().resolve(host, Deadline(20))


@pytest.fixture
def hanging_look_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    released = threading.Event()

    def hang(*args: object, **kwargs: object) -> list[object]:
        released.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield
    released.set()


@pytest.mark.usefixtures("hanging_look_up")
def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    with pytest.raises(TimedOut, match="looking up"):
        SystemResolver().resolve("a.example", Deadline(0.05))


def test_a_deadline_counts_down_on_the_given_clock() -> None:
    now = [100.0]
    deadline = Deadline(10, monotonic=lambda: now[0])
    assert deadline.seconds_left() == 10
    assert deadline.seconds_left(3) == 3
    now[0] = 108.0
    assert deadline.seconds_left(3) == 2
    now[0] = 110.0
    with pytest.raises(TimedOut, match="10 seconds"):
        deadline.seconds_left()
