# SPDX-License-Identifier: Apache-2.0
"""`import` as a durable job: done by a worker, gone on with after a kill, put off when asked to."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.archives import audited, new_archive, page, tables
from support.origin import Origin, Reply, Wait, response
from support.remote import MementoArchive, http_date, too_many
from support.warcs import packed, shared, site, write
from support.working import worker_process, working

from archive.errors import InputError, MalformedTime, MalformedUrl
from archive.jobs.base import Job, JobState
from archive.services.context import Archive
from archive.services.jobs.requests import ask_for, find_job, wait_for
from archive.settings import Settings, load_settings

pytestmark = pytest.mark.both_databases

URL = "https://site.example/terms"
STAMPS = [f"2020010100{minute:02}00" for minute in range(12)]


@pytest.fixture
def environment(tmp_path: Path, database_setting: dict[str, str]) -> dict[str, str]:
    return {
        **database_setting,
        "MUNIMENT_DATA": str(tmp_path / "data"),
        "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
        "MUNIMENT_IMPORT_REQUESTS_PER_MINUTE": "60000",
        "MUNIMENT_JOBS_BEAT_SECONDS": "1",
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return load_settings(environment=environment)


@pytest.fixture
def other(origin: Origin) -> MementoArchive:
    made = MementoArchive(origin, URL)
    for stamp in STAMPS:
        whole = response(page(f"Words of {stamp}."), headers={"Memento-Datetime": http_date(stamp)})
        made.stamps.append(stamp)
        made.answer(stamp, Reply((Wait(0.05), whole)))
    return made


def done(archive: Archive, job: Job) -> Job:
    ended = wait_for(archive, job, 60)
    assert ended.is_finished, ended
    return ended


def test_a_file_and_the_same_again(archive: Archive, settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "given.warc.gz", packed(*site(4)))
    payload = {"path": str(path), "supplied_by": "A", "cite": ["https://site.example/page/2"]}
    with working(settings, archive):
        first = done(archive, ask_for(archive, "import", payload))
        again = done(archive, ask_for(archive, "import", payload))
    assert (first.state, again.state) == (JobState.DONE, JobState.DONE)
    assert (first.result["indexed"], len(first.result["minted"])) == (4, 1)
    assert (again.result["already"], len(again.result["cited_before"])) == (True, 1)


def test_a_bad_file_fails_with_its_reason(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    path = write(tmp_path / "bad.warc", b"nothing of the kind")
    with working(settings, archive):
        ended = done(archive, ask_for(archive, "import", {"path": str(path), "supplied_by": "A"}))
    assert ended.state is JobState.FAILED
    assert ended.problem is not None
    assert ended.problem.code == "INPUT_INVALID"


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({}, InputError),
        ({"path": "relative.warc", "supplied_by": "A"}, InputError),
        ({"path": "/a.warc"}, InputError),
        ({"path": "/a.warc", "supplied_by": "A\n"}, InputError),
        ({"path": "/a.warc", "supplied_by": "A", "timemap": "https://a.example/"}, InputError),
        ({"timemap": "no url"}, MalformedUrl),
        ({"timemap": "https://a.example/", "since": "03/04/2020"}, MalformedTime),
        ({"timemap": "https://a.example/", "cdx": "/x", "warcs": "https://a.example/"}, InputError),
        ({"cdx": "/index.cdx"}, InputError),
        ({"cdx": "/index.cdx", "warcs": "ftp://a.example/"}, MalformedUrl),
        ({"timemap": "https://a.example/", "cite": [1]}, InputError),
        ({"timemap": "https://a.example/", "cite": ["ftp://a.example/"]}, MalformedUrl),
        ({"timemap": "https://a.example/", "cite_all_pages": 1}, InputError),
        ({"timemap": "https://a.example/", "unknown": 1}, InputError),
    ],
)
def test_a_payload_that_cannot_be_run_is_refused_at_once(
    archive: Archive, payload: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask_for(archive, "import", payload)


@pytest.mark.slow
def test_a_server_that_wants_to_be_left_alone_puts_the_job_off(
    archive: Archive, settings: Settings, other: MementoArchive
) -> None:
    other.instead(STAMPS[3], too_many(3))
    with working(settings, archive):
        job = ask_for(archive, "import", {"timemap": other.timemap()})
        while find_job(archive, job.id).state is not JobState.WAITING:
            time.sleep(0.02)
        # What had come before is in, and its slot is free.
        assert len(tables(archive)["cdx"]) == 3
        ended = done(archive, job)
    assert (ended.state, ended.run) == (JobState.DONE, 1)
    assert (ended.result["in_before"], ended.result["taken"]) == (3, 9)
    assert [other.asked(stamp) for stamp in STAMPS] == [1] * 3 + [2] + [1] * 8


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[[], object]]:
    started = []

    def new() -> object:
        started.append(worker_process(environment))
        return started[-1]

    yield new
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_killed_worker_leaves_its_import_to_the_next(
    settings: Settings, other: MementoArchive, start: Callable[[], object], tmp_path: Path
) -> None:
    many = write(tmp_path / "many.warc.gz", shared(*site(3_000)))
    archive = new_archive(settings)
    try:
        jobs = [
            ask_for(archive, "import", {"timemap": other.timemap()}),
            ask_for(archive, "import", {"path": str(many), "supplied_by": "A"}),
        ]
        worker = start()
        while other.asked(STAMPS[5]) == 0:
            time.sleep(0.02)
        worker.send_signal(signal.SIGKILL)  # type: ignore[attr-defined]
        worker.wait()  # type: ignore[attr-defined]
        assert not any(find_job(archive, job.id).is_finished for job in jobs[:1])
        start()
        ended = [done(archive, job) for job in jobs]
        assert {job.state for job in ended} == {JobState.DONE}
        listed = tables(archive)["cdx"]
        assert len(listed) == len(STAMPS) + 3_000
        assert len({row[:2] for row in listed}) == len(listed)
        assert audited(archive).damages == []
    finally:
        archive.close()
