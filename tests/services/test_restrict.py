# SPDX-License-Identifier: Apache-2.0
"""Restrictions: who sees what, signed, ordered by their numbers, remade by a rebuild."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import (
    audited,
    minted,
    page,
    rebuilt,
    settings_at,
    tables,
)
from support.origin import Origin

from archive.bootstrap import Stand, init_archive
from archive.catalog.access import add_grant
from archive.catalog.restrictions import RestrictionRow, Viewer, put_restriction, restriction_of
from archive.catalog.statements import statements_about
from archive.clock import FixedClock, rfc3339
from archive.digests import DigestReading, sha256_hex
from archive.errors import InputError, MalformedStatement, NotFound
from archive.ids import Kind, RecordId
from archive.model.restriction import Restriction
from archive.services.access.keys import (
    ANYONE,
    Reader,
    authenticate,
    grant,
    make_api_key,
    withdraw_grant,
)
from archive.services.access.permission import Permission, Sight, permission, viewer
from archive.services.acts.restrict import Wanted, restrict, unrestrict
from archive.services.context import Archive
from archive.services.effects.restriction import restriction_state
from archive.services.hashes.desk import verify_bytes, verify_digest
from archive.services.reading.resolve import resolve
from archive.services.statements.adopt import adopt_assertion
from archive.services.trust import trusted_keyset
from archive.services.verifying.verify import verify_record

pytestmark = pytest.mark.both_databases

NOW = dt.datetime.now(dt.UTC)
SOON = NOW + dt.timedelta(days=30)
BODY = page("This one is under seal.")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def archive(
    tmp_path: Path, clock: FixedClock, database_setting: dict[str, str]
) -> Iterator[Archive]:
    opened, _ = init_archive(settings_at(tmp_path / "data", **database_setting), Stand(clock))
    yield opened
    opened.close()


@pytest.fixture
def record(archive: Archive, origin: Origin, clock: FixedClock) -> RecordId:
    origin.page("/sealed", BODY)
    clock.at = NOW + dt.timedelta(seconds=1)
    return minted(archive, origin.url("/sealed"))


def hidden(until: dt.datetime | None = None) -> Wanted:
    return Wanted(until, "hidden", "under seal")


def public(until: dt.datetime | None = None) -> Wanted:
    return Wanted(until, "public", "embargo until filing")


def seen(archive: Archive, reader: Reader, record: RecordId) -> Permission:
    row = archive.hot.record(str(record))
    assert row is not None
    return permission(archive, reader, str(record), row[2], row[3])


def reader_with(archive: Archive, *scopes: str) -> Reader:
    return authenticate(archive, make_api_key(archive, scopes, "test"))


def test_an_open_record_is_everybodys(archive: Archive, record: RecordId) -> None:
    assert seen(archive, ANYONE, record) == Permission(Sight.WHOLE, is_restricted=False)


def test_metadata_policy_decides_what_anybody_else_sees(archive: Archive, record: RecordId) -> None:
    restrict(archive, record, public(), "operator")
    assert seen(archive, ANYONE, record) == Permission(Sight.METADATA, is_restricted=True)
    restrict(archive, record, hidden(SOON), "operator")
    expected = Permission(Sight.NOTHING, is_restricted=True, until=rfc3339(SOON))
    assert seen(archive, ANYONE, record) == expected
    unrestrict(archive, record, "the seal is broken", "operator")
    assert seen(archive, ANYONE, record).sight is Sight.WHOLE


def test_a_restriction_ends_by_itself(
    archive: Archive, record: RecordId, clock: FixedClock
) -> None:
    restrict(archive, record, hidden(SOON), "operator")
    assert resolve(archive, str(record)).status == "restricted"
    clock.at = SOON - dt.timedelta(microseconds=1)
    assert seen(archive, ANYONE, record).sight is Sight.NOTHING
    clock.at = SOON
    assert seen(archive, ANYONE, record).sight is Sight.WHOLE
    assert not restriction_state(archive, record).is_restricted
    assert resolve(archive, str(record)).status == "ok"


def test_only_a_grant_and_the_scope_read_together_open_it(
    archive: Archive, record: RecordId
) -> None:
    restrict(archive, record, hidden(), "operator")
    all_but_read = reader_with(archive, "capture", "curate", "admin")
    reads = reader_with(archive, "read")
    other = reader_with(archive, "read")
    assert all_but_read.key_id is not None
    with pytest.raises(InputError):
        grant(archive, all_but_read.key_id, record)
    # Even if it came to be there.
    with archive.database.writing() as connection:
        assert add_grant(connection, all_but_read.key_id, str(record), rfc3339(NOW))
    assert seen(archive, all_but_read, record).sight is Sight.NOTHING
    assert reads.key_id is not None
    assert seen(archive, reads, record).sight is Sight.NOTHING
    assert grant(archive, reads.key_id, record)
    assert not grant(archive, reads.key_id, record)
    assert seen(archive, reads, record) == Permission(Sight.WHOLE, is_restricted=True)
    assert seen(archive, other, record).sight is Sight.NOTHING
    withdraw_grant(archive, reads.key_id, record)
    assert seen(archive, reads, record).sight is Sight.NOTHING
    grant(archive, reads.key_id, None)
    assert seen(archive, reads, record).sight is Sight.WHOLE
    with pytest.raises(NotFound):
        grant(archive, "no-such-key", record)
    with pytest.raises(NotFound):
        withdraw_grant(archive, reads.key_id, record)


def test_searches_pass_over_hidden_records_alone(archive: Archive, record: RecordId) -> None:
    reading = DigestReading(sha256_hex(BODY), is_prefix=False, spelling="hex")
    prefix = DigestReading(sha256_hex(BODY)[:12], is_prefix=True, spelling="hex")
    with archive.database.reading() as connection:
        row = connection.execute(sa.text("select * from capture")).one()
    objects = [
        row.container_sha256, row.inventory_sha256, row.statement_sha256, row.envelope_sha256,
    ]  # fmt: skip
    reader = reader_with(archive, "read")
    assert reader.key_id is not None

    def found(who: Viewer | None) -> list[bool]:
        answers = [
            verify_digest(archive, reading, "bytes-only", who),
            verify_digest(archive, prefix, "bytes-only", who),
            verify_bytes(archive, [BODY], "bytes-only", who),
            verify_bytes(archive, [BODY.replace(b"\n", b"\r\n") + b"\n"], "bytes-only", who),
            *(
                verify_digest(archive, DigestReading(digest, is_prefix=False, spelling="hex"),
                              "bytes-only", who)
                for digest in objects
            ),
        ]  # fmt: skip
        return [bool(item.matches or item.near or item.report) for item in answers]

    everything = found(None)
    assert sum(everything) >= 7
    restrict(archive, record, public(), "operator")
    assert found(viewer(archive, ANYONE)) == everything
    restrict(archive, record, hidden(), "operator")
    assert not any(found(viewer(archive, ANYONE)))
    assert not any(found(viewer(archive, reader)))
    assert found(None) == everything
    grant(archive, reader.key_id, record)
    assert found(viewer(archive, reader)) == everything
    restrict(archive, record, hidden(SOON), "operator")
    assert not any(found(viewer(archive, ANYONE)))
    assert found(Viewer(None, rfc3339(SOON))) == everything


def test_each_statement_names_the_one_before_it(archive: Archive, record: RecordId) -> None:
    states = [
        restrict(archive, record, public(SOON), "operator"),
        restrict(archive, record, hidden(), "key:0123"),
        unrestrict(archive, record, "over", "operator"),
        restrict(archive, record, public(), "operator"),
    ]
    with archive.database.reading() as connection:
        told = statements_about(connection, str(record), "restriction")
    digests = [state.row.statement_sha256 for state in states if state.row]
    assert set(digests) == {row.statement_sha256 for row in told}
    keyset = trusted_keyset(archive)
    adopted = (adopt_assertion(archive.store, keyset, row.envelope_key) for row in told)
    signed = {item.row.statement_sha256: item.predicate for item in adopted}
    assert [signed[digest].previous for digest in digests] == [None, *digests[:-1]]
    assert [state.row.number for state in states if state.row] == [1, 2, 3, 4]
    assert audited(archive).exit_code == 0
    assert verify_record(archive, record).result.exit_code == 0


def test_what_is_so_already_is_not_signed_again(archive: Archive, record: RecordId) -> None:
    assert not unrestrict(archive, record, "nothing to lift", "operator").is_restricted
    first = restrict(archive, record, public(SOON), "operator")
    assert restrict(archive, record, public(SOON), "operator") == first
    unrestrict(archive, record, "over", "operator")
    unrestrict(archive, record, "over", "operator")
    assert len(tables(archive)["statement"]) == 2


def test_a_rebuild_gives_the_same_rows(archive: Archive, record: RecordId) -> None:
    restrict(archive, record, public(SOON), "operator")
    restrict(archive, record, hidden(), "operator")
    unrestrict(archive, record, "over", "operator")
    restrict(archive, record, hidden(SOON), "operator")
    before = tables(archive)
    assert (len(before["restriction"]), len(before["custody_event"])) == (1, 4)
    assert rebuilt(archive).left_out == []
    assert tables(archive) == before


def test_the_latest_does_not_depend_on_the_order_of_reading(archive: Archive) -> None:
    at = rfc3339(NOW)

    def row(number: int, sha: str, policy: str | None, until: str | None = None) -> RestrictionRow:
        is_on = int(policy is not None)
        return RestrictionRow("CA-C-0000009-15", number, is_on, until, policy, "why", at, sha * 64)

    rows = [
        row(1, "f", "hidden"),
        row(2, "e", None),
        row(2, "d", "public"),
        row(2, "c", "hidden", rfc3339(SOON)),
        row(2, "b", "hidden"),
        row(2, "a", "hidden"),
    ]
    for turn in range(len(rows)):
        for order in (rows[turn:] + rows[:turn], rows[turn::-1] + rows[:turn:-1]):
            with archive.database.writing() as connection:
                connection.execute(sa.text("delete from restriction"))
                for item in order:
                    put_restriction(connection, item)
                assert restriction_of(connection, "CA-C-0000009-15") == rows[4]


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(NOW, "public", "in the past"),
        Wanted(None, "secret", "no such policy"),
        Wanted(None, "public", ""),
        Wanted(None, "public", " "),
        Wanted(None, "public", "two\nlines"),
        Wanted(None, "public", "x" * 301),
    ],
)
def test_what_makes_no_restriction_is_refused(
    archive: Archive, record: RecordId, wanted: Wanted
) -> None:
    with pytest.raises(InputError):
        restrict(archive, record, wanted, "operator")
    assert tables(archive)["statement"] == []


def test_a_record_that_is_not_there_cannot_be_restricted(archive: Archive) -> None:
    with pytest.raises(NotFound):
        restrict(archive, RecordId("CA", Kind.CAPTURE, 99), public(), "operator")


def test_a_restriction_that_somebody_took_out_of_the_catalogue_is_named(
    archive: Archive, record: RecordId
) -> None:
    restrict(archive, record, hidden(), "operator")
    for change in (
        "delete from restriction",
        "update restriction set is_restricted = 0",
        "update restriction set until = '2020-01-01T00:00:00.000000Z'",
        "update custody_event set detail = 'nothing'",
    ):
        rebuilt(archive)
        assert audited(archive).exit_code == 0
        with archive.database.writing() as connection:
            connection.execute(sa.text(change))
        [damage] = audited(archive).damages
        assert damage.code == "CATALOG_DISAGREES", change


SOUND = {
    "v": 1, "record": "CA-C-0000001-39", "number": 1, "state": "restricted", "until": None,
    "metadata": "public", "reason": "why", "at": "2026-11-27T10:00:00.000000Z",
    "actor": "operator",
}  # fmt: skip


def test_the_content_reads_back_as_it_was_written() -> None:
    assert Restriction.from_json(SOUND).to_json() == SOUND


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"number": 0},
        {"number": True},
        {"state": "sealed"},
        {"metadata": None},
        {"metadata": "some"},
        {"state": "lifted"},
        {"state": "lifted", "metadata": None, "until": "2026-11-27T10:00:00.000000Z"},
        {"until": "2026-11-27"},
        {"reason": "x" * 301},
        {"record": "CA-C-0000001-38"},
        {"more": 1},
    ],
)
def test_content_of_another_shape_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(MalformedStatement):
        Restriction.from_json({**SOUND, **change})
