# SPDX-License-Identifier: Apache-2.0
"""What workers ask for by themselves, each kind of job at an interval of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from archive.canonical import JsonValue
from archive.clock import Clock
from archive.jobs.base import Jobs, NewJob, Repeat
from archive.services.jobs.handlers import handler_of


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A kind of job, its payload, and the seconds from one to the next; None: it is not wanted."""

    kind: str
    payload: JsonValue
    every_seconds: int | None


def keep_schedule(jobs: Jobs, clock: Clock, wanted: Sequence[Scheduled]) -> None:
    """Have each job asked for as often as is wanted; what was so before keeps its time.

    The first job of a new schedule is due at once. Raises InputError, JobsUnavailable.
    """
    for item in wanted:
        name = f"schedule.{item.kind}"
        if item.every_seconds is None:
            jobs.unschedule(name)
            continue
        handler = handler_of(item.kind)
        handler.check(item.payload)
        job = NewJob(item.kind, handler.queue, item.payload)
        jobs.schedule(Repeat(name, job, item.every_seconds, clock.now()))
