# SPDX-License-Identifier: Apache-2.0
"""The worker that `muniment serve` has beside it: a process that is started again when it dies.

It ends with the server, also when that is killed, since it looks after its parent's number.
"""

import logging
import os
import subprocess
import sys
import threading
import time
import types
from typing import Self

_POLL_SECONDS = 0.5
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_GRACE_SECONDS = 45.0
_log = logging.getLogger(__name__)
_MAIN = "from archive.cli import main; main()"


class EmbeddedWorker:
    """A context manager: the worker runs while it is entered. Settings come by the environment."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        threading.Thread(target=self._look_after, name="embedded-worker", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        # The server's own children come by here too; theirs it is not.
        if os.getpid() != self._owner:
            return
        self._ended.set()
        with self._lock:
            process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _look_after(self) -> None:
        pause = 0.0
        while not self._ended.is_set():
            began = time.monotonic()
            process = self._started()
            while process is not None and process.poll() is None:
                if self._ended.wait(_POLL_SECONDS):
                    return
            pause = next_pause(pause, time.monotonic() - began)
            self._ended.wait(pause)

    def _started(self) -> "subprocess.Popen[bytes] | None":
        """The worker, begun anew; None when it cannot be begun now."""
        options = ["worker", "--quiet", "--parent", str(self._owner)]
        with self._lock:
            if self._ended.is_set():
                return None
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own program
                    [sys.executable, "-c", _MAIN, *options]
                )
            except OSError as error:
                # No memory or no process left: that may pass, and jobs must not wait for ever.
                _log.warning("the worker beside the server cannot be started: %s", error.strerror)
                return None
            return self._process


def next_pause(before: float, lived: float) -> float:
    """Seconds to wait before a worker that ended is begun again; `lived` is how long it ran.

    What kills it at once each time must not keep the machine busy; one that lived for long is
    begun again at once.
    """
    if lived > _LONGEST_PAUSE_SECONDS:
        return _FIRST_PAUSE_SECONDS
    return min(max(before * 2, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
