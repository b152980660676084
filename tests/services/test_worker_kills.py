# SPDX-License-Identifier: Apache-2.0
"""`muniment worker` is told to stop, or killed in the middle: no job is lost, none done twice."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import audited, new_archive, page, tables
from support.origin import Origin, Stall, Wait, response
from support.postgres import Server
from support.working import worker_process

from archive.bootstrap import open_archive
from archive.catalog.tables import ops_reservation
from archive.jobs.base import Job, JobState
from archive.services.context import Archive
from archive.services.jobs.requests import ask_for, find_job
from archive.settings import load_settings

COUNT = 40
GRACE_SECONDS = 5

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture(params=["sqlite", "postgresql"])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    found = {
        "MUNIMENT_DATA": str(tmp_path / "data"),
        "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
        "MUNIMENT_JOBS_BEAT_SECONDS": "1",
        "MUNIMENT_JOBS_GRACE_SECONDS": str(GRACE_SECONDS),
        "MUNIMENT_JOBS_SLOTS": "8",
    }
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        # The catalogue's database, and that of the jobs as well.
        found["MUNIMENT_DATABASE_URL"] = server.new_database()
    return found


@pytest.fixture
def asked(environment: dict[str, str]) -> Iterator[Archive]:
    archive = new_archive(load_settings(environment=environment))
    yield archive
    archive.close()


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def new() -> "subprocess.Popen[str]":
        started.append(worker_process(environment))
        return started[-1]

    yield new
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def site() -> Iterator[Origin]:
    with Origin() as origin:
        for number in range(COUNT):
            origin.add(
                f"/{number}",
                Wait(0.15),
                response(page(f"This is page number {number}.")),
                keep_alive=True,
            )
        yield origin


def wait_until(is_so: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def captures(archive: Archive) -> int:
    return len(tables(archive)["capture"])


def assert_each_once(environment: dict[str, str], jobs: list[Job], site: Origin) -> None:
    archive = open_archive(load_settings(environment=environment))
    try:
        found = [find_job(archive, job.id) for job in jobs]
        assert {job.state for job in found} == {JobState.DONE}
        ids = [job.result["record"]["id"] for job in found]
        assert len(set(ids)) == len(jobs)
        listed = tables(archive)["capture"]
        assert sorted(row[1] for row in listed) == sorted(ids)
        assert sorted(row[2] for row in listed) == sorted(site.url(f"/{n}") for n in range(COUNT))
        with archive.database.reading() as connection:
            is_open = ops_reservation.c.is_void == 0
            assert list(connection.execute(sa.select(ops_reservation).where(is_open))) == []
        assert audited(archive).exit_code == 0
    finally:
        archive.close()


def all_done(archive: Archive, jobs: list[Job]) -> bool:
    return all(find_job(archive, job.id).is_finished for job in jobs)


@pytest.mark.slow
def test_a_killed_workers_jobs_are_gone_on_with_by_the_next_one(
    asked: Archive, start: Start, site: Origin, environment: dict[str, str]
) -> None:
    jobs = [ask_for(asked, "capture", {"url": site.url(f"/{n}")}) for n in range(COUNT)]
    for done in (4, 16):
        worker = start()
        wait_until(lambda done=done: captures(asked) >= done)  # type: ignore[misc]
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert not all_done(asked, jobs)
    start()
    wait_until(lambda: all_done(asked, jobs))
    assert_each_once(environment, jobs, site)


def test_a_killed_workers_jobs_are_taken_by_one_that_lives(
    asked: Archive, start: Start, site: Origin, environment: dict[str, str]
) -> None:
    jobs = [ask_for(asked, "capture", {"url": site.url(f"/{n}")}) for n in range(COUNT)]
    first, _second = start(), start()
    wait_until(lambda: captures(asked) >= 10)
    first.send_signal(signal.SIGKILL)
    wait_until(lambda: all_done(asked, jobs))
    assert_each_once(environment, jobs, site)


def test_a_killed_batch_goes_on_where_it_was(
    asked: Archive, start: Start, site: Origin, environment: dict[str, str]
) -> None:
    urls = [site.url(f"/{number}") for number in range(COUNT)]
    job = ask_for(asked, "capture-batch", {"urls": urls})
    worker = start()
    wait_until(lambda: captures(asked) >= 10)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    before = captures(asked)
    assert before < COUNT
    start()
    wait_until(lambda: all_done(asked, [job]))
    found = find_job(asked, job.id)
    assert found.result["captured"] == COUNT
    assert [item["url"] for item in found.result["items"]] == urls
    assert len({item["id"] for item in found.result["items"]}) == COUNT
    assert captures(asked) == COUNT
    assert len(site.requests) < COUNT + 20


@pytest.mark.slow
def test_a_worker_that_is_told_to_end_finishes_its_group_and_exits_0(
    asked: Archive, start: Start, site: Origin, environment: dict[str, str]
) -> None:
    jobs = [ask_for(asked, "capture", {"url": site.url(f"/{n}")}) for n in range(COUNT)]
    worker = start()
    wait_until(lambda: captures(asked) >= 4)
    worker.send_signal(signal.SIGTERM)
    began = time.monotonic()
    output, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    assert time.monotonic() - began < GRACE_SECONDS + 10
    assert output == ""
    assert "Traceback" not in errors
    assert "dbos" not in errors.lower()
    # What had begun has its record, and the job knows it.
    done = [job for job in jobs if find_job(asked, job.id).state is JobState.DONE]
    assert len(done) == captures(asked) < COUNT
    start()
    wait_until(lambda: all_done(asked, jobs))
    assert_each_once(environment, jobs, site)


@pytest.mark.slow
def test_a_worker_with_a_job_that_does_not_end_still_ends(
    asked: Archive, start: Start, site: Origin, environment: dict[str, str]
) -> None:
    site.add("/stalls", Stall())
    job = ask_for(asked, "capture", {"url": site.url("/stalls")})
    worker = start()
    wait_until(lambda: bool(site.requests_for("/stalls")))
    worker.send_signal(signal.SIGTERM)
    began = time.monotonic()
    _, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    assert time.monotonic() - began < GRACE_SECONDS + 10
    assert not find_job(asked, job.id).is_finished
    site.page("/stalls", page("It no longer stalls."))
    start()
    wait_until(lambda: all_done(asked, [job]))
    assert find_job(asked, job.id).result["record"]["outcome"] == "ok"
