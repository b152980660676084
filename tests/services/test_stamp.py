# SPDX-License-Identifier: Apache-2.0
"""Trusted time for captures: tokens are got afterwards, judged in full, and never in the way."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import (
    damaged,
    minted,
    new_archive,
    page,
    settings_at,
    stored_file,
    stored_keys,
)
from support.authorities import Revoked, now
from support.origin import Origin
from support.stamping import MOODS, TimeServer, bad_moods, trusting
from support.working import working

from archive.bootstrap import open_archive
from archive.catalog import sequence, stamps
from archive.catalog.tables import ops_stamp, time_token
from archive.catalog.time_tokens import tokens_of
from archive.clock import rfc3339
from archive.errors import SettingsError
from archive.ids import RecordId
from archive.jobs.base import JobState
from archive.model.claim import Finding, Report, Result, Status
from archive.services.context import Archive
from archive.services.jobs.requests import ask_for, wait_for
from archive.services.ownership import NOBODY, this_process
from archive.services.stamping.stamp import make_all_due, pending, stamp, stamp_all
from archive.services.upkeep.mirror import mirror
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.storage.open import open_store


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TimeServer]:
    with TimeServer(tmp_path / "tsa") as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, server: TimeServer) -> Settings:
    return settings_at(
        tmp_path / "data",
        MUNIMENT_TIMESTAMPING_URLS=server.setting,
        MUNIMENT_TIMESTAMPING_CHECKPOINTS="never",
        MUNIMENT_TIMESTAMPING_TIMEOUT_SECONDS="1",
        MUNIMENT_JOBS_BEAT_SECONDS="1",
    )


@pytest.fixture
def archive(settings: Settings, server: TimeServer) -> Iterator[Archive]:
    archive = new_archive(settings)
    trusting(archive, settings, server)
    yield archive
    archive.close()


@pytest.fixture
def url(origin: Origin) -> str:
    origin.page("/terms", page())
    return origin.url("/terms")


def findings(report: Report, claim: str) -> list[Finding]:
    return [found for found in report.findings if found.claim == claim]


def answer(archive: Archive, name: RecordId) -> tuple[Status, str]:
    report = verify_record(archive, name)
    [found] = findings(report, "ts.rfc3161")
    return found.status, found.code


def nothing() -> None:
    pass


def test_capture_is_pending_until_it_is_stamped_and_verified_then(
    archive: Archive, server: TimeServer, url: str
) -> None:
    record = minted(archive, url)
    report = verify_record(archive, record)
    assert report.result is Result.INCOMPLETE
    assert report.required_failed == ("ts.rfc3161",)
    assert answer(archive, record) == (Status.UNKNOWN, "TS_PENDING")
    assert server.asked == 0, "ingest asks nobody"
    run = stamp_all(archive, nothing)
    assert (run.done, run.tokens, run.refusals) == ([str(record)], 1, [])
    report = verify_record(archive, record)
    assert report.result is Result.VERIFIED
    [found] = findings(report, "ts.rfc3161")
    assert (found.status, found.target) == (Status.PASS, "token:1/own")


def test_batch_lies_whole_beside_the_capture(
    archive: Archive, settings: Settings, url: str
) -> None:
    record = minted(archive, url)
    stamp_all(archive, nothing)
    prefix = f"captures/{record}/proofs/"
    assert stored_keys(settings, prefix) == [f"{prefix}1/own.tsr", f"{prefix}1/proofs.json"]
    listing = json.loads(archive.store.get(f"{prefix}1/proofs.json"))
    assert listing["role"] == "stamp"
    assert listing["over"]["file"].startswith("statement.")


@pytest.mark.parametrize("mood", MOODS)
def test_ingest_goes_on_whatever_the_authority_does_and_the_reason_is_kept(
    archive: Archive, server: TimeServer, url: str, mood: str
) -> None:
    server.mood, code = bad_moods(server)[mood]
    record = minted(archive, url)
    run = stamp_all(archive, nothing)
    assert (run.done, run.tokens) == ([], 0)
    assert {one.code for _, one in run.refusals} == {code}
    assert pending(archive).codes == ((code, 1),)
    assert answer(archive, record) == (Status.UNKNOWN, "TS_PENDING")
    assert stamp_all(archive, nothing).refusals == [], "it waits before the next try"
    server.mood = server.good
    make_all_due(archive)
    assert stamp_all(archive, nothing).done == [str(record)]
    assert answer(archive, record) == (Status.PASS, "")
    assert pending(archive).due == 0


def test_stamping_one_record_by_name(archive: Archive, server: TimeServer, url: str) -> None:
    records = [minted(archive, url) for _ in range(3)]
    run = stamp(archive, [str(records[1])])
    assert run.done == [str(records[1])]
    assert server.asked == 1
    assert answer(archive, records[1]) == (Status.PASS, "")
    assert stamp(archive, [str(records[1])]).tokens == 0, "it has what was wanted"
    assert sorted(stamp_all(archive, nothing).done) == sorted(
        str(one) for one in (records[0], records[2])
    )


def test_worker_stamps_by_itself(
    archive: Archive, settings: Settings, server: TimeServer, url: str
) -> None:
    record = minted(archive, url)
    with working(settings, archive):
        for _ in range(200):
            if answer(archive, record)[0] is Status.PASS:
                break
            time.sleep(0.1)
    assert answer(archive, record) == (Status.PASS, "")
    assert server.asked == 1


def test_job_stamps_when_it_is_asked_for(
    archive: Archive, settings: Settings, server: TimeServer, url: str
) -> None:
    record = minted(archive, url)
    with working(settings, archive):
        job = wait_for(archive, ask_for(archive, "stamp", {}), 30.0)
    assert job.state is JobState.DONE
    assert answer(archive, record) == (Status.PASS, "")
    assert server.asked == 1, "the worker and its job never ask for the same twice"


def test_next_authority_is_asked_when_one_refuses(
    tmp_path: Path, server: TimeServer, url: str
) -> None:
    with TimeServer(tmp_path / "second", "second") as second:
        settings = settings_at(
            tmp_path / "two",
            MUNIMENT_TIMESTAMPING_URLS=f"{server.setting} {second.setting}",
            MUNIMENT_TIMESTAMPING_CHECKPOINTS="never",
            MUNIMENT_TIMESTAMPING_TIMEOUT_SECONDS="1",
        )
        archive = new_archive(settings)
        try:
            trusting(archive, settings, server, second)
            server.mood, _ = bad_moods(server)["rejects"]
            record = minted(archive, url)
            run = stamp_all(archive, nothing)
            assert run.done == [str(record)]
            assert [one.authority for _, one in run.refusals] == ["own"]
            report = verify_record(archive, record)
            [found] = findings(report, "ts.rfc3161")
            assert (found.target, found.status) == ("token:1/second", Status.PASS)
        finally:
            archive.close()


def test_tokens_of_two_authorities_are_batches_of_their_own_rounds(
    tmp_path: Path, server: TimeServer, url: str
) -> None:
    with TimeServer(tmp_path / "second", "second") as second:
        settings = settings_at(
            tmp_path / "two",
            MUNIMENT_TIMESTAMPING_URLS=f"{server.setting} {second.setting}",
            MUNIMENT_TIMESTAMPING_CHECKPOINTS="never",
            MUNIMENT_TIMESTAMPING_TOKENS="2",
            MUNIMENT_TIMESTAMPING_TIMEOUT_SECONDS="1",
        )
        archive = new_archive(settings)
        try:
            trusting(archive, settings, server, second)
            second.mood, _ = bad_moods(server)["down"]
            record = minted(archive, url)
            assert stamp_all(archive, nothing).tokens == 1
            report = verify_record(archive, record)
            assert [(f.target, f.code) for f in findings(report, "ts.rfc3161")] == [
                ("token:1/own", ""),
                ("tokens", "TS_PENDING"),
            ]
            assert report.required_failed == ("ts.rfc3161",)
            second.mood = second.good
            make_all_due(archive)
            assert stamp_all(archive, nothing).tokens == 1
            report = verify_record(archive, record)
            assert [(f.target, f.code) for f in findings(report, "ts.rfc3161")] == [
                ("token:1/own", ""),
                ("token:2/second", ""),
            ]
            assert server.asked == 1
        finally:
            archive.close()


def test_silent_authority_is_left_alone_after_three_tries(
    archive: Archive, server: TimeServer, url: str
) -> None:
    server.mood, _ = bad_moods(server)["down"]
    for _ in range(6):
        minted(archive, url)
    run = stamp_all(archive, nothing)
    assert server.asked == 3
    assert len(run.refusals) == 3
    assert pending(archive).due == 6


def test_capture_that_is_still_reserved_is_not_passed_over(archive: Archive, url: str) -> None:
    """A number that was handed out first may be written last."""
    with archive.database.appending() as connection:
        [first] = sequence.reserve(connection, "C", 1, this_process(), rfc3339(archive.clock.now()))
    record = minted(archive, url)
    assert first < record.number
    assert stamp_all(archive, nothing).done == [], "it waits for the number before it"
    with archive.database.appending() as connection:
        sequence.void(connection, "C", first)
    assert stamp_all(archive, nothing).done == [str(record)]


def test_token_that_was_stored_before_a_crash_is_taken_in_and_not_asked_for_again(
    archive: Archive, server: TimeServer, url: str
) -> None:
    record = minted(archive, url)
    stamp_all(archive, nothing)
    with archive.database.writing() as connection:
        connection.execute(sa.delete(time_token))
    stamp(archive, [str(record)])
    assert server.asked == 1
    with archive.database.reading() as connection:
        assert len(tokens_of(connection, str(record))) == 1


def test_claim_of_a_process_that_died_is_taken_over(archive: Archive, url: str) -> None:
    record = minted(archive, url)
    assert pending(archive).due == 1
    now = rfc3339(archive.clock.now())
    with archive.database.writing() as connection:
        [due] = stamps.next_due(connection, now, 10)
        assert stamps.claim(connection, due, this_process(), now)
    assert stamp_all(archive, nothing).done == [], "it is in this process's hands"
    with archive.database.writing() as connection:
        connection.execute(sa.update(ops_stamp).values(owner=NOBODY))
    assert stamp_all(archive, nothing).done == [str(record)]


def test_authority_that_the_keyset_does_not_list_is_never_asked(
    tmp_path: Path, server: TimeServer, url: str
) -> None:
    settings = settings_at(tmp_path / "none", MUNIMENT_TIMESTAMPING_URLS=server.setting)
    archive = new_archive(settings)
    try:
        record = minted(archive, url)
        run = stamp(archive, [str(record)])
        assert [one.code for _, one in run.refusals] == ["TS_AUTHORITY_UNKNOWN"]
        assert server.asked == 0
        assert answer(archive, record) == (Status.NOT_APPLICABLE, "")
    finally:
        archive.close()


def test_without_an_authority_in_the_settings_stamping_says_so(tmp_path: Path) -> None:
    archive = new_archive(settings_at(tmp_path / "none"))
    try:
        with pytest.raises(SettingsError, match=r"timestamping\.urls"):
            stamp_all(archive, nothing)
        assert pending(archive).due == 0
    finally:
        archive.close()


def test_lists_of_the_authority_are_kept_and_a_revoked_one_gives_nothing(
    tmp_path: Path, url: str
) -> None:
    with TimeServer(tmp_path / "listed", "listed", has_lists=True) as server:
        settings = settings_at(
            tmp_path / "lists",
            MUNIMENT_TIMESTAMPING_URLS=server.setting,
            MUNIMENT_TIMESTAMPING_CHECKPOINTS="never",
        )
        archive = new_archive(settings)
        try:
            trusting(archive, settings, server)
            record = minted(archive, url)
            stamp_all(archive, nothing)
            [found] = findings(verify_record(archive, record), "ts.rfc3161")
            assert "not revoked by 1 list" in found.detail
            server.revoked.append(Revoked(server.signer, now()))
            other = minted(archive, url)
            archive.close()
            archive = open_archive(settings)
            run = stamp_all(archive, nothing)
            assert [one.code for _, one in run.refusals] == ["TS_REVOKED"]
            assert answer(archive, other) == (Status.UNKNOWN, "TS_PENDING")
            assert answer(archive, record) == (Status.PASS, ""), "it was good when it was made"
        finally:
            archive.close()


def test_token_whose_list_cannot_be_had_is_not_taken(tmp_path: Path, url: str) -> None:
    with TimeServer(tmp_path / "listed", "listed", has_lists=True) as server:
        settings = settings_at(
            tmp_path / "lists",
            MUNIMENT_TIMESTAMPING_URLS=server.setting,
            MUNIMENT_TIMESTAMPING_CHECKPOINTS="never",
        )
        archive = new_archive(settings)
        try:
            trusting(archive, settings, server)
            server.origin.page("/own.crl", b"gone", status="404 Not Found")
            record = minted(archive, url)
            run = stamp_all(archive, nothing)
            assert [one.code for _, one in run.refusals] == ["TS_REVOCATION_UNKNOWN"]
            assert answer(archive, record) == (Status.UNKNOWN, "TS_PENDING")
        finally:
            archive.close()


def test_mirror_has_whole_batches(
    archive: Archive, settings: Settings, tmp_path: Path, url: str
) -> None:
    record = minted(archive, url)
    stamp_all(archive, nothing)
    target = open_store(f"file:{tmp_path / 'mirror'}")
    place = stored_file(settings, f"captures/{record}/proofs/1/own.tsr")
    with damaged(place, None):
        mirror(archive.store, target, lambda _done, _total: None)
        keys = [item.key for item in target.list(f"captures/{record}/proofs/")]
        assert keys == [], "no listing without what it lists"
    assert mirror(archive.store, target, lambda _done, _total: None).is_complete
    assert len(list(target.list(f"captures/{record}/proofs/"))) == 2
