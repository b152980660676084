# SPDX-License-Identifier: Apache-2.0
"""Idle connections: one per origin, not for long, not too many."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from archive.fetching.connections import (
    IDLE_CONNECTIONS_LIMIT,
    IDLE_SECONDS_LIMIT,
    IdleConnections,
)
from archive.net.connection import Connection

A = ("http", "a.example", 80)


class Pairs:
    """Makes connections whose far end stays open, or is closed on demand."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self.far: list[socket.socket] = []

    def connection(self) -> Connection:
        near, far = socket.socketpair()
        self._stack.enter_context(near)
        self.far.append(self._stack.enter_context(far))
        return Connection(near, "127.0.0.1")


@pytest.fixture
def pairs() -> Iterator[Pairs]:
    with contextlib.ExitStack() as stack:
        yield Pairs(stack)


def test_a_connection_is_taken_once(pairs: Pairs) -> None:
    idle = IdleConnections()
    connection = pairs.connection()
    idle.give_back(A, connection)
    assert idle.take(("https", "a.example", 80)) is None
    assert idle.take(A) is connection
    assert idle.take(A) is None


def test_old_and_closed_connections_are_dropped(pairs: Pairs) -> None:
    now = [0.0]
    idle = IdleConnections(monotonic=lambda: now[0])
    idle.give_back(A, pairs.connection())
    now[0] = IDLE_SECONDS_LIMIT + 1
    assert idle.take(A) is None
    idle.give_back(A, pairs.connection())
    pairs.far[-1].close()
    assert idle.take(A) is None


def test_what_cannot_be_used_again_is_closed(pairs: Pairs) -> None:
    idle = IdleConnections()
    connection = pairs.connection()
    connection.is_reusable = False
    idle.give_back(A, connection)
    assert idle.take(A) is None
    assert pairs.far[0].recv(1) == b""


def test_only_the_latest_are_kept(pairs: Pairs) -> None:
    idle = IdleConnections()
    origins = [("http", f"{number}.example", 80) for number in range(IDLE_CONNECTIONS_LIMIT + 1)]
    for origin in origins:
        idle.give_back(origin, pairs.connection())
    assert idle.take(origins[0]) is None
    assert pairs.far[0].recv(1) == b""
    first, second = pairs.connection(), pairs.connection()
    idle.give_back(A, first)
    idle.give_back(A, second)
    assert idle.take(A) is second
    idle.close()
    assert all(idle.take(origin) is None for origin in origins)
