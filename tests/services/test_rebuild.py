# SPDX-License-Identifier: Apache-2.0
"""The catalogue remade from the store alone: every row and column as it was."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import (
    add_documents,
    add_refusals,
    audited,
    captured,
    flipped,
    hasty_settings,
    minted,
    new_archive,
    page,
    rebuilt,
    stored_file,
    stored_keys,
    tables,
)
from support.keysets import Draft, key_row, sealed, signer
from support.origin import Origin

from archive.bootstrap import key_files, open_archive, wire
from archive.catalog.tables import id_sequence
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence
from archive.ids import Kind, RecordId
from archive.proofs.dsse import read_envelope
from archive.services.context import Archive
from archive.services.trust import stored_keysets
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.signing.file import FileSigner, open_key, read_passphrase
from archive.storage.layout import blob_key, inventory_key, keyset_key, statement_key

pytestmark = pytest.mark.both_databases

LONG = "x" * 700
QUICK_REFUSALS = ("404", "403", "empty", "cut", "no-http", "bomb", "to-private", "refused")


@pytest.fixture
def settings(tmp_path: Path, database_setting: dict[str, str]) -> Settings:
    return hasty_settings(tmp_path / "data", **database_setting)


@pytest.fixture
def filled(settings: Settings, origin: Origin) -> Iterator[Archive]:
    """An archive with every kind of record, re-captures and long URLs included."""
    archive = new_archive(settings)
    origin.page(f"/{LONG}", page("At a long address."))
    origin.redirect("/to-long", f"/{LONG}")
    for path in [*add_documents(origin).values(), "/plain", "/gzip", f"/{LONG}", "/to-long"]:
        captured(archive, origin.url(path))
    refusals = add_refusals(origin)
    for name in QUICK_REFUSALS:
        captured(archive, refusals[name][0])
    yield archive
    archive.close()


def next_number(archive: Archive) -> int:
    with archive.database.reading() as connection:
        number: int = connection.execute(sa.select(id_sequence.c.next_number)).scalar_one()
    return number


def test_a_rebuild_gives_the_same_rows(filled: Archive) -> None:
    before = tables(filled)
    assert all(before[name] for name in ("keyset", "capture", "part", "container", "observation"))
    found = rebuilt(filled)
    assert (found.captures, found.observations) == (16, len(QUICK_REFUSALS))
    assert found.is_complete
    assert tables(filled) == before
    assert audited(filled).exit_code == 0


def test_a_rebuild_without_any_catalogue_gives_the_same_rows(
    filled: Archive,
    settings: Settings,
    emptied: Callable[[Settings], Settings],
    origin: Origin,
) -> None:
    before, number = tables(filled), next_number(filled)
    filled.close()
    settings = emptied(settings)
    bare = wire(settings)
    bare.database.migrate()
    assert rebuilt(bare).is_complete
    assert tables(bare) == before
    assert next_number(bare) == number
    bare.close()
    again = open_archive(settings)
    assert minted(again, origin.url("/plain")).number == number
    assert again.hot.record(str(RecordId("CA", Kind.CAPTURE, 1))) is not None
    again.close()


def test_rows_that_the_store_does_not_back_are_gone_after_a_rebuild(filled: Archive) -> None:
    before = tables(filled)
    with filled.database.writing() as connection:
        connection.execute(sa.text("update capture set title = 'forged', url = 'https://x/'"))
        connection.execute(sa.text("delete from part where role = 'text'"))
        connection.execute(sa.text("insert into container values ('00', 1)"))
    assert tables(filled) != before
    rebuilt(filled)
    assert tables(filled) == before


def test_the_sequence_never_goes_below_the_highest_number(
    filled: Archive, settings: Settings
) -> None:
    number = next_number(filled)
    ahead = RecordId("CA", Kind.CAPTURE, number + 41)
    stored_file(settings, inventory_key(ahead)).parent.mkdir()
    stored_file(settings, inventory_key(ahead)).write_bytes(b"an orphan")
    found = rebuilt(filled)
    assert (found.captures, found.left_out) == (16, [])
    assert next_number(filled) == number + 42
    stored_file(settings, inventory_key(ahead)).unlink()
    rebuilt(filled)
    assert next_number(filled) == number + 42


def test_a_damaged_statement_is_left_out_and_named(filled: Archive, settings: Settings) -> None:
    number = next_number(filled)
    statements = [key for key in stored_keys(settings, "captures/") if "statement" in key]
    observations = stored_keys(settings, "statements/observation/")
    for key in (statements[-1], observations[0]):
        path = stored_file(settings, key)
        path.write_bytes(flipped(path.read_bytes(), 8 * 1200))
    found = rebuilt(filled)
    assert (found.captures, found.observations) == (15, len(QUICK_REFUSALS) - 1)
    assert [key for key, _, _ in found.left_out] == [statements[-1], observations[0]]
    assert not found.is_complete
    assert next_number(filled) == number


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b'{"a":1,"a":2}', b"[" * 500])
def test_damaged_inventories_are_left_out_and_named(
    filled: Archive, settings: Settings, damage: bytes
) -> None:
    capture_id = RecordId("CA", Kind.CAPTURE, 1)
    stored_file(settings, inventory_key(capture_id)).write_bytes(damage)
    found = rebuilt(filled)
    assert [str(capture_id) in key for key, _, _ in found.left_out] == [True]


def test_a_missing_inventory_leaves_its_record_out(filled: Archive, settings: Settings) -> None:
    capture_id = RecordId("CA", Kind.CAPTURE, 1)
    stored_file(settings, inventory_key(capture_id)).unlink()
    [(key, _, detail)] = rebuilt(filled).left_out
    assert str(capture_id) in key
    assert "missing" in detail


def test_a_damaged_container_is_the_audits_business(filled: Archive, settings: Settings) -> None:
    before = tables(filled)
    blob = blob_key(str(before["container"][0][0]))
    stored_file(settings, blob).write_bytes(b"")
    assert rebuilt(filled).is_complete
    assert tables(filled) == before
    assert audited(filled).exit_code == 1


def test_what_is_no_key_of_the_archive_is_left_alone(filled: Archive, settings: Settings) -> None:
    before = tables(filled)
    capture_id = RecordId("CA", Kind.CAPTURE, 1)
    folder = stored_file(settings, inventory_key(capture_id)).parent
    (folder / "notes.txt").write_bytes(b"hello")
    (folder.parent / "CA-C-0000001-00").mkdir()
    (folder.parent / "CA-C-0000001-00" / "inventory.json").write_bytes(b"{}")
    assert rebuilt(filled).is_complete
    assert tables(filled) == before


def test_without_a_trusted_keyset_nothing_is_changed(filled: Archive) -> None:
    before = tables(filled)
    stranger = replace(filled, pinned_roots=("0" * 64,))
    with pytest.raises(MalformedEvidence, match="not among the trusted fingerprints"):
        rebuilt(stranger)
    assert tables(filled) == before


def further_signature(settings: Settings, signer: FileSigner) -> str:
    """Puts a signature by another key beside the first capture's own; returns its key."""
    capture_id = RecordId("CA", Kind.CAPTURE, 1)
    [own] = [key for key in stored_keys(settings, f"captures/{capture_id}/") if "statement" in key]
    payload = read_envelope(stored_file(settings, own).read_bytes()).payload
    key = statement_key(capture_id, signer.public_key.keyid8)
    stored_file(settings, key).write_bytes(sealed(signer, payload).to_bytes())
    return key


def test_a_further_signature_by_a_stranger_is_left_out_and_named(
    filled: Archive, settings: Settings
) -> None:
    before = tables(filled)
    key = further_signature(settings, signer(9))
    assert [left for left, _, _ in rebuilt(filled).left_out] == [key]
    assert tables(filled) == before


def test_a_further_signature_by_another_trusted_key_makes_no_second_row(
    filled: Archive, settings: Settings
) -> None:
    files = key_files(settings)
    passphrase = read_passphrase(files.passphrase_file)
    root, manifest = open_key(files.root, passphrase), open_key(files.manifest, passphrase)
    [first] = stored_keysets(filled.store)
    second = Draft(
        2, first.statement_sha256, [root], [key_row(manifest), key_row(signer(9))]
    ).signed()
    filled.store.put(blob_key(sha256_hex(second.content)), second.content)
    [envelope] = second.envelopes
    filled.store.put(keyset_key(2, root.public_key.keyid8), envelope.to_bytes())
    assert rebuilt(filled).keysets == 2
    before = tables(filled)
    further_signature(settings, signer(9))
    found = rebuilt(filled)
    assert (found.captures, found.left_out) == (16, [])
    assert tables(filled) == before
    assert verify_record(filled, RecordId("CA", Kind.CAPTURE, 1)).result.exit_code == 0


def test_an_unreadable_key_never_empties_the_catalogue(filled: Archive, settings: Settings) -> None:
    before = tables(filled)
    [keyset] = stored_keys(settings, "trust/")
    stored_file(settings, keyset).write_bytes(b"{}")
    with pytest.raises(MalformedEvidence):
        rebuilt(filled)
    assert tables(filled) == before
