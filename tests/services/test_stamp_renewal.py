# SPDX-License-Identifier: Apache-2.0
"""Renewal: a record that is looked after stays proven for decades, and one that is not says so.

The tokens of later years are made by hand, for no real authority gives one of tomorrow.
"""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from support.archives import (
    audited,
    damaged,
    failures,
    flipped,
    minted,
    page,
    rebuilt,
    settings_at,
    stored_file,
    tables,
)
from support.authorities import Holder, Revoked, Wish, crl, issued, now
from support.origin import Origin
from support.stamping import TimeServer, trusting

from archive import canonical
from archive.bootstrap import Stand, init_archive, open_archive
from archive.clock import FixedClock, rfc3339
from archive.digests import sha256_hex
from archive.ids import RecordId
from archive.model.claim import Report, Result, Status
from archive.services.stamping.stamp import pending, stamp, stamp_all
from archive.services.verifying.verify import verify_record
from archive.storage.layout import blob_key

YEAR = dt.timedelta(days=365)


class Decades:
    """An archive whose clock the test moves, and an authority that keeps step with it."""

    def __init__(self, folder: Path, server: TimeServer) -> None:
        self.start = now()
        self.clock = FixedClock(self.start)
        self.server = server
        self.settings = settings_at(
            folder / "data",
            MUNIMENT_TIMESTAMPING_URLS=server.setting,
            MUNIMENT_TIMESTAMPING_CHECKPOINTS="never",
        )
        self.archive, _ = init_archive(self.settings, Stand(self.clock))
        trusting(self.archive, self.settings, server)

    def signer(self, first: float, last: float) -> Holder:
        """A signer whose certificate is valid from one year to another, counted from the start."""
        return issued(
            Wish(
                f"signer {first}",
                for_timestamps=True,
                valid_from=self.start + first * YEAR,
                valid_until=self.start + last * YEAR,
            ),
            self.server.root,
        )

    def at(self, years: float, signer: Holder | None = None) -> None:
        """Go to that year; the authority signs with this one from then on."""
        self.clock.at = self.start + years * YEAR
        if signer is not None:
            self.server.mood = self.server.made(signer, at=self.clock.at)

    def envelope(self, record: RecordId) -> Path:
        folder = stored_file(self.settings, f"captures/{record}")
        return next(folder.glob("statement.*"))

    def stamped(self) -> list[str]:
        return stamp_all(self.archive, lambda: None).done

    def report(self, record: RecordId) -> Report:
        return verify_record(self.archive, record)


@pytest.fixture
def decades(tmp_path: Path) -> Iterator[Decades]:
    with TimeServer(tmp_path / "tsa") as server:
        decades = Decades(tmp_path, server)
        yield decades
        decades.archive.close()


@pytest.fixture
def record(decades: Decades, origin: Origin) -> RecordId:
    origin.page("/terms", page())
    record = minted(decades.archive, origin.url("/terms"))
    decades.at(0, decades.signer(-0.1, 1))
    assert decades.stamped() == [str(record)]
    return record


def found(report: Report, claim: str) -> list[tuple[str, Status, str]]:
    return [(f.target, f.status, f.code) for f in report.findings if f.claim == claim]


def test_twenty_years_ahead_a_renewed_record_verifies(decades: Decades, record: RecordId) -> None:
    for first, last in ((0.9, 9), (8.8, 17), (16.9, 30)):
        decades.at(first, decades.signer(first - 0.1, last))
        assert decades.stamped() == [str(record)], first
    decades.at(20)
    report = decades.report(record)
    assert report.result is Result.VERIFIED
    assert found(report, "ts.rfc3161") == [
        (f"token:{batch}/own", Status.PASS, "") for batch in (1, 2, 3, 4)
    ]
    assert found(report, "ts.renewal") == [
        (f"renewal:{batch}", Status.PASS, "") for batch in (2, 3, 4)
    ]
    assert audited(decades.archive).exit_code == 0
    before = tables(decades.archive)["time_token"]
    rebuilt(decades.archive)
    assert tables(decades.archive)["time_token"] == before


def test_twenty_years_ahead_a_record_that_nobody_renewed_says_what_it_proves(
    decades: Decades, record: RecordId
) -> None:
    decades.at(20)
    report = decades.report(record)
    assert report.result is Result.VERIFIED
    assert found(report, "ts.rfc3161") == [("token:1/own", Status.PASS, "TS_RENEWAL_DUE")]
    [warning] = [f for f in report.findings if f.code == "TS_RENEWAL_DUE"]
    assert f"ended on {decades.start + YEAR:%Y-%m-%d}: renew it" in warning.detail
    assert found(report, "ts.renewal") == [("renewals", Status.NOT_APPLICABLE, "")]


def test_nothing_is_renewed_before_its_time(decades: Decades, record: RecordId) -> None:
    decades.at(0.5)
    assert pending(decades.archive).due == 0
    assert decades.stamped() == []
    decades.at(0.55)
    assert pending(decades.archive).due == 1
    [token] = found(decades.report(record), "ts.rfc3161")
    assert token == ("token:1/own", Status.PASS, "TS_RENEWAL_DUE")


def test_renewal_is_a_token_over_both_digests_of_everything(
    decades: Decades, record: RecordId
) -> None:
    decades.at(0.9, decades.signer(0.8, 9))
    decades.stamped()
    folder = f"captures/{record}/proofs/2"
    listing = json.loads(decades.archive.store.get(f"{folder}/proofs.json"))
    assert (listing["role"], listing["over"]["file"]) == ("renewal", "renewal.json")
    renewal = json.loads(decades.archive.store.get(f"{folder}/renewal.json"))
    names = [file["key"].rpartition("/")[2].partition(".")[0] for file in renewal["files"]]
    assert {"proofs", "own", "inventory", "statement"} < set(names)
    assert {len(file["sha512"]) for file in renewal["files"]} == {128}


def test_authority_whose_certificate_ends_no_later_renews_nothing(
    decades: Decades, record: RecordId
) -> None:
    decades.at(0.9, decades.signer(-0.1, 1))
    run = stamp_all(decades.archive, lambda: None)
    assert (run.done, [one.code for _, one in run.refusals]) == ([], ["TS_RENEWAL_DUE"])
    assert pending(decades.archive).codes == (("TS_RENEWAL_DUE", 1),)


def test_renewal_may_be_asked_for_at_any_time(decades: Decades, record: RecordId) -> None:
    decades.at(0.1, decades.signer(0, 9))
    assert stamp(decades.archive, [str(record)], "renewal").done == [str(record)]
    assert found(decades.report(record), "ts.renewal") == [("renewal:2", Status.PASS, "")]


def test_renewal_that_came_too_late_proves_no_unbroken_chain(
    decades: Decades, record: RecordId
) -> None:
    decades.at(3, decades.signer(2.9, 9))
    decades.stamped()
    report = decades.report(record)
    assert found(report, "ts.renewal") == [("renewal:2", Status.UNKNOWN, "RENEWAL_LATE")]
    assert report.result is Result.VERIFIED, "the first token holds by itself"


def test_token_that_no_later_renewal_covers_breaks_the_chain(
    decades: Decades, record: RecordId
) -> None:
    """Somebody puts a batch between two, so that it looks as if it were renewed."""
    decades.at(0.9, decades.signer(0.8, 9))
    decades.stamped()
    second = stored_file(decades.settings, f"captures/{record}/proofs/2")
    second.rename(second.with_name("3"))
    second.mkdir()
    decades.at(0.5, decades.signer(0.1, 2))
    envelope = decades.envelope(record)
    answer = decades.server.token(envelope.read_bytes())
    (second / "own.tsr").write_bytes(answer)
    first = stored_file(decades.settings, f"captures/{record}/proofs/1/proofs.json")
    listing = json.loads(first.read_bytes())
    [row] = listing["files"]
    row |= {"sha256": sha256_hex(answer), "gen_time": rfc3339(decades.clock.at)}
    (second / "proofs.json").write_bytes(canonical.dumps(listing))
    decades.at(0.95)
    report = decades.report(record)
    assert {status for _, status, _ in found(report, "ts.rfc3161")} == {Status.PASS}
    assert found(report, "ts.renewal") == [("renewal:3", Status.FAIL, "RENEWAL_BROKEN")]


def test_renewal_speaks_for_the_tokens_that_it_lists_alone(
    decades: Decades, origin: Origin
) -> None:
    """Both keys are lost after the renewal; one token is listed in it, one was made up later."""
    origin.page("/terms", page())
    record = minted(decades.archive, origin.url("/terms"))
    first, lost = decades.signer(-0.1, 1), decades.signer(0.1, 2)
    decades.at(0, first)
    decades.stamped()
    decades.at(0.9, decades.signer(0.8, 9))
    decades.stamped()
    second = stored_file(decades.settings, f"captures/{record}/proofs/2")
    second.rename(second.with_name("3"))
    second.mkdir()
    decades.at(0.5, lost)
    answer = decades.server.token(decades.envelope(record).read_bytes())
    (second / "own.tsr").write_bytes(answer)
    since = decades.start + 0.93 * YEAR
    revoked = [Revoked(one, since, x509.ReasonFlags.key_compromise) for one in (first, lost)]
    data = crl(decades.server.root, *revoked, made_at=since)
    decades.archive.store.put(blob_key(sha256_hex(data)), data)
    listing = json.loads(second.with_name("1").joinpath("proofs.json").read_bytes())
    [row] = listing["files"]
    row |= {"sha256": sha256_hex(answer), "gen_time": rfc3339(decades.clock.at)}
    of_list = {"file": "own.1.crl", "role": "crl", "sha256": sha256_hex(data), "gen_time": None}
    listing["files"] = [row | of_list, row]
    (second / "proofs.json").write_bytes(canonical.dumps(listing))
    decades.at(0.95)
    assert found(decades.report(record), "ts.rfc3161") == [
        ("token:1/own", Status.PASS, ""),
        ("token:2/own", Status.FAIL, "TS_REVOKED"),
        ("token:3/own", Status.PASS, ""),
    ]


def test_container_that_was_altered_is_one_root_cause(decades: Decades, record: RecordId) -> None:
    decades.at(0.9, decades.signer(0.8, 9))
    decades.stamped()
    renewal = json.loads(decades.archive.store.get(f"captures/{record}/proofs/2/renewal.json"))
    [key] = [file["key"] for file in renewal["files"] if file["key"].startswith("blobs/")]
    place = stored_file(decades.settings, key)
    with damaged(place, flipped(place.read_bytes(), 77)):
        report = decades.report(record)
    assert failures(report) == {("object.digest", "OBJECT_DIGEST_MISMATCH")}
    assert found(report, "ts.renewal") == [("", Status.SKIPPED, "DEPENDS")]


def test_altered_renewal_is_named(decades: Decades, record: RecordId) -> None:
    decades.at(0.9, decades.signer(0.8, 9))
    decades.stamped()
    place = stored_file(decades.settings, f"captures/{record}/proofs/2/renewal.json")
    with damaged(place, flipped(place.read_bytes(), 999)):
        codes = failures(decades.report(record))
    assert codes == {("ts.rfc3161", "OBJECT_DIGEST_MISMATCH")}


def test_reopened_archive_goes_on_where_the_list_is(decades: Decades, record: RecordId) -> None:
    decades.at(0.9)
    assert pending(decades.archive).due == 1
    decades.at(0.9, decades.signer(0.8, 9))
    other = open_archive(decades.settings, Stand(decades.clock))
    try:
        assert stamp_all(other, lambda: None).done == [str(record)]
    finally:
        other.close()
