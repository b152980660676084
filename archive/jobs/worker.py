# SPDX-License-Identifier: Apache-2.0
"""A worker: runs jobs in this process until it is told to stop, and looks after the others'.

Killed at any moment it loses nothing: its runs are begun again, here or elsewhere.
"""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from archive.clock import Clock
from archive.errors import JobsError, MunimentError
from archive.jobs.base import Queue
from archive.jobs.base import Run as Handle
from archive.jobs.durable import DurableJobs
from archive.jobs.executors import Executors, IsGone, resume_orphans, revive_stalled
from archive.jobs.hosts import forget_ended
from archive.jobs.running import Runner

_SWEEP_BEATS = 12
_FORGOTTEN_AT_ONCE = 500
_SPARE_THREADS = 4  # the engine's own work shares the pool of threads

Runnable = Callable[[str], None]
# Told the IDs of jobs that are about to be forgotten.
Forgotten = Callable[[Sequence[str]], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker works. `owner` names this process; `is_gone` tells whether such a one died."""

    machine: str
    owner: str
    is_gone: IsGone
    beat_seconds: int
    dead_seconds: int
    grace_seconds: int
    keep_days: int


class Worker:
    """One process's worker. There can be one in a process at a time."""

    def __init__(
        self,
        jobs: DurableJobs,
        clock: Clock,
        settings: WorkerSettings,
        forgotten: Forgotten = lambda _job_ids: None,
    ) -> None:
        self._forgotten = forgotten
        self._jobs = jobs
        self._clock = clock
        self._settings = settings
        self._stopping = threading.Event()
        self._executors = Executors(
            jobs.database,
            clock,
            settings.owner,
            settings.is_gone,
            dt.timedelta(seconds=settings.dead_seconds),
        )

    def run(
        self, queues: Sequence[Queue], handlers: Mapping[str, Handle], stop: threading.Event
    ) -> bool:
        """Work until `stop` is set; whether all that ran had ended within the grace time.

        What had not is begun again by another worker, or by the next one here.
        """
        from archive.jobs.dbos import DbosExecutor  # noqa: PLC0415 - 0.4 s to import

        name = self._executors.take_place(self._settings.machine)
        threads = sum(queue.slots for queue in queues) + _SPARE_THREADS
        runner = Runner(self._jobs, handlers, self._clock, self._stopping)
        running = _Count()
        executor = DbosExecutor(self._jobs.database, name, threads)
        executor.start(queues, running.around(runner.run))
        _log.info("worker %s has %s", name, ", ".join(f"{q.slots} of {q.name}" for q in queues))
        try:
            self._tend(name, stop)
        finally:
            self._stopping.set()
            executor.stop(self._settings.grace_seconds)
            self._leave(name)
        return running.is_zero

    def _tend(self, name: str, stop: threading.Event) -> None:
        beats = 0
        while True:
            try:
                self._executors.beat(name)
                self._jobs.ask_for_due()
                if self._executors.is_reaper():
                    self._reap(is_sweep=beats % _SWEEP_BEATS == 0)
            except MunimentError as error:
                # The database may come back; until then nothing can be begun anyway.
                _log.warning("%s: %s", error.code, error)
            beats += 1
            if stop.wait(self._settings.beat_seconds):
                return

    def _reap(self, *, is_sweep: bool) -> None:
        resumed = resume_orphans(self._jobs, self._executors)
        if resumed:
            _log.warning("%d runs of dead workers are begun again", resumed)
        if not is_sweep:
            return
        revived = revive_stalled(self._jobs, self._clock)
        if revived:
            _log.warning("%d jobs that were given up are asked for again", revived)
        forget_ended(self._jobs.database, self._clock.now())
        old = self._clock.now() - dt.timedelta(days=self._settings.keep_days)
        # First what others keep of them: a job that is still there is forgotten the next time.
        ended = self._jobs.ended_before(old, _FORGOTTEN_AT_ONCE)
        if ended:
            self._forgotten(ended)
            self._jobs.forget(ended)

    def _leave(self, name: str) -> None:
        try:
            self._executors.leave(name)
        except JobsError as error:
            _log.warning("%s: %s", error.code, error)


class _Count:
    """How many runs are under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0

    @property
    def is_zero(self) -> bool:
        with self._lock:
            return self._running == 0

    def around(self, run: Runnable) -> Runnable:
        def counted(name: str) -> None:
            with self._lock:
                self._running += 1
            try:
                run(name)
            finally:
                with self._lock:
                    self._running -= 1

        return counted
