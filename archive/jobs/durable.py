# SPDX-License-Identifier: Apache-2.0
"""The jobs of an archive: rows that say what each job is, and runs that DBOS sees through.

A job and its first run are asked for in one transaction, and so are the end of a run and the
next one: neither is ever there without the other.
"""

import contextlib
import datetime as dt
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive import canonical
from archive.canonical import JsonValue
from archive.clock import Clock, rfc3339
from archive.errors import IdempotencyKeyReused, JobsError, MalformedJson, NotFound
from archive.jobs.base import UNFINISHED, Job, JobState, NewJob, Problem, Repeat
from archive.jobs.database import JobsDatabase
from archive.jobs.ids import is_job_id, new_job_id
from archive.jobs.tables import ops_job, ops_repeat

if TYPE_CHECKING:
    from archive.jobs.dbos import DbosClient

PAYLOAD_LIMIT = 4 * 1024 * 1024
RESULT_LIMIT = canonical.CONTENT_LIMIT
_DETAIL_LIMIT = 500
_PROGRESS_STATES = [state.value for state in UNFINISHED]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job: what a workflow of the engine stands for."""

    job_id: str
    number: int

    def __str__(self) -> str:
        return f"{self.job_id}.{self.number}"

    @classmethod
    def named(cls, name: str) -> "Run":
        """The run of this name."""
        job_id, _, number = name.rpartition(".")
        return cls(job_id, int(number))


class DurableJobs:
    """The jobs database as services see it (`base.Jobs`), and what a worker writes into it."""

    def __init__(
        self, database: JobsDatabase, clock: Clock, random_bytes: Callable[[int], bytes]
    ) -> None:
        self.database = database
        self._clock = clock
        self._random_bytes = random_bytes
        self._lock = threading.Lock()
        self._client: DbosClient | None = None

    @property
    def client(self) -> "DbosClient":
        """The engine's client, loaded when a run is first asked for."""
        with self._lock:
            if self._client is None:
                from archive.jobs.dbos import DbosClient  # noqa: PLC0415 - 0.4 s to import

                self._client = DbosClient(self.database)
            return self._client

    def enqueue(self, job: NewJob) -> Job:
        """As `base.Jobs.enqueue`."""
        payload = _written(job.payload, PAYLOAD_LIMIT)
        client = self.client
        try:
            with self.database.promising() as connection:
                found = None if job.key is None else _by_key(connection, job.key)
                if found is None:
                    return self._insert(connection, client, job, payload)
        except JobsError:
            # Two that ask with one key at the same moment: one of them inserted it.
            with self.database.reading() as connection:
                found = None if job.key is None else _by_key(connection, job.key)
            if found is None:
                raise
        if (found.kind, _written(found.payload, PAYLOAD_LIMIT)) != (job.kind, payload):
            raise IdempotencyKeyReused(
                "this idempotency key was given before, with another request"
            )
        return found

    def schedule(self, repeat: Repeat) -> None:
        """As `base.Jobs.schedule`."""
        values = {
            "kind": repeat.job.kind,
            "queue": repeat.job.queue,
            "payload": _written(repeat.job.payload, PAYLOAD_LIMIT),
            "every_seconds": repeat.every_seconds,
        }
        with self.database.promising() as connection:
            named = ops_repeat.c.name == repeat.name
            row = connection.execute(sa.select(ops_repeat).where(named)).mappings().first()
            if row is not None and all(row[name] == value for name, value in values.items()):
                return
            values["next_at"] = rfc3339(repeat.first)
            if row is None:
                connection.execute(sa.insert(ops_repeat).values(name=repeat.name, **values))
            else:
                connection.execute(sa.update(ops_repeat).where(named).values(values))

    def unschedule(self, name: str) -> None:
        """As `base.Jobs.unschedule`."""
        with self.database.promising() as connection:
            connection.execute(sa.delete(ops_repeat).where(ops_repeat.c.name == name))

    def ask_for_due(self) -> int:
        """Ask for each repeated job whose time has come, once however many workers look."""
        now = self._clock.now()
        with self.database.reading() as connection:
            due = list(
                connection.execute(
                    sa.select(ops_repeat).where(ops_repeat.c.next_at <= rfc3339(now))
                )
            )
        for row in due:
            # Named by its time, so that a second worker, or this one after a crash, asks for the
            # same job; missed times are made up for once.
            key = f"repeat {row.name} {row.next_at}"
            with contextlib.suppress(IdempotencyKeyReused):  # that time had another job before
                self.enqueue(NewJob(row.kind, row.queue, json.loads(row.payload), key))
            with self.database.promising() as connection:
                connection.execute(
                    sa.update(ops_repeat)
                    .where(ops_repeat.c.name == row.name, ops_repeat.c.next_at == row.next_at)
                    .values(next_at=rfc3339(now + dt.timedelta(seconds=row.every_seconds)))
                )
        return len(due)

    def find(self, job_id: str) -> Job:
        """As `base.Jobs.find`."""
        row = None
        if is_job_id(job_id):
            with self.database.reading() as connection:
                row = connection.execute(sa.select(ops_job).where(ops_job.c.id == job_id)).first()
        if row is None:
            raise NotFound("there is no such job")
        return _job(row)

    def recent(self, states: Sequence[JobState], limit: int, before: str | None) -> list[Job]:
        """As `base.Jobs.recent`."""
        wanted = sa.select(ops_job).order_by(ops_job.c.id.desc()).limit(limit)
        if states:
            wanted = wanted.where(ops_job.c.state.in_([state.value for state in states]))
        if before is not None:
            wanted = wanted.where(ops_job.c.id < before)
        with self.database.reading() as connection:
            return [_job(row) for row in connection.execute(wanted)]

    def cancel(self, job_id: str) -> Job:
        """As `base.Jobs.cancel`."""
        job = self.find(job_id)
        if job.is_finished:
            return job
        with self.database.promising() as connection:
            connection.execute(
                sa.update(ops_job)
                .where(ops_job.c.id == job_id, ops_job.c.state.in_(_PROGRESS_STATES))
                .values(state=JobState.CANCELLED.value, updated_at=self._now())
            )
        job = self.find(job_id)
        if job.state is JobState.CANCELLED:
            self.client.cancel(str(Run(job.id, job.run)))
        return job

    def begin(self, run: Run) -> Job | None:
        """The job, now running; None when this run is over, or another one has taken its place."""
        with self.database.writing() as connection:
            begun = connection.execute(
                sa.update(ops_job)
                .where(*_is_current(run))
                .values(
                    state=JobState.RUNNING.value,
                    updated_at=self._now(),
                    starts=ops_job.c.starts + 1,
                )
            )
            if begun.rowcount != 1:
                return None
            row = connection.execute(sa.select(ops_job).where(ops_job.c.id == run.job_id)).one()
        return _job(row)

    def note_progress(self, run: Run, done: int, total: int | None) -> bool:
        """Keep how far a run is; False when it is no longer wanted."""
        with self.database.writing() as connection:
            written = connection.execute(
                sa.update(ops_job)
                .where(*_is_current(run))
                .values(done=done, total=total, updated_at=self._now())
            )
        return written.rowcount == 1

    def finish(self, run: Run, result: JsonValue, done: int, total: int | None) -> None:
        """The run gave this result. Raises MalformedJson when it is no strict JSON."""
        written = _written(result, RESULT_LIMIT)
        state = JobState.DONE.value
        self._end(run, state=state, result=written, done=done, total=total, **_no_problem())

    def fail(self, run: Run, problem: Problem) -> None:
        """The run failed, and the job is not run again."""
        self._end(run, state=JobState.FAILED.value, **_problem(problem))

    def again(self, run: Run, at: dt.datetime | None, problem: Problem | None) -> None:
        """The job is run again at that time (None: now); `problem` says that this run failed."""
        now = self._clock.now()
        at = at or now
        delay = max(0.0, (at - now).total_seconds())
        client, following = self.client, Run(run.job_id, run.number + 1)
        with self.database.writing() as connection:
            ended = connection.execute(
                sa.update(ops_job)
                .where(*_is_current(run))
                .values(
                    state=JobState.WAITING.value,
                    run=following.number,
                    starts=0,
                    failures=ops_job.c.failures + int(problem is not None),
                    not_before=rfc3339(at),
                    updated_at=self._now(),
                    **(_no_problem() if problem is None else _problem(problem)),
                )
                .returning(ops_job.c.queue)
            ).first()
            if ended is not None:
                client.enqueue(connection, str(following), ended.queue, delay)

    def stalled(self, since: dt.datetime, limit: int) -> list[Job]:
        """Unfinished jobs of which nothing was heard since then, oldest first."""
        wanted = (
            sa.select(ops_job)
            .where(ops_job.c.state.in_(_PROGRESS_STATES), ops_job.c.updated_at < rfc3339(since))
            .order_by(ops_job.c.updated_at)
            .limit(limit)
        )
        with self.database.reading() as connection:
            return [_job(row) for row in connection.execute(wanted)]

    def ended_before(self, before: dt.datetime, limit: int) -> list[str]:
        """The IDs of the oldest jobs that were finished before then."""
        wanted = (
            sa.select(ops_job.c.id)
            .where(
                ops_job.c.state.notin_(_PROGRESS_STATES),
                ops_job.c.updated_at < rfc3339(before),
            )
            .order_by(ops_job.c.updated_at)
            .limit(limit)
        )
        with self.database.reading() as connection:
            return list(connection.execute(wanted).scalars())

    def forget(self, job_ids: Sequence[str]) -> None:
        """Drop finished jobs, and what the engine keeps about their runs."""
        finished = (
            ops_job.c.id.in_(list(job_ids)),
            ops_job.c.state.notin_(_PROGRESS_STATES),
        )
        with self.database.reading() as connection:
            rows = list(connection.execute(sa.select(ops_job.c.id, ops_job.c.run).where(*finished)))
        self.client.forget([f"{row.id}.{number}" for row in rows for number in range(row.run + 1)])
        with self.database.writing() as connection:
            connection.execute(sa.delete(ops_job).where(*finished))

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None
        self.database.close()

    def _insert(
        self, connection: Connection, client: "DbosClient", job: NewJob, payload: str
    ) -> Job:
        now = self._clock.now()
        job_id = new_job_id(now, self._random_bytes)
        delay = 0.0 if job.not_before is None else (job.not_before - now).total_seconds()
        connection.execute(
            sa.insert(ops_job).values(
                id=job_id,
                kind=job.kind,
                queue=job.queue,
                payload=payload,
                key=job.key,
                state=JobState.QUEUED.value,
                created_at=rfc3339(now),
                updated_at=rfc3339(now),
                not_before=None if job.not_before is None else rfc3339(job.not_before),
                run=0,
                starts=0,
                failures=0,
                done=0,
            )
        )
        client.enqueue(connection, str(Run(job_id, 0)), job.queue, delay)
        return _job(connection.execute(sa.select(ops_job).where(ops_job.c.id == job_id)).one())

    def _end(self, run: Run, **values: Any) -> None:
        with self.database.writing() as connection:
            connection.execute(
                sa.update(ops_job)
                .where(*_is_current(run))
                .values(updated_at=self._now(), not_before=None, **values)
            )

    def _now(self) -> str:
        return rfc3339(self._clock.now())


def _is_current(run: Run) -> list[sa.ColumnElement[bool]]:
    return [
        ops_job.c.id == run.job_id,
        ops_job.c.run == run.number,
        ops_job.c.state.in_(_PROGRESS_STATES),
    ]


def _by_key(connection: Connection, key: str) -> Job | None:
    row = connection.execute(sa.select(ops_job).where(ops_job.c.key == key)).first()
    return None if row is None else _job(row)


def _written(value: JsonValue, limit: int) -> str:
    data = canonical.dumps(value)
    if len(data) > limit:
        raise MalformedJson(f"JSON of {len(data)} bytes is over the limit of {limit}")
    return data.decode("utf-8")


def _problem(problem: Problem) -> dict[str, str]:
    return {"problem_code": problem.code, "problem_detail": problem.detail[:_DETAIL_LIMIT]}


def _no_problem() -> dict[str, None]:
    return {"problem_code": None, "problem_detail": None}


def _job(row: Any) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        queue=row.queue,
        payload=json.loads(row.payload),
        state=JobState(row.state),
        created_at=row.created_at,
        updated_at=row.updated_at,
        not_before=row.not_before,
        run=row.run,
        starts=row.starts,
        failures=row.failures,
        done=row.done,
        total=row.total,
        result=None if row.result is None else json.loads(row.result),
        problem=None
        if row.problem_code is None
        else Problem(row.problem_code, row.problem_detail or ""),
    )
