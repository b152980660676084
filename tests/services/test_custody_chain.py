# SPDX-License-Identifier: Apache-2.0
"""Claim custody.chain: what is taken away, put elsewhere or made up shows."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from support.archives import (
    audited,
    damaged,
    failures,
    minted,
    page,
    published,
    rebuilt,
    stored_file,
    unknowns,
)
from support.origin import Origin

from archive.bootstrap import Stand, init_archive
from archive.catalog.statements import StatementRow, statements_about
from archive.checks.custody_chain import faults
from archive.checks.evidence import Absent, CustodyStatement
from archive.checks.runner import run_checks
from archive.clock import FixedClock, rfc3339
from archive.errors import StorageUnavailable
from archive.ids import RecordId
from archive.model.claim import Finding, Result, Status
from archive.model.custody import CustodyEvent
from archive.model.restriction import RESTRICTED, Restriction
from archive.services.acts.restrict import Wanted, restrict, unrestrict
from archive.services.capturing.capture import capture
from archive.services.context import Archive, SigningKey, signing_key
from archive.services.custody import note_access, sign_waiting
from archive.services.log.published import log_index
from archive.services.statements.assertion import Assertion, state
from archive.services.trust import keyset_chain, trusted_keyset
from archive.services.verifying.evidence import capture_evidence
from archive.services.verifying.verify import verify_observation, verify_record
from archive.settings import Settings
from archive.storage.base import Store
from archive.storage.layout import blob_key

pytestmark = pytest.mark.both_databases

CLAIM = "custody.chain"
# Some hours on it is the same day still.
NOW = dt.datetime.now(dt.UTC).replace(hour=10, minute=10)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def archive(settings: Settings, clock: FixedClock) -> Iterator[Archive]:
    opened, _ = init_archive(settings, Stand(clock))
    yield opened
    opened.close()


@pytest.fixture
def records(archive: Archive, origin: Origin) -> list[RecordId]:
    """Two records; three accesses, a restriction and its lifting are told of the first."""
    made = []
    for path in ("/a", "/b"):
        origin.page(path, page(f"This is {path}."))
        made.append(minted(archive, origin.url(path)))
    return made


@pytest.fixture
def record(archive: Archive, records: list[RecordId], clock: FixedClock) -> RecordId:
    for number, key_id in enumerate(("aaaa", "bbbb", "cccc")):
        clock.at = NOW + dt.timedelta(minutes=10 * number)
        note_access(archive, records[0], key_id)
        sign_waiting(archive)
    restrict(archive, records[0], Wanted(None, "public", "sealed"), "operator")
    clock.at += dt.timedelta(minutes=1)
    unrestrict(archive, records[0], "opened", "operator")
    return records[0]


@pytest.fixture
def key(archive: Archive) -> SigningKey:
    return signing_key(archive, trusted_keyset(archive))


def findings(archive: Archive, record: RecordId) -> list[Finding]:
    return [f for f in verify_record(archive, record).findings if f.claim == CLAIM]


def answers(archive: Archive, record: RecordId) -> list[tuple[str, str]]:
    return [(f.status.value, f.code) for f in findings(archive, record)]


def told(archive: Archive, record: RecordId, kind: str = "custody") -> list[StatementRow]:
    with archive.database.reading() as connection:
        return statements_about(connection, str(record), kind)


def asserted(
    archive: Archive, key: SigningKey, record: RecordId, previous: str | None, **more: Any
) -> str:
    """A custody statement signed by the archive's own key: whoever has it can make any."""
    at = rfc3339(archive.clock.now())
    event = CustodyEvent("access", at, "key:dddd", (record,), "made up")
    content = replace(event, **more).to_json()
    [stated] = state(archive, key, [Assertion("custody", content, (), previous)])
    return stated.row.statement_sha256


def test_a_whole_chain_holds_and_is_told_so(archive: Archive, record: RecordId) -> None:
    [finding] = findings(archive, record)
    assert (finding.status, finding.target) == (Status.PASS, "custody")
    assert finding.detail.startswith("5 statements")
    assert verify_record(archive, record).result is Result.VERIFIED
    assert audited(archive).exit_code == 0


def test_where_nothing_was_done_it_does_not_apply(
    archive: Archive, records: list[RecordId], origin: Origin
) -> None:
    assert answers(archive, records[1]) == [("not_applicable", "")]
    origin.page("/gone", page("No."), status="404 Not Found")
    capture(archive, origin.url("/gone"))
    with archive.database.reading() as connection:
        digest = connection.execute(sa.text("select statement_sha256 from observation")).scalar()
    report = verify_observation(archive, str(digest))
    assert [f.status.value for f in report.findings if f.claim == CLAIM] == ["not_applicable"]


@pytest.mark.parametrize(("kind", "place"), [("custody", 0), ("custody", 1), ("restriction", 0)])
def test_a_statement_that_was_taken_away_with_its_rows_leaves_a_gap(
    archive: Archive, settings: Settings, record: RecordId, place: int, kind: str
) -> None:
    rows = told(archive, record, kind)
    stored_file(settings, rows[place].envelope_key).unlink()
    index = log_index(archive, rows[place].statement_sha256)
    rebuilt(archive)
    published(archive)
    [finding] = findings(archive, record)
    assert (finding.status, finding.code) == (Status.FAIL, "CUSTODY_GAP")
    assert finding.target == f"custody:{rows[place + 1].statement_sha256[:12]}"
    assert rows[place].statement_sha256 in finding.detail
    assert verify_record(archive, record).result is Result.FAILED
    assert [(item.key, item.claim, item.code) for item in audited(archive).damages] == [
        (rows[place + 1].envelope_key, CLAIM, "CUSTODY_GAP"),
        (f"log entry {index}", "log.entry", "OBJECT_MISSING"),
    ]


def test_the_newest_ones_leave_a_shorter_chain_that_holds(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    stored_file(settings, told(archive, record)[-1].envelope_key).unlink()
    rebuilt(archive)
    [finding] = findings(archive, record)
    assert (finding.status, finding.detail[:12]) == (Status.PASS, "4 statements")


def test_a_statement_that_the_catalogue_lists_and_the_store_lost_fails(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    row = told(archive, record)[0]
    with damaged(stored_file(settings, row.envelope_key), None):
        assert answers(archive, record) == [("fail", "OBJECT_MISSING")]
    assert answers(archive, record) == [("pass", "")]


def test_a_damaged_or_forged_statement_fails(
    archive: Archive, settings: Settings, record: RecordId
) -> None:
    row = told(archive, record)[1]
    place = stored_file(settings, row.envelope_key)
    sound = place.read_bytes()
    signature = sound.index(b'"sig":"') + 20
    other = b"A" if sound[signature : signature + 1] != b"A" else b"B"
    forged = sound[:signature] + other + sound[signature + 1 :]
    with damaged(place, forged):
        assert answers(archive, record) == [("fail", "STATEMENT_MALFORMED")]
        assert [item.key for item in audited(archive).damages] == [row.envelope_key]
    content = stored_file(settings, blob_key(row.content_sha256))
    with damaged(content, content.read_bytes().replace(b"bbbb", b"eeee")):
        assert answers(archive, record) == [("fail", "STATEMENT_MALFORMED")]


def test_what_cannot_be_read_is_not_known_and_not_wrong(
    archive: Archive, record: RecordId, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = told(archive, record)[0]
    whole = archive.store.get

    def refused(_self: Store, name: str) -> bytes:
        if name == row.envelope_key:
            raise StorageUnavailable("the store does not answer")
        return whole(name)

    monkeypatch.setattr(type(archive.store), "get", refused)
    report = verify_record(archive, record)
    assert unknowns(report) == {(CLAIM, "STORAGE_UNAVAILABLE")}
    assert failures(report) == set()
    assert report.result is Result.VERIFIED
    assert verify_record(archive, record, "court").result is Result.INCOMPLETE
    found = audited(archive, "plain")
    assert [(item.key, item.is_certain) for item in found.damages if item.claim == CLAIM] == []
    assert row.envelope_key in {item.key for item in found.damages if not item.is_certain}


def test_a_chain_in_another_order_fails(
    archive: Archive, key: SigningKey, record: RecordId, clock: FixedClock
) -> None:
    last = told(archive, record)[-1]
    clock.at = NOW + dt.timedelta(minutes=1)
    early = asserted(archive, key, record, last.statement_sha256)
    [finding] = findings(archive, record)
    assert (finding.status, finding.code) == (Status.FAIL, "CUSTODY_ORDER")
    assert finding.target == f"custody:{early[:12]}"
    assert CLAIM in {item.claim for item in audited(archive).damages}


def test_clocks_of_two_machines_may_differ_a_little(
    archive: Archive, key: SigningKey, record: RecordId, clock: FixedClock
) -> None:
    clock.at = NOW + dt.timedelta(minutes=20)
    last = asserted(archive, key, record, told(archive, record)[-1].statement_sha256)
    clock.at -= dt.timedelta(minutes=4)
    asserted(archive, key, record, last)
    assert answers(archive, record) == [("pass", "")]


def test_two_that_were_signed_at_once_may_name_the_same_one(
    archive: Archive, key: SigningKey, record: RecordId
) -> None:
    first = told(archive, record)[0].statement_sha256
    asserted(archive, key, record, first)
    assert answers(archive, record) == [("pass", "")]


def test_a_statement_before_its_event_or_of_another_kind_of_chain_fails(
    archive: Archive, key: SigningKey, record: RecordId
) -> None:
    later = rfc3339(archive.clock.now() + dt.timedelta(minutes=6))
    asserted(archive, key, record, None, at=later)
    restriction = told(archive, record, "restriction")[0].statement_sha256
    asserted(archive, key, record, restriction)
    assert answers(archive, record) == [("fail", "CUSTODY_ORDER")] * 2


@pytest.mark.parametrize(
    ("number", "before", "code"),
    [(4, "last", "CUSTODY_ORDER"), (2, "last", "CUSTODY_ORDER"), (3, "none", "CUSTODY_GAP")],
)
def test_a_restriction_whose_number_is_not_the_next_one_fails(
    archive: Archive, key: SigningKey, record: RecordId, number: int, before: str, code: str
) -> None:
    last = told(archive, record, "restriction")[-1].statement_sha256
    previous = last if before == "last" else None
    at = rfc3339(archive.clock.now())
    said = Restriction(record, number, RESTRICTED, None, "public", "made up", at, "operator")
    state(archive, key, [Assertion("restriction", said.to_json(), (), previous)])
    assert answers(archive, record) == [("fail", code)]


def test_a_statement_of_another_record_in_its_place_fails(
    archive: Archive, key: SigningKey, records: list[RecordId], record: RecordId
) -> None:
    foreign = asserted(archive, key, records[1], None)
    with archive.database.writing() as connection:
        connection.execute(
            sa.text("insert into statement_about values (:digest, :record)"),
            {"digest": foreign, "record": str(record)},
        )
    assert answers(archive, record) == [("fail", "CUSTODY_FOREIGN")]


def test_custody_that_the_catalogue_tells_in_another_way_is_disowned(
    archive: Archive, record: RecordId
) -> None:
    with archive.database.writing() as connection:
        connection.execute(
            sa.text("update custody_event set actor = 'key:eeee' where event='access'")
        )
    report = verify_record(archive, record)
    assert failures(report) == {("catalog.agrees", "CATALOG_DISAGREES")}


def test_a_key_that_may_not_sign_any_more_fails(archive: Archive, record: RecordId) -> None:
    chain = keyset_chain(archive)
    newest = chain.newest
    keys = {
        keyid: replace(item, state="revoked", invalid_since=item.valid_until)
        for keyid, item in newest.keys.items()
    }
    over = {
        keyid: replace(item, valid_until=NOW - dt.timedelta(days=1))
        for keyid, item in newest.keys.items()
    }
    with archive.database.reading() as connection:
        [row, *_] = statements_about(connection, str(record), "custody")
    gathered = capture_evidence(archive, record, row.envelope_key, chain)
    assert gathered.custody is not None
    told_of = gathered.custody()
    for other in (keys, over, {}):
        found = list(faults(told_of, record, replace(newest, keys=other)))
        assert [item.code for item in found] == ["CUSTODY_KEY"] * 5
    proven = [replace(item, trusted_not_after=NOW) for item in told_of]
    assert list(faults(proven, record, replace(newest, keys=keys))) == []


def test_without_a_list_it_is_not_known(archive: Archive, record: RecordId) -> None:
    with archive.database.reading() as connection:
        place = connection.execute(
            sa.text("select envelope_key from capture where id = :id"), {"id": str(record)}
        ).scalar()
    gathered = capture_evidence(archive, record, str(place), keyset_chain(archive))
    stranger = replace(gathered, custody=None)
    [finding] = [f for f in run_checks(stranger) if f.claim == CLAIM]
    assert (finding.status, finding.code) == (Status.UNKNOWN, "CUSTODY_UNASKED")
    lost = CustodyStatement("a" * 64, Absent("STORAGE_REFUSED", "no right", is_certain=False))
    [finding] = [
        f for f in run_checks(replace(gathered, custody=lambda: [lost])) if f.claim == CLAIM
    ]
    assert (finding.status, finding.code) == (Status.UNKNOWN, "STORAGE_REFUSED")
