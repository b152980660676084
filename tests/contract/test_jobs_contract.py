# SPDX-License-Identifier: Apache-2.0
"""What `archive.jobs` promises, on a SQLite file and on a PostgreSQL server alike."""

import datetime as dt
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import pytest
import sqlalchemy as sa
from support.postgres import Server

from archive.canonical import JsonValue
from archive.clock import FixedClock, SystemClock
from archive.errors import (
    AddressRefused,
    IdempotencyKeyReused,
    JobsError,
    MalformedJson,
    NotFound,
    StorageUnavailable,
)
from archive.jobs.base import (
    Context,
    Job,
    JobCancelled,
    JobState,
    NewJob,
    Problem,
    Queue,
    Repeat,
    TryLater,
)
from archive.jobs.database import JobsDatabase
from archive.jobs.durable import DurableJobs, Run
from archive.jobs.executors import Executors, resume_orphans, revive_stalled
from archive.jobs.ids import is_job_id
from archive.jobs.tables import SCHEMA
from archive.jobs.worker import Worker, WorkerSettings

NOW = dt.datetime(2026, 3, 6, 12, 0, 0, tzinfo=dt.UTC)
DEAD, ALIVE = "dead", "alive"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    server: Server = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def jobs(url: str, clock: FixedClock) -> Iterator[DurableJobs]:
    opened = DurableJobs(JobsDatabase(url), clock, os.urandom)
    yield opened
    opened.close()


def asked(jobs: DurableJobs, payload: JsonValue = None, **more: object) -> Job:
    return jobs.enqueue(NewJob("test", "short", payload, **more))  # type: ignore[arg-type]


def test_a_job_is_there_with_an_id_in_order_of_asking(jobs: DurableJobs, clock: FixedClock) -> None:
    ids = []
    for number in range(5):
        clock.at = NOW + dt.timedelta(milliseconds=number)
        job = asked(jobs, {"number": number})
        assert is_job_id(job.id)
        assert (job.state, job.payload, job.run) == (JobState.QUEUED, {"number": number}, 0)
        assert jobs.find(job.id) == job
        ids.append(job.id)
    assert ids == sorted(ids)
    assert [job.id for job in jobs.recent((), 10, None)] == ids[::-1]
    assert [job.id for job in jobs.recent((), 2, ids[2])] == [ids[1], ids[0]]
    assert jobs.recent((JobState.DONE,), 10, None) == []


@pytest.mark.parametrize("name", ["", "x", "0" * 36, "../jobs", "'; drop table ops_job; --"])
def test_a_job_that_is_not_there_is_not_found(jobs: DurableJobs, name: str) -> None:
    with pytest.raises(NotFound):
        jobs.find(name)
    with pytest.raises(NotFound):
        jobs.cancel(name)


def test_a_key_stands_for_one_job(jobs: DurableJobs) -> None:
    first = asked(jobs, {"a": 1, "b": 2}, key="k")
    assert asked(jobs, {"b": 2, "a": 1}, key="k").id == first.id
    assert asked(jobs, {"a": 1}, key="other").id != first.id
    assert asked(jobs, {"a": 1}).id != asked(jobs, {"a": 1}).id
    with pytest.raises(IdempotencyKeyReused):
        asked(jobs, {"a": 2}, key="k")
    with pytest.raises(IdempotencyKeyReused):
        jobs.enqueue(NewJob("other", "short", {"a": 1, "b": 2}, "k"))


def test_a_key_stands_for_one_job_however_many_ask_at_once(jobs: DurableJobs) -> None:
    _ = jobs.client
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: asked(jobs, {"a": 1}, key="raced").id, range(32)))
    assert len(set(found)) == 1
    assert len(jobs.recent((), 100, None)) == 1


@pytest.mark.parametrize("payload", [1.5, {"a": float("nan")}, b"x", {1: 2}, "\ud800", 2**60])
def test_a_payload_that_is_no_strict_json_is_refused(jobs: DurableJobs, payload: object) -> None:
    with pytest.raises(MalformedJson):
        asked(jobs, payload)
    assert jobs.recent((), 10, None) == []


def test_a_run_ends_once(jobs: DurableJobs) -> None:
    job = asked(jobs)
    run = Run(job.id, 0)
    assert jobs.begin(Run(job.id, 1)) is None
    begun = jobs.begin(run)
    assert begun is not None
    assert (begun.state, begun.starts) == (JobState.RUNNING, 1)
    again = jobs.begin(run)
    assert again is not None
    assert again.starts == 2
    jobs.finish(run, {"x": 1}, 3, 3)
    jobs.finish(run, {"x": 2}, 9, 9)
    jobs.fail(run, Problem("A", "b"))
    done = jobs.find(job.id)
    assert (done.state, done.result, done.done, done.problem) == (JobState.DONE, {"x": 1}, 3, None)
    assert jobs.begin(run) is None
    assert not jobs.note_progress(run, 4, 4)


def test_a_result_that_is_no_strict_json_is_refused(jobs: DurableJobs) -> None:
    job = asked(jobs)
    with pytest.raises(MalformedJson):
        jobs.finish(Run(job.id, 0), 1.5, 0, None)


def test_again_is_another_run_and_the_old_one_is_over(jobs: DurableJobs, clock: FixedClock) -> None:
    job = asked(jobs)
    jobs.begin(Run(job.id, 0))
    at = NOW + dt.timedelta(seconds=90)
    jobs.again(Run(job.id, 0), at, Problem("X", "y" * 9000))
    jobs.again(Run(job.id, 0), at, None)
    waits = jobs.find(job.id)
    assert (waits.state, waits.run, waits.failures) == (JobState.WAITING, 1, 1)
    assert waits.not_before == "2026-03-06T12:01:30.000000Z"
    assert waits.problem is not None
    assert len(waits.problem.detail) == 500
    assert jobs.begin(Run(job.id, 0)) is None
    assert jobs.begin(Run(job.id, 1)) is not None
    assert jobs.client.unfinished([f"{job.id}.0", f"{job.id}.1", f"{job.id}.2"]) == {
        f"{job.id}.0",
        f"{job.id}.1",
    }


def test_a_cancelled_job_is_not_begun_and_a_finished_one_not_cancelled(jobs: DurableJobs) -> None:
    job = asked(jobs)
    assert jobs.cancel(job.id).state is JobState.CANCELLED
    assert jobs.begin(Run(job.id, 0)) is None
    assert jobs.client.unfinished([f"{job.id}.0"]) == set()
    done = asked(jobs)
    jobs.finish(Run(done.id, 0), None, 0, None)
    assert jobs.cancel(done.id).state is JobState.DONE


def test_a_repeated_job_is_asked_for_once_each_time(
    jobs: DurableJobs, url: str, clock: FixedClock
) -> None:
    jobs.schedule(Repeat("nightly", NewJob("test", "short", {"x": 1}), 3600, NOW))
    other = DurableJobs(JobsDatabase(url), clock, os.urandom)
    _ = jobs.client, other.client
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda who: who.ask_for_due(), [jobs, other] * 8))
    assert len(jobs.recent((), 100, None)) == 1
    clock.at = NOW + dt.timedelta(seconds=3599)
    jobs.ask_for_due()
    assert len(jobs.recent((), 100, None)) == 1
    # Missed times are made up for once.
    clock.at = NOW + dt.timedelta(days=3)
    jobs.ask_for_due()
    other.ask_for_due()
    assert len(jobs.recent((), 100, None)) == 2
    clock.at += dt.timedelta(milliseconds=1)
    jobs.schedule(Repeat("nightly", NewJob("test", "short", {"x": 2}), 60, clock.at))
    jobs.ask_for_due()
    assert jobs.recent((), 1, None)[0].payload == {"x": 2}
    # A time has one job, also when it is given to another one afterwards.
    jobs.schedule(Repeat("nightly", NewJob("test", "short", {"x": 3}), 60, clock.at))
    jobs.ask_for_due()
    assert len(jobs.recent((), 100, None)) == 3
    other.close()


def test_a_schedule_that_is_kept_keeps_its_time_and_one_that_is_ended_asks_no_more(
    jobs: DurableJobs, clock: FixedClock
) -> None:
    job = NewJob("test", "short", {"x": 1})
    jobs.schedule(Repeat("weekly", job, 3600, clock.at))
    jobs.ask_for_due()
    # A worker that starts anew, as often as it likes.
    for _ in range(3):
        clock.at += dt.timedelta(seconds=600)
        jobs.schedule(Repeat("weekly", job, 3600, clock.at))
        jobs.ask_for_due()
    assert len(jobs.recent((), 100, None)) == 1
    clock.at += dt.timedelta(seconds=1800)
    jobs.ask_for_due()
    assert len(jobs.recent((), 100, None)) == 2
    jobs.unschedule("weekly")
    jobs.unschedule("never was")
    clock.at += dt.timedelta(days=1)
    jobs.ask_for_due()
    assert len(jobs.recent((), 100, None)) == 2


def test_old_jobs_are_forgotten_and_unfinished_ones_never(
    jobs: DurableJobs, clock: FixedClock
) -> None:
    done, waiting = asked(jobs), asked(jobs)
    jobs.finish(Run(done.id, 0), None, 0, None)
    assert jobs.ended_before(NOW, 10) == []
    assert jobs.ended_before(NOW + dt.timedelta(seconds=1), 10) == [done.id]
    jobs.forget([done.id, waiting.id])
    with pytest.raises(NotFound):
        jobs.find(done.id)
    assert jobs.find(waiting.id) == waiting


def executors(jobs: DurableJobs, clock: FixedClock, owner: str) -> Executors:
    return Executors(
        jobs.database,
        clock,
        owner,
        lambda name: None if name == "elsewhere" else name == DEAD,
        dt.timedelta(seconds=60),
    )


def test_a_dead_workers_place_is_taken_and_a_living_ones_is_not(
    jobs: DurableJobs, clock: FixedClock
) -> None:
    assert executors(jobs, clock, ALIVE).take_place("m") == "m-1"
    assert executors(jobs, clock, DEAD).take_place("m") == "m-2"
    assert executors(jobs, clock, "third").take_place("m") == "m-2"
    assert executors(jobs, clock, "elsewhere").take_place("m") == "m-3"
    clock.at = NOW + dt.timedelta(seconds=59)
    assert executors(jobs, clock, ALIVE).living() == {"m-1", "m-2", "m-3"}
    executors(jobs, clock, ALIVE).leave("m-2")  # another's place
    clock.at = NOW + dt.timedelta(seconds=61)
    assert executors(jobs, clock, ALIVE).living() == {"m-1", "m-2"}
    executors(jobs, clock, ALIVE).leave("m-1")
    assert executors(jobs, clock, ALIVE).living() == {"m-2"}


def test_one_reaps_at_a_time(jobs: DurableJobs, clock: FixedClock) -> None:
    assert executors(jobs, clock, "elsewhere").is_reaper()
    assert executors(jobs, clock, "elsewhere").is_reaper()
    assert not executors(jobs, clock, ALIVE).is_reaper()
    clock.at = NOW + dt.timedelta(seconds=61)
    assert executors(jobs, clock, ALIVE).is_reaper()
    assert not executors(jobs, clock, "elsewhere").is_reaper()
    assert executors(jobs, clock, ALIVE).living() == set()


Handle = Callable[[JsonValue, Context], JsonValue]


class Working:
    """A worker with handlers of the test's own, in a thread."""

    def __init__(self, jobs: DurableJobs, slots: int = 4) -> None:
        self.jobs = jobs
        self.handlers: dict[str, Handle] = {}
        self.queues = [Queue("short", slots), Queue("limited", slots, 3, 2.0)]
        self.stop = threading.Event()
        self.ended: list[bool] = []
        self.grace_seconds = 10

    def __enter__(self) -> Self:
        settings = WorkerSettings(
            machine="m",
            owner=ALIVE,
            is_gone=lambda name: name == DEAD,
            beat_seconds=1,
            dead_seconds=60,
            grace_seconds=self.grace_seconds,
            keep_days=30,
        )
        worker = Worker(self.jobs, SystemClock(), settings)
        self.thread = threading.Thread(
            target=lambda: self.ended.append(worker.run(self.queues, self.handlers, self.stop))
        )
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()

    def finished(self, job: Job, seconds: float = 20) -> Job:
        """The job once it is finished."""
        end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        while dt.datetime.now(dt.UTC) < end:
            found = self.jobs.find(job.id)
            if found.is_finished:
                return found
            threading.Event().wait(0.02)
        raise AssertionError(f"not finished: {self.jobs.find(job.id)}")


@pytest.fixture
def real_jobs(url: str) -> Iterator[DurableJobs]:
    opened = DurableJobs(JobsDatabase(url), SystemClock(), os.urandom)
    yield opened
    opened.close()


def test_a_worker_runs_what_is_asked_for(real_jobs: DurableJobs) -> None:
    working = Working(real_jobs)

    def succeed(payload: JsonValue, context: Context) -> JsonValue:
        context.progress(2, 2)
        return {"twice": payload * 2, "job": context.job_id}

    def refuse(_payload: JsonValue, _context: Context) -> JsonValue:
        raise AddressRefused("no such address")

    def burst(_payload: JsonValue, _context: Context) -> JsonValue:
        raise ZeroDivisionError("secret")

    working.handlers = {"ok": succeed, "refuse": refuse, "burst": burst}
    working.handlers["float"] = lambda _payload, _context: 0.5

    def ask(kind: str, payload: JsonValue = None) -> Job:
        return real_jobs.enqueue(NewJob(kind, "short", payload))

    early = ask("ok", 21)
    with working:
        done = working.finished(early)
        assert (done.state, done.result) == (JobState.DONE, {"twice": 42, "job": early.id})
        assert (done.done, done.total) == (2, 2)
        refused = working.finished(ask("refuse"))
        assert refused.problem == Problem("ADDRESS_REFUSED", "no such address")
        unexpected = working.finished(ask("burst"))
        assert unexpected.problem is not None
        assert unexpected.problem.code == "INTERNAL_ERROR"
        assert "secret" not in unexpected.problem.detail
        unknown = working.finished(ask("unheard-of"))
        assert unknown.problem is not None
        assert unknown.problem.code == "INPUT_INVALID"
        unfit = working.finished(ask("float"))
        assert unfit.problem is not None
        assert unfit.problem.code == "JSON_MALFORMED"
    assert working.ended == [True]


@pytest.mark.slow
def test_a_job_that_cannot_go_on_now_is_run_again_later(real_jobs: DurableJobs) -> None:
    working = Working(real_jobs)
    tries: list[str] = []

    def later(_payload: JsonValue, context: Context) -> JsonValue:
        tries.append(context.job_id)
        if len(tries) == 1:
            raise TryLater(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1), "soon")
        if len(tries) == 2:
            raise StorageUnavailable("the store is away")
        return len(tries)

    working.handlers = {"later": later}
    with working:
        waited = real_jobs.enqueue(NewJob("later", "short", None))
        at_last = working.finished(waited)
        assert (at_last.result, at_last.run, at_last.failures) == (3, 2, 1)
        assert at_last.problem is None
        assert set(tries) == {waited.id}


@pytest.mark.slow
def test_a_running_job_is_cancelled_and_a_stopping_worker_hands_its_jobs_on(
    real_jobs: DurableJobs,
) -> None:
    working = Working(real_jobs)
    seen: list[str] = []
    begun = threading.Event()

    def endless(_payload: JsonValue, context: Context) -> JsonValue:
        begun.set()
        try:
            while True:
                context.check()
                threading.Event().wait(0.05)
        except JobCancelled:
            seen.append("cancelled")
            raise

    working.handlers = {"endless": endless}
    job = real_jobs.enqueue(NewJob("endless", "short", None))
    with working:
        assert begun.wait(10)
        assert real_jobs.cancel(job.id).state is JobState.CANCELLED
        while not seen:
            threading.Event().wait(0.05)
        begun.clear()
        other = real_jobs.enqueue(NewJob("endless", "short", None))
        assert begun.wait(10)
    assert working.ended == [True]
    handed_on = real_jobs.find(other.id)
    assert (handed_on.state, handed_on.run, handed_on.failures) == (JobState.WAITING, 1, 0)
    again = Working(real_jobs)
    again.handlers = {"endless": lambda _payload, _context: "ended"}
    with again:
        assert again.finished(other).result == "ended"


@pytest.mark.slow
def test_a_limited_queue_starts_no_more_than_its_rate(real_jobs: DurableJobs) -> None:
    started: list[float] = []
    working = Working(real_jobs)

    def note(_payload: JsonValue, _context: Context) -> JsonValue:
        started.append(dt.datetime.now(dt.UTC).timestamp())
        return None

    working.handlers = {"note": note}
    asked_for = [real_jobs.enqueue(NewJob("note", "limited", None)) for _ in range(4)]
    with working:
        for job in asked_for:
            working.finished(job)
    started.sort()
    for first, fourth in zip(started, started[3:], strict=False):
        # The engine counts from when it takes a job to when it takes the fourth one.
        assert fourth - first > 1.5


def test_a_dead_workers_runs_are_begun_again_by_a_living_one(
    real_jobs: DurableJobs, url: str
) -> None:
    clock = SystemClock()
    dead = Executors(real_jobs.database, clock, DEAD, lambda _name: None, dt.timedelta(seconds=60))
    assert dead.take_place("gone") == "gone-1"
    job = real_jobs.enqueue(NewJob("ok", "short", None))
    claim_as(real_jobs, "gone-1", f"{job.id}.0")
    living = Executors(
        real_jobs.database, clock, ALIVE, lambda name: name == DEAD, dt.timedelta(seconds=60)
    )
    assert list(real_jobs.client.begun()) == [(f"{job.id}.0", "short", "gone-1")]
    assert resume_orphans(real_jobs, living) == 1
    assert list(real_jobs.client.begun()) == []
    working = Working(real_jobs)
    working.handlers = {"ok": lambda _payload, _context: "done"}
    with working:
        assert working.finished(job).result == "done"


def claim_as(jobs: DurableJobs, executor_id: str, run_name: str) -> None:
    """As if that executor had taken the run from its queue, and died."""
    table = "workflow_status" if jobs.database.is_sqlite else f"{SCHEMA}.workflow_status"
    with jobs.database.writing() as connection:
        changed = connection.execute(
            sa.text(
                f"update {table} set status = 'PENDING', executor_id = :executor_id "
                "where workflow_uuid = :run_name"
            ),
            {"executor_id": executor_id, "run_name": run_name},
        )
    assert changed.rowcount == 1


def test_a_job_whose_run_was_given_up_is_asked_for_again(real_jobs: DurableJobs) -> None:
    job = real_jobs.enqueue(NewJob("ok", "short", None))
    real_jobs.client.cancel(f"{job.id}.0")
    clock = FixedClock(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=59))
    assert revive_stalled(real_jobs, clock) == 0
    clock.at += dt.timedelta(seconds=5)
    assert revive_stalled(real_jobs, clock) == 1
    assert revive_stalled(real_jobs, clock) == 0
    working = Working(real_jobs)
    working.handlers = {"ok": lambda _payload, _context: "done"}
    with working:
        assert working.finished(job).result == "done"


def test_a_database_that_is_no_database_is_an_error_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"this is no database, but a text that is long enough to be one" * 20)
    jobs = DurableJobs(JobsDatabase(f"sqlite:///{path}"), SystemClock(), os.urandom)
    with pytest.raises(JobsError):
        asked(jobs)
    jobs.close()
