# SPDX-License-Identifier: Apache-2.0
"""Runs one job: calls its handler, and writes down how the run ended, whatever happened.

A run ends in a result, in a problem, in "again later", or not at all because its process died;
then it is begun again. Trouble that may pass (a store that cannot be reached) is "again later",
each time after a longer wait, and at last a problem.
"""

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from archive.canonical import JsonValue
from archive.clock import Clock
from archive.errors import (
    CatalogError,
    CatalogMissing,
    CatalogOutdated,
    InputError,
    JobPoisonous,
    JobsError,
    JobsUnavailable,
    MunimentError,
    ObjectConflict,
    ObjectMissing,
    RemoteUnavailable,
    StorageError,
)
from archive.jobs.base import Job, JobCancelled, Problem, TryLater, WorkerStopping
from archive.jobs.base import Run as Handle
from archive.jobs.durable import DurableJobs, Run

STARTS_LIMIT = 20
FAILURES_LIMIT = 8
_FIRST_WAIT_SECONDS = 2
_LONGEST_WAIT_SECONDS = 600
_PROGRESS_SECONDS = 1.0
_PERSISTENCE_SECONDS = 120.0

_PASSING = (StorageError, CatalogError, JobsError, RemoteUnavailable)
_LASTING = (ObjectConflict, ObjectMissing, CatalogMissing, CatalogOutdated, JobPoisonous)

_log = logging.getLogger(__name__)
Written = TypeVar("Written")


class Runner:
    """Runs jobs in the threads that call it, until `stopping` is set."""

    def __init__(
        self,
        jobs: DurableJobs,
        handlers: Mapping[str, Handle],
        clock: Clock,
        stopping: threading.Event,
    ) -> None:
        self._jobs = jobs
        self._handlers = handlers
        self._clock = clock
        self._stopping = stopping

    def run(self, name: str) -> None:
        """Run what the engine calls by this name. Returns when its end is written down."""
        run = Run.named(name)
        job = self._persist(lambda: self._jobs.begin(run))
        if job is None:
            return
        began = time.monotonic()
        ended = self._handled(run, job)
        _log.info(
            "job %s %s run %d: %s in %d ms",
            job.kind,
            job.id,
            run.number,
            ended,
            (time.monotonic() - began) * 1000,
        )

    def _handled(self, run: Run, job: Job) -> str:
        """Call the handler and write down how it ended; the same in words, for the log."""
        try:
            context = _Context(self._jobs, run, self._stopping)
            result = self._result(job, context)
            self._persist(lambda: self._jobs.finish(run, result, *context.said))
        except TryLater as later:
            self._again(run, later.at, None)
            return f"again at {later.at:%H:%M:%S} ({later.reason})"
        except WorkerStopping:
            self._again(run, None, None)
            return "handed on, for the worker ends"
        except JobCancelled:
            return "cancelled"
        except MunimentError as error:
            return self._troubled(run, job, error)
        except Exception as error:  # noqa: BLE001 - a defect of the handler; its job must not vanish
            _log.error("job %s: unexpected %s", job.id, type(error).__name__, exc_info=error)
            problem = Problem("INTERNAL_ERROR", "the operator can find the cause in the log")
            self._persist(lambda: self._jobs.fail(run, problem))
            return "failed: INTERNAL_ERROR"
        return "done"

    def _result(self, job: Job, context: "_Context") -> JsonValue:
        if job.starts > STARTS_LIMIT:
            raise JobPoisonous(f"its worker died {STARTS_LIMIT} times while it ran")
        handler = self._handlers.get(job.kind)
        if handler is None:
            raise InputError(f"this worker knows no jobs of kind {job.kind}")
        return handler(job.payload, context)

    def _troubled(self, run: Run, job: Job, error: MunimentError) -> str:
        problem = Problem(error.code, str(error))
        is_passing = isinstance(error, _PASSING) and not isinstance(error, _LASTING)
        if not is_passing or job.failures + 1 >= FAILURES_LIMIT:
            self._persist(lambda: self._jobs.fail(run, problem))
            return f"failed: {error.code}"
        wait = min(_FIRST_WAIT_SECONDS * 2**job.failures, _LONGEST_WAIT_SECONDS)
        self._again(run, self._clock.now() + dt.timedelta(seconds=wait), problem)
        return f"again in {wait} s: {error.code}"

    def _again(self, run: Run, at: dt.datetime | None, problem: Problem | None) -> None:
        self._persist(lambda: self._jobs.again(run, at, problem))

    def _persist(self, write: Callable[[], Written]) -> Written:
        """What `write` gives, tried until the jobs database answers or two minutes are over."""
        deadline = time.monotonic() + _PERSISTENCE_SECONDS
        wait = 0.1
        while True:
            try:
                return write()
            except JobsUnavailable:
                if time.monotonic() > deadline:
                    raise
            self._stopping.wait(wait)
            wait = min(wait * 2, 5.0)
            if self._stopping.is_set():
                time.sleep(wait)


class _Context:
    """What a handler sees of its run (`base.Context`)."""

    def __init__(self, jobs: DurableJobs, run: Run, stopping: threading.Event) -> None:
        self._jobs = jobs
        self._run = run
        self._stopping = stopping
        self._next_write = 0.0
        self.said: tuple[int, int | None] = (0, None)

    @property
    def job_id(self) -> str:
        return self._run.job_id

    def progress(self, done: int, total: int | None) -> None:
        self.said = (done, total)
        self.check()

    def check(self) -> None:
        if self._stopping.is_set():
            raise WorkerStopping
        if time.monotonic() < self._next_write:
            return
        self._next_write = time.monotonic() + _PROGRESS_SECONDS
        if not self._jobs.note_progress(self._run, *self.said):
            raise JobCancelled
