# SPDX-License-Identifier: Apache-2.0
"""Trusted time through the log: a token over a checkpoint covers every capture below it."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archives import (
    audited,
    damaged,
    failures,
    flipped,
    minted,
    new_archive,
    page,
    rebuilt,
    settings_at,
    stored_file,
    stored_keys,
    tables,
)
from support.origin import Origin
from support.stamping import TimeServer, trusting

from archive.bootstrap import Stand, init_archive
from archive.clock import FixedClock
from archive.ids import RecordId
from archive.model.claim import Report, Status
from archive.services.context import Archive
from archive.services.log.publishing import publish_log
from archive.services.stamping.stamp import make_all_due, pending, stamp_all
from archive.services.verifying.report_text import report_text
from archive.services.verifying.verify import verify_record
from archive.settings import Settings


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TimeServer]:
    with TimeServer(tmp_path / "tsa") as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, server: TimeServer) -> Settings:
    return settings_at(
        tmp_path / "data",
        MUNIMENT_TIMESTAMPING_URLS=server.setting,
        MUNIMENT_TIMESTAMPING_ENVELOPES="off",
    )


@pytest.fixture
def archive(settings: Settings, server: TimeServer) -> Iterator[Archive]:
    archive = new_archive(settings)
    trusting(archive, settings, server)
    yield archive
    archive.close()


@pytest.fixture
def record(archive: Archive, origin: Origin) -> RecordId:
    origin.page("/terms", page())
    record = minted(archive, origin.url("/terms"))
    publish_log(archive)
    return record


def size_of(archive: Archive) -> str:
    newest = publish_log(archive)
    assert newest is not None
    return str(newest.head.size)


def interval(report: Report) -> tuple[Status, str]:
    [found] = [one for one in report.findings if one.claim == "time.interval"]
    return found.status, found.code


def test_token_over_a_checkpoint_gives_every_record_below_it_a_time(
    archive: Archive, settings: Settings, origin: Origin, record: RecordId
) -> None:
    other = minted(archive, origin.url("/terms"))
    size = size_of(archive)
    assert stamp_all(archive, lambda: None).done == [size]
    prefix = f"log/checkpoints/{size}/proofs/1/"
    assert stored_keys(settings, prefix) == [f"{prefix}own.tsr", f"{prefix}proofs.json"]
    for one in (record, other):
        report = verify_record(archive, one)
        assert report.time.not_after is not None
        assert report.time.not_before is None
        [source] = report.time.sources
        assert source["source"] == f"token of own over the checkpoint of {size} entries"
        assert interval(report) == (Status.UNKNOWN, "TIME_OPEN")
        words = f"By the word of others it was there by {report.time.not_after[:10]}"
        assert words in report_text(report, "")
        [token] = [f for f in report.findings if f.claim == "ts.rfc3161"]
        assert token.status is Status.NOT_APPLICABLE
    assert audited(archive).damages == []
    before = tables(archive)
    rebuilt(archive)
    assert tables(archive) == before


def test_record_behind_the_stamped_checkpoint_has_no_time_yet(
    archive: Archive, origin: Origin, record: RecordId
) -> None:
    stamp_all(archive, lambda: None)
    later = minted(archive, origin.url("/terms"))
    publish_log(archive)
    assert verify_record(archive, record).time.not_after is not None
    assert verify_record(archive, later).time.not_after is None
    assert pending(archive).due == 1
    stamp_all(archive, lambda: None)
    first = verify_record(archive, record).time
    assert verify_record(archive, later).time.not_after is not None
    assert len(first.sources) == 1, "the first checkpoint that covers it is enough"


def test_token_over_another_checkpoint_gives_no_time_and_is_named(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    size = size_of(archive)
    stamp_all(archive, lambda: None)
    place = stored_file(settings, f"log/checkpoints/{size}/proofs/1/own.tsr")
    with damaged(place, flipped(place.read_bytes(), 999)):
        assert verify_record(archive, record).time.not_after is None
        [damage] = audited(archive, "plain").damages
        assert damage.claim == "ts.rfc3161"
    with damaged(place, None):
        assert verify_record(archive, record).time.not_after is None
        [damage] = audited(archive, "plain").damages
        assert damage.code == "PROOFS_MALFORMED"


def test_checkpoints_are_stamped_as_often_as_the_settings_say(
    tmp_path: Path, server: TimeServer, origin: Origin
) -> None:
    settings = settings_at(
        tmp_path / "hourly",
        MUNIMENT_TIMESTAMPING_URLS=server.setting,
        MUNIMENT_TIMESTAMPING_ENVELOPES="off",
        MUNIMENT_TIMESTAMPING_CHECKPOINTS="hourly",
    )
    clock = FixedClock(dt.datetime.now(dt.UTC))
    archive, _ = init_archive(settings, Stand(clock))
    trusting(archive, settings, server)
    origin.page("/terms", page())
    done = []
    try:
        for minutes in (0, 20, 40, 65, 70):
            start = clock.at
            clock.at = start + dt.timedelta(minutes=minutes) if not done else start
            minted(archive, origin.url("/terms"))
            publish_log(archive)
            server.mood = server.made(at=clock.at)
            done.append(len(stamp_all(archive, lambda: None).done))
            clock.at = start + dt.timedelta(minutes=20)
    finally:
        archive.close()
    assert done == [1, 0, 0, 1, 0]


def test_time_that_others_contradict_fails(
    tmp_path: Path, server: TimeServer, origin: Origin
) -> None:
    """The archive's clock was an hour ahead when the capture was made, and was then set right."""
    settings = settings_at(tmp_path / "wrong", MUNIMENT_TIMESTAMPING_URLS=server.setting)
    clock = FixedClock(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    archive, _ = init_archive(settings, Stand(clock))
    trusting(archive, settings, server)
    origin.page("/terms", page())
    try:
        record = minted(archive, origin.url("/terms"))
        publish_log(archive)
        run = stamp_all(archive, lambda: None)
        assert {one.code for _, one in run.refusals} == {"TS_BEFORE_CAPTURE"}
        clock.at = dt.datetime.now(dt.UTC)
        make_all_due(archive)
        assert stamp_all(archive, lambda: None).done, "the checkpoint states no time of its own"
        assert failures(verify_record(archive, record)) == {("time.interval", "TIME_CONTRADICTION")}
    finally:
        archive.close()
