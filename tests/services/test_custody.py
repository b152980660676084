# SPDX-License-Identifier: Apache-2.0
"""Custody events: grouped, queued where they happen, signed by whoever has the key, never lost."""

import datetime as dt
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import (
    audited,
    minted,
    new_archive,
    page,
    rebuilt,
    settings_at,
    stored_file,
    tables,
)
from support.origin import Origin

from archive.bootstrap import Stand, init_archive
from archive.catalog import custody
from archive.catalog.statements import statements_about
from archive.clock import FixedClock
from archive.errors import KeyLocked
from archive.ids import RecordId
from archive.model.custody import CustodyEvent
from archive.services.acts.restrict import Wanted, restrict, unrestrict
from archive.services.context import Archive, SigningKey, signing_key
from archive.services.custody import (
    count_unsigned,
    custody_of,
    key_uses,
    note,
    note_access,
    note_key_use,
    sign_waiting,
)
from archive.services.log.published import log_index
from archive.services.statements.adopt import adopt_assertion
from archive.services.trust import trusted_keyset
from archive.settings import Settings
from archive.signing.base import Signer

pytestmark = pytest.mark.both_databases

# Some hours on it is the same day still.
NOW = dt.datetime.now(dt.UTC).replace(hour=10, minute=10)


@pytest.fixture
def settings(tmp_path: Path, database_setting: dict[str, str]) -> Settings:
    return settings_at(tmp_path / "data", **database_setting)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def archive(settings: Settings, clock: FixedClock) -> Iterator[Archive]:
    opened, _ = init_archive(settings, Stand(clock))
    yield opened
    opened.close()


@pytest.fixture
def record(archive: Archive, origin: Origin) -> RecordId:
    origin.page("/sealed", page())
    made = minted(archive, origin.url("/sealed"))
    sign_waiting(archive)
    return made


def events(archive: Archive, record: RecordId) -> list[tuple[str, str]]:
    return [(item.event, item.actor) for item in custody_of(archive, record).events]


def test_making_a_record_is_its_first_event(archive: Archive, record: RecordId) -> None:
    made = custody_of(archive, record)
    [event] = made.events
    assert (event.event, made.unsigned) == ("capture", 0)
    with archive.database.reading() as connection:
        signed = connection.execute(sa.text("select statement_sha256 from capture")).scalar()
    assert event.statement_sha256 == signed


def test_one_access_for_a_record_a_key_and_an_hour(
    archive: Archive, record: RecordId, clock: FixedClock
) -> None:
    assert note_access(archive, record, "aaaa")
    for minutes in (0, 1, 49):
        clock.at = NOW + dt.timedelta(minutes=minutes)
        assert not note_access(archive, record, "aaaa")
    assert note_access(archive, record, "bbbb")
    clock.at = NOW + dt.timedelta(minutes=50)
    assert note_access(archive, record, "aaaa")
    assert custody_of(archive, record).unsigned == 3
    assert sign_waiting(archive) == 3
    assert not note_access(archive, record, "aaaa")  # signed meanwhile, and still this hour's
    assert sign_waiting(archive) == 0
    assert sorted(events(archive, record)) == [
        ("access", "key:aaaa"),
        ("access", "key:aaaa"),
        ("access", "key:bbbb"),
        ("capture", "archive"),
    ]
    assert audited(archive).exit_code == 0


def test_the_events_of_a_record_are_a_chain(
    archive: Archive, record: RecordId, clock: FixedClock
) -> None:
    for number, key_id in enumerate(("aaaa", "bbbb", "cccc")):
        clock.at = NOW + dt.timedelta(seconds=number)
        note_access(archive, record, key_id)
        sign_waiting(archive)
    with archive.database.reading() as connection:
        told = statements_about(connection, str(record), "custody")
    keyset = trusted_keyset(archive)
    signed = [adopt_assertion(archive.store, keyset, row.envelope_key) for row in told]
    assert [item.predicate.previous for item in signed] == [
        None,
        *(row.statement_sha256 for row in told[:-1]),
    ]


def test_an_event_that_was_taken_away_is_missed(
    archive: Archive, settings: Settings, record: RecordId, clock: FixedClock
) -> None:
    for number, key_id in enumerate(("aaaa", "bbbb")):
        clock.at = NOW + dt.timedelta(seconds=number)
        note_access(archive, record, key_id)
        sign_waiting(archive)
    with archive.database.reading() as connection:
        [first, last] = statements_about(connection, str(record), "custody")
    stored_file(settings, first.envelope_key).unlink()
    index = log_index(archive, first.statement_sha256)
    rebuilt(archive)
    assert [(item.key, item.code) for item in audited(archive).damages] == [
        (last.envelope_key, "CUSTODY_GAP"),
        (f"log entry {index}", "OBJECT_MISSING"),
    ]


def test_the_last_event_that_was_taken_away_is_missed_by_the_log_alone(
    archive: Archive, settings: Settings, record: RecordId, clock: FixedClock
) -> None:
    note_access(archive, record, "aaaa")
    sign_waiting(archive)
    with archive.database.reading() as connection:
        last = statements_about(connection, str(record), "custody")[-1]
    stored_file(settings, last.envelope_key).unlink()
    index = log_index(archive, last.statement_sha256)
    rebuilt(archive)
    assert [(item.key, item.code) for item in audited(archive).damages] == [
        (f"log entry {index}", "OBJECT_MISSING")
    ]


def test_restrictions_and_other_events_are_told_with_it(archive: Archive, record: RecordId) -> None:
    restrict(archive, record, Wanted(None, "hidden", "under seal"), "operator")
    unrestrict(archive, record, "seal broken", "key:cccc")
    export = CustodyEvent("export", NOW.isoformat()[:19] + ".000000Z", "operator", (record,), "x")
    assert note(archive, export)
    assert not note(archive, export)
    assert sign_waiting(archive) == 1
    assert sorted(events(archive, record)) == [
        ("capture", "archive"),
        ("export", "operator"),
        ("lifting", "key:cccc"),
        ("restriction", "operator"),
    ]
    before = tables(archive)
    assert rebuilt(archive).left_out == []
    assert tables(archive) == before


def test_who_read_is_told_to_those_alone_who_may_know(archive: Archive, record: RecordId) -> None:
    note_access(archive, record, "aaaa")
    sign_waiting(archive)
    shown = custody_of(archive, record)
    assert "aaaa" in str(shown.to_json(with_actors=True))
    assert "aaaa" not in str(shown.to_json(with_actors=False))


def test_a_process_without_the_key_queues_and_another_one_signs(
    archive: Archive, record: RecordId
) -> None:
    def locked() -> Signer:
        raise KeyLocked("no key here")

    keyless = replace(archive, open_signer=locked)
    note_access(keyless, record, "aaaa")
    with pytest.raises(KeyLocked):
        sign_waiting(keyless)
    assert count_unsigned(archive) == 1
    assert sign_waiting(archive) == 1
    assert count_unsigned(archive) == 0


@pytest.fixture
def key(archive: Archive) -> SigningKey:
    return signing_key(archive, trusted_keyset(archive))


def test_the_use_of_a_signing_key_is_told_once_a_day(
    archive: Archive, key: SigningKey, clock: FixedClock, origin: Origin
) -> None:
    origin.page("/a", page())
    for _ in range(3):
        minted(archive, origin.url("/a"))
    assert not note_key_use(archive, key)
    assert sign_waiting(archive) == 1
    clock.at = NOW + dt.timedelta(days=1)
    minted(archive, origin.url("/a"))
    assert sign_waiting(archive) == 1
    uses = key_uses(archive)
    assert [item.event for item in uses] == ["key-use"] * 2
    assert all(key.listed.key.keyid in item.detail for item in uses)
    assert audited(archive).exit_code == 0


def test_an_event_that_a_dead_process_had_signed_is_not_signed_again(
    archive: Archive, record: RecordId
) -> None:
    note_access(archive, record, "aaaa")
    sign_waiting(archive)
    with archive.database.writing() as connection:
        connection.execute(
            sa.text(
                "update ops_custody set statement_sha256 = null, owner = 'elsewhere 1 1', "
                "claimed_at = '2020-01-01T00:00:00.000000Z'"
            )
        )
    before = tables(archive)
    assert count_unsigned(archive) == 2
    sign_waiting(archive)
    assert tables(archive) == before
    assert count_unsigned(archive) == 0


def test_an_event_that_another_process_is_signing_is_left_to_it(
    archive: Archive, record: RecordId, clock: FixedClock
) -> None:
    note_access(archive, record, "aaaa")
    with archive.database.writing() as connection:
        [waiting] = custody.waiting_events(connection)
        assert custody.claim(connection, waiting, "elsewhere 1 1", waiting.queued_at)
        assert not custody.claim(connection, waiting, "here 1 1", waiting.queued_at)
    assert sign_waiting(archive) == 0
    clock.at = NOW + dt.timedelta(hours=1)
    assert sign_waiting(archive) == 1


def test_many_signers_at_once_sign_each_event_once(settings: Settings, origin: Origin) -> None:
    opened = new_archive(settings)
    origin.page("/sealed", page())
    record = minted(opened, origin.url("/sealed"))
    for number in range(20):
        note_access(opened, record, f"{number:04x}")
    threads = [threading.Thread(target=sign_waiting, args=(opened,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count_unsigned(opened) == 0
    assert len([event for event, _ in events(opened, record) if event == "access"]) == 20
    assert len(tables(opened)["statement"]) == 21  # and the use of the signing key
    opened.close()


def test_the_queue_forgets_what_was_signed_long_ago(
    archive: Archive, record: RecordId, clock: FixedClock
) -> None:
    note_access(archive, record, "aaaa")
    sign_waiting(archive)
    clock.at = NOW + dt.timedelta(days=9)
    note_access(archive, record, "aaaa")
    sign_waiting(archive)
    with archive.database.reading() as connection:
        left = connection.execute(sa.text("select count(*) from ops_custody")).scalar()
    assert left == 2  # the access and the key's use of that day
