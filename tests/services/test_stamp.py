# SPDX-License-Identifier: Apache-2.0
"""Trusted time for captures: tokens are got afterwards, judged in full, and never in the way."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archives import minted, new_archive, page, settings_at, stored_keys
from support.origin import Origin
from support.stamping import MOODS, TimeServer, bad_moods, trusting

from archive.model.claim import Finding, Report, Result, Status
from archive.services.context import Archive
from archive.services.stamp import make_all_due, pending, stamp, stamp_all
from archive.services.verify import verify_record
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
        MUNIMENT_TIMESTAMPING_CHECKPOINTS="never",
        MUNIMENT_TIMESTAMPING_TIMEOUT_SECONDS="1",
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


def answer(archive: Archive, name: str) -> tuple[Status, str]:
    report = verify_record(archive, name)  # type: ignore[arg-type]
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
