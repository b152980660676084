# SPDX-License-Identifier: Apache-2.0
"""What trusted time is good for: the interval of a record, and records of revoked keys."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archives import audited, failures, minted, page, published, settings_at
from support.notes import witness_key, witness_line
from support.origin import Origin, response
from support.stamping import TimeServer, query_of, trusting

from archive.bootstrap import Stand, init_archive, key_files
from archive.clock import FixedClock, parse_rfc3339
from archive.ids import RecordId
from archive.model.claim import Finding, Report, Result, Status
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.keyset import MANIFEST
from archive.services.acts.restrict import Wanted, restrict
from archive.services.keysets.amend import Amendment, amend
from archive.services.keysets.changes import revoked, with_quorum, with_witness
from archive.services.stamping.stamp import pending, stamp_all
from archive.services.trust import trusted_keyset
from archive.services.verifying.verify import verify_record

HOUR = dt.timedelta(hours=1)
LAST_SECOND = int(dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC).timestamp())


class Court:
    """An archive with a witness and an authority, whose clocks the test sets, each its own."""

    def __init__(self, folder: Path, server: TimeServer, origin: Origin) -> None:
        self.clock = FixedClock(dt.datetime.now(dt.UTC).replace(microsecond=0))
        self.witness_lag = dt.timedelta()
        self.witness_says = 0
        self.server = server
        self.origin = origin
        origin.page("/terms", page())
        origin.answer("/add-checkpoint", self._cosign)
        self.settings = settings_at(
            folder / "data",
            MUNIMENT_TIMESTAMPING_URLS=server.setting,
            MUNIMENT_LOG_WITNESSES=origin.url("/"),
        )
        self.archive, _ = init_archive(self.settings, Stand(self.clock))
        trusting(self.archive, self.settings, server)
        self.change(with_witness(witness_key(7)), with_quorum(1))
        published(self.archive)
        server.mood = self._stamp

    def _stamp(self, request: bytes) -> bytes:
        answer = self.server.made(at=self.clock.at)(request)
        assert isinstance(answer, bytes)
        return answer

    def _cosign(self, request: bytes) -> bytes:
        _, _, note = query_of(request).partition(b"\n\n")
        checkpoint = SignedCheckpoint.from_bytes(note).checkpoint
        at = self.witness_says or int((self.clock.at + self.witness_lag).timestamp())
        line = witness_line(checkpoint, 7, at).to_line()
        return response(line.encode(), content_type="text/plain")

    def change(self, *changes: object) -> None:
        amend(self.archive, key_files(self.settings), Amendment(changes))  # type: ignore[arg-type]

    def minted(self, *, is_stamped: bool = True) -> RecordId:
        """A capture an hour later, published half an hour after that, and stamped with it."""
        self.clock.at += HOUR
        record = minted(self.archive, self.origin.url("/terms"))
        self.clock.at += HOUR / 2
        published(self.archive)
        if is_stamped:
            stamp_all(self.archive, lambda: None)
        return record

    def report(self, record: RecordId, policy: str = "standard") -> Report:
        return verify_record(self.archive, record, policy)


@pytest.fixture
def court(tmp_path: Path, origin: Origin) -> Iterator[Court]:
    with TimeServer(tmp_path / "tsa") as server:
        court = Court(tmp_path, server, origin)
        yield court
        court.archive.close()


def one(report: Report, claim: str) -> Finding:
    [found] = [finding for finding in report.findings if finding.claim == claim]
    return found


def test_interval_is_between_the_checkpoint_it_names_and_the_first_proof_that_it_was_there(
    court: Court,
) -> None:
    court.minted()
    before = court.clock.at
    record = court.minted()
    report = court.report(record)
    assert one(report, "time.interval").status is Status.PASS
    assert report.time.not_before is not None
    assert report.time.not_after is not None
    assert report.claimed_time is not None
    assert parse_rfc3339(report.time.not_before) <= before
    claimed = parse_rfc3339(report.claimed_time)
    assert parse_rfc3339(report.time.not_before) < claimed <= parse_rfc3339(report.time.not_after)
    assert court.report(record, "court").required_failed == ()


def test_record_before_any_witnessed_checkpoint_has_no_lower_bound(
    tmp_path: Path, origin: Origin
) -> None:
    with TimeServer(tmp_path / "tsa") as server:
        settings = settings_at(tmp_path / "data", MUNIMENT_TIMESTAMPING_URLS=server.setting)
        archive, _ = init_archive(settings)
        try:
            trusting(archive, settings, server)
            origin.page("/terms", page())
            record = minted(archive, origin.url("/terms"))
            published(archive)
            stamp_all(archive, lambda: None)
            report = verify_record(archive, record, "court")
            assert one(report, "time.interval").code == "TIME_OPEN"
            assert report.time.not_before is None
            assert set(report.required_failed) >= {"time.interval", "log.witness"}
        finally:
            archive.close()


def test_witness_that_is_hours_ahead_contradicts_the_claimed_time(court: Court) -> None:
    court.witness_lag = 5 * HOUR
    court.minted()
    record = court.minted()
    assert ("time.interval", "TIME_CONTRADICTION") in failures(court.report(record))


@pytest.mark.parametrize("seconds", [1, LAST_SECOND, LAST_SECOND + 1, 2**63 - 1])
def test_witness_at_the_edge_of_time_is_judged_like_any_other(court: Court, seconds: int) -> None:
    court.witness_says = seconds
    records = [court.minted(), court.minted()]
    for record in records:
        report = court.report(record)
        assert report.result is not Result.MALFORMED
        is_told = seconds <= LAST_SECOND
        is_wrong = ("time.interval", "TIME_CONTRADICTION") in failures(report)
        assert is_wrong == (is_told and (seconds == 1 or record == records[1]))


@pytest.mark.parametrize("seconds", [10**12, 4 * 10**13, 10**15])
def test_token_whose_accuracy_leads_out_of_time_is_not_taken(court: Court, seconds: int) -> None:
    at = court.clock.at + 1.5 * HOUR
    court.server.mood = court.server.made(at=at, accuracy_seconds=seconds)
    record = court.minted()
    assert one(court.report(record), "ts.rfc3161").code == "TS_PENDING"
    assert [code for code, _ in pending(court.archive).codes] == ["TS_UNPARSEABLE"]
    assert audited(court.archive, "plain").damages == []


@pytest.mark.parametrize("is_same", [True, False])
def test_witness_that_came_back_later_gives_the_time_of_that_day_for_good(
    court: Court, *, is_same: bool
) -> None:
    court.origin.answer("/add-checkpoint", lambda _: response(b"away", status="503 Away"))
    record = court.minted(is_stamped=False)
    court.origin.answer("/add-checkpoint", court._cosign)
    if is_same:
        court.clock.at += HOUR
        published(court.archive)
    else:
        court.minted(is_stamped=False)
    back_at = court.clock.at
    for _ in range(3):
        court.clock.at += 100 * HOUR
        court.minted(is_stamped=False)
    not_after = court.report(record).time.not_after
    assert not_after is not None
    assert parse_rfc3339(not_after) <= back_at


def _signing_keyid(court: Court) -> str:
    keyset = trusted_keyset(court.archive)
    [keyid] = [keyid for keyid, key in keyset.keys.items() if key.role == MANIFEST]
    return keyid


def test_revoked_key_leaves_good_what_others_saw_before(court: Court) -> None:
    record = court.minted()
    since = court.clock.at + HOUR
    court.clock.at += 2 * HOUR
    court.change(revoked(_signing_keyid(court), since, "stolen"))
    published(court.archive)
    report = court.report(record)
    assert one(report, "key.valid_at_time").status is Status.PASS
    assert "signed before" in one(report, "key.valid_at_time").detail
    assert report.result is Result.VERIFIED


def test_revoked_key_leaves_good_what_was_told_of_the_record_before(court: Court) -> None:
    record = court.minted()
    restrict(court.archive, record, Wanted(None, "public", "asked for"), "operator")
    published(court.archive)
    stamp_all(court.archive, lambda: None)
    since = court.clock.at + HOUR
    court.clock.at += 2 * HOUR
    court.change(revoked(_signing_keyid(court), since, "stolen"))
    published(court.archive)
    assert one(court.report(record), "custody.chain").status is Status.PASS
    assert [d for d in audited(court.archive, "plain").damages if d.claim == "custody.chain"] == []


def test_revoked_key_spoils_what_others_saw_only_afterwards(court: Court) -> None:
    record = court.minted()
    court.clock.at += HOUR
    court.change(revoked(_signing_keyid(court), court.clock.at - 2 * HOUR, "stolen"))
    published(court.archive)
    assert failures(court.report(record)) == {("key.valid_at_time", "KEY_REVOKED")}


def test_revoked_key_spoils_what_nobody_saw(tmp_path: Path, origin: Origin) -> None:
    """No authority, no witness: the archive's own time never counts again."""
    settings = settings_at(tmp_path / "alone")
    archive, _ = init_archive(settings)
    try:
        origin.page("/terms", page())
        record = minted(archive, origin.url("/terms"))
        published(archive)
        keyset = trusted_keyset(archive)
        [keyid] = [keyid for keyid, key in keyset.keys.items() if key.role == MANIFEST]
        since = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=-1)
        amend(archive, key_files(settings), Amendment([revoked(keyid, since, "stolen")]))
        assert ("key.valid_at_time", "KEY_REVOKED_TIME_UNPROVEN") in failures(
            verify_record(archive, record)
        )
    finally:
        archive.close()
