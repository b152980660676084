# SPDX-License-Identifier: Apache-2.0
"""Statements over content files: listed, remade, recovered, audited."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import (
    audited,
    damaged,
    flipped,
    new_archive,
    rebuilt,
    settings_at,
    stored_file,
    tables,
)

from archive import canonical
from archive.catalog import sequence
from archive.catalog.sequence import Reservation
from archive.catalog.statements import statement_by_digest, statements_about
from archive.errors import MalformedStatement
from archive.ids import Kind, RecordId
from archive.model.custody import CustodyEvent
from archive.model.statement import CONTENT_TYPES
from archive.services.context import Archive, SigningKey, signing_key
from archive.services.ownership import ASSERTION
from archive.services.recovery.recover import recover
from archive.services.statements.assertion import Assertion, Stated, draft, state
from archive.services.statements.content_kinds import KINDS
from archive.services.trust import trusted_keyset
from archive.settings import Settings
from archive.storage.layout import blob_key

pytestmark = pytest.mark.both_databases

RECORD = RecordId("CA", Kind.CAPTURE, 7)
EVENT = CustodyEvent("export", "2026-11-27T10:00:00.000000Z", "operator", (RECORD,), "as WACZ")
EXPORT = Assertion("custody", EVENT.to_json())
GONE = "another-machine 1 1"
LONG_AGO = "2020-01-01T00:00:00.000000Z"


@pytest.fixture
def settings(tmp_path: Path, database_setting: dict[str, str]) -> Settings:
    return settings_at(tmp_path / "data", **database_setting)


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    opened = new_archive(settings)
    yield opened
    opened.close()


@pytest.fixture
def key(archive: Archive) -> SigningKey:
    return signing_key(archive, trusted_keyset(archive))


def stated(archive: Archive, key: SigningKey) -> Stated:
    [made] = state(archive, key, [EXPORT])
    return made


def test_every_kind_of_content_statement_that_is_read_has_a_type() -> None:
    assert set(KINDS) <= set(CONTENT_TYPES)


def test_a_statement_is_found_by_the_record_that_it_concerns(
    archive: Archive, key: SigningKey
) -> None:
    made = stated(archive, key)
    with archive.database.reading() as connection:
        assert statements_about(connection, str(RECORD), "custody") == [made.row]
        assert statements_about(connection, str(RECORD), "probe") == []
    assert made.content == EVENT
    assert audited(archive).exit_code == 0


def test_making_it_again_changes_nothing(archive: Archive, key: SigningKey) -> None:
    first = draft(archive, key, EXPORT)
    archive.store.put_many([first.content_file])
    stated(archive, key)
    assert len(tables(archive)["statement"]) == 1
    with archive.database.reading() as connection:
        assert sequence.open_reservations(connection) == []


def test_a_rebuild_gives_the_same_rows(archive: Archive, key: SigningKey) -> None:
    stated(archive, key)
    state(archive, key, [Assertion("custody", EVENT.to_json(), ("a" * 64, "b" * 64))])
    before = tables(archive)
    report = rebuilt(archive)
    assert (report.statements, report.left_out) == (2, [])
    assert tables(archive) == before


def test_content_that_is_not_of_its_kind_is_never_signed(archive: Archive, key: SigningKey) -> None:
    for content in ({}, {**EXPORT.content, "event": "sold"}, {**EXPORT.content, "more": 1}, []):
        with pytest.raises(MalformedStatement):
            state(archive, key, [Assertion("custody", content)])
    assert [item.key for item in archive.store.list("statements/")] == []


def test_what_a_crash_left_signed_is_taken_in(archive: Archive, key: SigningKey) -> None:
    cut_short = draft(archive, key, EXPORT)
    archive.store.put_many([cut_short.content_file, cut_short.envelope_file])
    with archive.database.writing() as connection:
        sequence.intend(connection, [Reservation(ASSERTION, 1, GONE, LONG_AGO)])
    assert audited(archive).exit_code == 2  # on its way, as far as anybody knows
    recover(archive)
    with archive.database.reading() as connection:
        found = statement_by_digest(connection, cut_short.stated.row.statement_sha256)
        assert found == cut_short.stated.row
        assert sequence.open_reservations(connection) == []
    assert audited(archive).exit_code == 0


def test_damage_to_content_or_envelope_is_named(
    archive: Archive, settings: Settings, key: SigningKey
) -> None:
    made = stated(archive, key)
    for place in (made.row.envelope_key, blob_key(made.row.content_sha256)):
        path = stored_file(settings, place)
        with damaged(path, flipped(path.read_bytes(), 77)):
            report = audited(archive)
            assert report.exit_code == 1
            assert place in {damage.key for damage in report.damages} or (
                made.row.envelope_key in {damage.key for damage in report.damages}
            )
        with damaged(path, None):
            assert audited(archive).exit_code == 1
    assert audited(archive).exit_code == 0


def test_rows_that_were_changed_are_named(archive: Archive, key: SigningKey) -> None:
    stated(archive, key)
    with archive.database.writing() as connection:
        connection.execute(sa.text("update statement_about set concerns = 'CA-C-0000008-28'"))
    [damage] = audited(archive).damages
    assert damage.code == "CATALOG_DISAGREES"


def test_a_listed_statement_that_is_gone_from_the_catalogue_is_named(
    archive: Archive, key: SigningKey
) -> None:
    stated(archive, key)
    with archive.database.writing() as connection:
        connection.execute(sa.text("delete from statement_about"))
        connection.execute(sa.text("delete from statement"))
    [damage] = audited(archive).damages
    assert damage.code == "NOT_CATALOGUED"


def test_a_content_that_nobody_would_read_back_is_not_signed(
    archive: Archive, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canonical, "CONTENT_LIMIT", 10)
    with pytest.raises(MalformedStatement, match="over the limit of 10"):
        state(archive, key, [EXPORT])
    assert [item.key for item in archive.store.list("statements/")] == []
