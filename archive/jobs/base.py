# SPDX-License-Identifier: Apache-2.0
"""What a job is, how it is asked for, and what a handler may do and must promise.

Jobs run at least once. A handler is told by which job it runs, and must be idempotent: a worker
that is killed leaves its jobs to another, which runs them from the start.
"""

import datetime as dt
import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from archive.canonical import JsonValue


class JobState(enum.StrEnum):
    """Where a job is. The words are stable, in JSON and in the database."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"  # it ran, and runs again at `not_before`
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (JobState.QUEUED, JobState.RUNNING, JobState.WAITING)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a job failed: a code of the error tree, and a sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is now. Times are RFC 3339; `done` and `total` are the handler's own units.

    `run` counts the runs that ended in "again later"; `result` is there when it is done, and
    `problem` when it failed, or when it waits because it failed.
    """

    id: str
    kind: str
    queue: str
    payload: JsonValue
    state: JobState
    created_at: str
    updated_at: str
    not_before: str | None
    run: int
    starts: int
    failures: int
    done: int
    total: int | None
    result: JsonValue
    problem: Problem | None

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state not in UNFINISHED


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be asked for.

    With a `key`, the same job asked for again is the job that is there. `not_before` delays it.
    """

    kind: str
    queue: str
    payload: JsonValue
    key: str | None = None
    not_before: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """A job that is asked for again and again: `name` is unique, the first time is `first`."""

    name: str
    job: NewJob
    every_seconds: int
    first: dt.datetime


class Jobs(Protocol):
    """Where jobs are asked for and looked up. Threads and processes may share it."""

    def enqueue(self, job: NewJob) -> Job:
        """The job, durable when this returns.

        Raises IdempotencyKeyReused when the key stands for another kind or payload,
        MalformedJson when the payload is not strict JSON, JobsUnavailable.
        """
        ...

    def schedule(self, repeat: Repeat) -> None:
        """Have a job asked for at each interval, once over all workers; replaces one so named.

        One that is there already, with the same job and interval, keeps the time of its next.
        """
        ...

    def unschedule(self, name: str) -> None:
        """Ask for no more jobs under this name; those that were asked for stay."""
        ...

    def find(self, job_id: str) -> Job:
        """The job. Raises NotFound, JobsUnavailable."""
        ...

    def recent(self, states: Sequence[JobState], limit: int, before: str | None) -> list[Job]:
        """Jobs in these states, newest first; `before` is the last ID of the page before."""
        ...

    def cancel(self, job_id: str) -> Job:
        """The job, which runs no more: a running one ends at its next `check`.

        One that is finished stays as it is. Raises NotFound, JobsUnavailable.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Context(Protocol):
    """What a running handler is given beside its payload."""

    @property
    def job_id(self) -> str:
        """The job that it runs for: the root of the names of its requests."""
        ...

    def progress(self, done: int, total: int | None) -> None:
        """Say how far it is, in its own units; written now and then. Also a `check`."""
        ...

    def check(self) -> None:
        """Raise JobCancelled or WorkerStopping when the handler should end; call it often."""
        ...


class TryLater(Exception):
    """Raised by a handler that can go on at a later time and not now; its slot is freed."""

    def __init__(self, at: dt.datetime, reason: str) -> None:
        super().__init__(reason)
        self.at = at
        self.reason = reason


class JobCancelled(Exception):
    """Raised out of `check` when the job was cancelled."""


class WorkerStopping(Exception):
    """Raised out of `check` when the worker ends; the job is run again by another one."""


Run = Callable[[JsonValue, Context], JsonValue]


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue and its limits: jobs at once in one worker, and started in a period by all."""

    name: str
    slots: int
    started_limit: int | None = None
    period_seconds: float = 1.0
