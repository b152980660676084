# SPDX-License-Identifier: Apache-2.0
"""What a worker does by itself: audits, the mirror, and signing what waits for a key."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.archives import minted, page, settings_at, stored_file, stored_keys
from support.origin import Origin
from support.working import working

from archive.bootstrap import open_archive
from archive.jobs.base import Job, JobState
from archive.proofs.log_layout import LATEST
from archive.services.context import Archive
from archive.services.custody import count_unsigned, custody_of, note_access
from archive.services.jobs.requests import ask_for, recent_jobs
from archive.settings import Settings

ENDED = (JobState.DONE, JobState.FAILED)


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def worked(settings: Settings, is_enough: Callable[[list[Job]], bool]) -> list[Job]:
    """The jobs that ended while a worker ran, which nobody asked for."""
    archive = open_archive(settings)
    try:
        with working(settings, archive):
            until(lambda: is_enough(recent_jobs(archive, ENDED, 10)))
        return recent_jobs(archive, ENDED, 10)
    finally:
        archive.close()


@pytest.fixture
def filled(archive: Archive, origin: Origin, settings: Settings) -> Settings:
    origin.page("/terms", page())
    minted(archive, origin.url("/terms"))
    return settings


def test_the_store_is_audited_and_mirrored_as_the_settings_say(
    filled: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = settings_at(
        filled.data,
        MUNIMENT_SCHEDULE_AUDIT="daily",
        MUNIMENT_SCHEDULE_AUDIT_LEVEL="full",
        MUNIMENT_SCHEDULE_MIRROR="weekly",
        MUNIMENT_MIRROR_URL=f"file:{tmp_path}/second",
        MUNIMENT_JOBS_BEAT_SECONDS="1",
    )
    jobs = worked(wanted, lambda found: len(found) == 2)
    results = {job.kind: job.result for job in jobs}
    assert (results["audit"]["exit_code"], results["audit"]["records"]) == (0, 1)
    assert results["mirror"]["is_complete"] is True
    assert results["mirror"]["copied"] == len(set(stored_keys(filled)) - {LATEST})
    assert "not sound" not in caplog.text


def test_damage_that_a_scheduled_audit_finds_is_an_error_in_the_log(
    filled: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    [statement] = [key for key in stored_keys(filled, "captures/") if "/statement." in key]
    path = stored_file(filled, statement)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])
    wanted = settings_at(filled.data, MUNIMENT_SCHEDULE_AUDIT="daily")
    [job] = worked(wanted, lambda found: len(found) == 1)
    assert job.result["exit_code"] == 1
    assert [item.levelname for item in caplog.records if "not sound" in item.message] == ["ERROR"]


def test_a_schedule_that_was_taken_back_is_over(filled: Settings) -> None:
    on = settings_at(filled.data, MUNIMENT_SCHEDULE_AUDIT="daily")
    assert len(worked(on, lambda found: len(found) == 1)) == 1
    archive = open_archive(filled)
    with working(filled, archive):
        time.sleep(0.2)
    archive.jobs.unschedule("something else")
    assert archive.jobs.ask_for_due() == 0  # type: ignore[attr-defined]
    archive.close()


def test_custody_events_are_signed_by_the_worker(
    archive: Archive, origin: Origin, settings: Settings
) -> None:
    origin.page("/sealed", page())
    record = minted(archive, origin.url("/sealed"))
    assert note_access(archive, record, "aaaa")
    assert count_unsigned(archive) > 0
    hasty = settings_at(settings.data, MUNIMENT_JOBS_BEAT_SECONDS="1")
    with working(hasty, archive):
        until(lambda: count_unsigned(archive) == 0)
    told = [(item.event, item.actor) for item in custody_of(archive, record).events]
    assert told == [("capture", "archive"), ("access", "key:aaaa")]


def test_no_more_captures_are_started_in_a_minute_than_the_settings_say(
    archive: Archive, origin: Origin, settings: Settings
) -> None:
    for number in range(5):
        origin.page(f"/{number}", page(f"Page {number}."))
        ask_for(archive, "capture", {"url": origin.url(f"/{number}")})
    slow = settings_at(settings.data, MUNIMENT_JOBS_CAPTURES_PER_MINUTE="2")
    with working(slow, archive):
        until(lambda: len(recent_jobs(archive, ENDED, 10)) == 2)
        time.sleep(2)
        assert len(recent_jobs(archive, ENDED, 10)) == 2
    with working(settings, archive):
        until(lambda: len(recent_jobs(archive, ENDED, 10)) == 5)
