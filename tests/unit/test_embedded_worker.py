# SPDX-License-Identifier: Apache-2.0
"""The worker beside the server is begun again, whatever ended it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from archive.cli import embedded_worker
from archive.cli.embedded_worker import EmbeddedWorker, next_pause


def test_the_pause_grows_while_it_dies_at_once_and_not_for_one_that_lived() -> None:
    pauses, pause = [], 0.0
    for _ in range(8):
        pause = next_pause(pause, 0.5)
        pauses.append(pause)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert next_pause(60, 3600) == 1


def test_a_worker_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # As when there is no room for another process: the program is not there for a moment.
    monkeypatch.setattr(embedded_worker, "_MAIN", "import time; time.sleep(60)")
    monkeypatch.setattr(embedded_worker, "_FIRST_PAUSE_SECONDS", 0.1)
    python = sys.executable
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with EmbeddedWorker() as worker:
        time.sleep(0.3)
        assert worker._process is None
        monkeypatch.setattr(sys, "executable", python)
        first = begun(worker, None)
        os.kill(first.pid, signal.SIGKILL)
        second = begun(worker, first)
    assert second.poll() is not None


def begun(
    worker: EmbeddedWorker, before: "subprocess.Popen[bytes] | None"
) -> "subprocess.Popen[bytes]":
    end = time.monotonic() + 30
    while worker._process is before or worker._process is None:
        assert time.monotonic() < end
        time.sleep(0.05)
    return worker._process
