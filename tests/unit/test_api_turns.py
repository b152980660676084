# SPDX-License-Identifier: Apache-2.0
"""Costly work is bounded: few at once, the same thing once, and results kept for a while."""

import socket
import threading
import time

import pytest

from api.patience import PatientSocket, SlowClient
from api.problems import ProblemRaised
from api.turns import KEPT_LIMIT, KEPT_SECONDS, Turns, bounds_for


class Maker:
    """Counts how often it was asked; waits for `go` when told to."""

    def __init__(self, *, is_held: bool = False) -> None:
        self.made = 0
        self.begun = threading.Event()
        self.go = threading.Event()
        if not is_held:
            self.go.set()

    def __call__(self) -> int:
        self.begun.set()
        assert self.go.wait(10)
        self.made += 1
        return self.made


def test_a_result_is_kept_until_it_expires() -> None:
    now = [0.0]
    turns, make = Turns(1, now_seconds=lambda: now[0]), Maker()
    assert [turns.result("a", make), turns.result("a", make)] == [1, 1]
    assert turns.result("b", make) == 2
    now[0] = KEPT_SECONDS - 1
    assert turns.result("a", make) == 1
    now[0] = KEPT_SECONDS
    assert turns.result("a", make) == 3


def test_the_oldest_result_makes_room() -> None:
    turns, make = Turns(1), Maker()
    for key in range(KEPT_LIMIT + 1):
        turns.result(key, make)
    assert turns.result(KEPT_LIMIT, make) == KEPT_LIMIT + 1
    assert turns.result(0, make) == KEPT_LIMIT + 2


def test_an_error_is_not_kept_and_frees_the_place() -> None:
    turns = Turns(1)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            turns.result("a", lambda: 1 // 0)
    assert turns.result("a", lambda: 7) == 7


def test_for_one_key_others_wait_and_the_rest_is_told_to_come_again() -> None:
    turns, make, seen = Turns(1, 2), Maker(is_held=True), list[int]()
    threads = [
        threading.Thread(target=lambda: seen.append(turns.result("a", make))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    assert make.begun.wait(10)
    while turns._waiting < 2:
        time.sleep(0.001)
    for key in ("a", "b"):
        with pytest.raises(ProblemRaised) as raised:
            turns.result(key, make)
        assert raised.value.problem.status == 503
        assert ("Retry-After", "10") in raised.value.problem.headers
    make.go.set()
    for thread in threads:
        thread.join(10)
    assert seen == [1, 1, 1]


def test_a_place_is_free_again_after_use() -> None:
    turns = Turns(1)
    for _ in range(2):
        with turns.place(), pytest.raises(ProblemRaised), turns.place():
            pass


@pytest.mark.parametrize("threads", [4, 8, 16, 64])
def test_the_bounds_leave_threads_for_all_else(threads: int) -> None:
    bounds = bounds_for(threads)
    each = (bounds.bodies, bounds.small, bounds.large, bounds.waits)
    assert sum(turns._places + turns._waiting_places for turns in each) < threads


def patient_pair() -> tuple[PatientSocket, socket.socket]:
    ours, theirs = socket.socketpair()
    return PatientSocket(fileno=ours.detach()), theirs


def test_a_socket_loses_patience_with_silence_and_with_drops() -> None:
    ours, theirs = patient_pair()
    with ours, theirs:
        ours.begin(0.2)
        with pytest.raises(SlowClient):
            ours.recv(10)
        ours.begin(0.2)
        dripping = threading.Thread(target=drip, args=(theirs,))
        dripping.start()
        with pytest.raises(SlowClient):
            received_for(5, ours)
        dripping.join()


def drip(connection: socket.socket) -> None:
    for _ in range(20):
        connection.send(b"x")
        time.sleep(0.03)


def received_for(seconds: float, connection: socket.socket) -> None:
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        connection.recv(10)


def test_a_socket_loses_patience_with_a_reader_who_does_not_read() -> None:
    ours, theirs = patient_pair()
    with ours, theirs:
        ours.begin(0.2)
        with pytest.raises(SlowClient):
            ours.sendall(b"x" * 50_000_000)


def test_a_socket_loses_patience_with_a_reader_of_many_small_answers() -> None:
    ours, theirs = patient_pair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ours.begin(0.2)
        ended = threading.Event()
        reading = threading.Thread(target=sip, args=(theirs, ended))
        reading.start()
        with pytest.raises(SlowClient):
            sent_for(8, ours)
        ended.set()
        reading.join()


def sent_for(seconds: float, connection: socket.socket) -> None:
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        connection.sendall(b"x" * 100)


def sip(connection: socket.socket, ended: threading.Event) -> None:
    while not ended.wait(0.15):
        connection.recv(100)
