# SPDX-License-Identifier: Apache-2.0
"""A worker in a thread of the test's own process, or in a process that can be killed."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from archive.bootstrap import worker_of
from archive.services.context import Archive
from archive.settings import Settings

MAIN = "from archive.cli import main; main()"
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def working(settings: Settings, archive: Archive) -> Iterator[None]:
    """Jobs are done while the block runs. There can be one such worker at a time."""
    stop = threading.Event()
    ended: list[BaseException | bool] = []

    def work() -> None:
        try:
            ended.append(worker_of(settings, archive, stop).run())
        except BaseException as error:  # noqa: BLE001 - the assertion below shows it
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert ended == [True]


def worker_process(environment: dict[str, str], *options: str) -> "subprocess.Popen[str]":
    """`muniment worker` with these settings."""
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, "worker", *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
