# SPDX-License-Identifier: Apache-2.0
"""The log of a whole archive: what is signed is logged, proven, rebuilt, held against keepers."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import (
    audited,
    captured,
    damaged,
    failures,
    minted,
    new_archive,
    overwrite,
    page,
    published,
    rebuilt,
    settings_at,
    stored_file,
    stored_keys,
    tables,
    unknowns,
)
from support.origin import Origin

from archive.bootstrap import key_files, open_archive
from archive.canonical import loads
from archive.catalog import log as rows
from archive.digests import sha256_hex
from archive.errors import NotFound
from archive.ids import RecordId
from archive.model.anchor import ORIGIN_LIMIT, Anchor
from archive.model.claim import Result, Status
from archive.model.content import ABOUT_LIMIT, ContentPredicate
from archive.model.log_entry import LogEntry
from archive.model.look import Signer
from archive.model.statement import CONTENT, CONTENT_TYPES, PAYLOAD_TYPE, Statement
from archive.proofs.checkpoint import Checkpoint, SignedCheckpoint
from archive.proofs.dsse import SIGNED_BYTES_LIMIT, pae, read_envelope
from archive.proofs.log_layout import LATEST, checkpoint_key
from archive.proofs.merkle import EMPTY_ROOT, TreeHead, leaf_hash, root_of
from archive.proofs.note import NoteSignature
from archive.proofs.tlog_proof import LogProof
from archive.services.acts.restrict import Wanted, restrict
from archive.services.context import Archive, log_signing_key
from archive.services.keysets.amend import Amendment, amend
from archive.services.keysets.changes import retired, revoked
from archive.services.log.check import check_log
from archive.services.log.published import prove_logged, show_log
from archive.services.log.transparency import log_of
from archive.services.trust import trusted_keyset
from archive.services.upkeep.audit import AuditOptions, audit
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.storage.layout import inventory_key

pytestmark = pytest.mark.both_databases
Signed = Callable[[Archive, TreeHead], bytes]
LOG_CLAIMS = ("log.entry", "log.checkpoint", "log.inclusion")


@pytest.fixture
def site(origin: Origin) -> Origin:
    for number in range(6):
        origin.page(f"/{number}", page(f"This is page number {number}."))
    return origin


@pytest.fixture
def ids(archive: Archive, site: Origin) -> list[RecordId]:
    """Three captures, one after the other."""
    return [minted(archive, site.url(f"/{number}")) for number in range(3)]


@pytest.fixture
def log_signed() -> Signed:
    """Has the log's own key sign any tree, as whoever holds the key can."""

    def sign(archive: Archive, head: TreeHead) -> bytes:
        keyset = trusted_keyset(archive)
        log, key = log_of(archive, keyset), log_signing_key(archive, keyset)
        assert log is not None
        assert key is not None
        checkpoint = Checkpoint(log.origin, head)
        line = NoteSignature(log.origin, log.key.key_id, key.sign(checkpoint.to_text()))
        return SignedCheckpoint.of(checkpoint, [line]).to_bytes()

    return sign


def entries(archive: Archive) -> list[LogEntry]:
    with archive.database.reading() as connection:
        head = rows.log_head_of(connection)
        assert head is not None
        return [LogEntry.from_bytes(e) for e in rows.entries_between(connection, 0, head.appended)]


def kept_note(archive: Archive) -> bytes:
    """The newest checkpoint, as somebody keeps it who saw it today."""
    return archive.log_store.newest(LATEST)


def audit_against(archive: Archive, note: bytes) -> set[tuple[str, str, str]]:
    report = audit(archive, lambda _done, _total: None, AuditOptions("plain", pinned=(note,)))
    return {(damage.key, damage.claim, damage.code) for damage in report.damages}


def damages(archive: Archive) -> set[tuple[str, str, str]]:
    return {(damage.key, damage.claim, damage.code) for damage in audited(archive, "plain").damages}


def execute(archive: Archive, statement: str, **values: object) -> None:
    """What somebody with root in the database can do."""
    with archive.database.writing() as connection:
        connection.execute(sa.text(statement), values)


# What is logged


def test_everything_that_is_signed_has_a_leaf_the_keyset_first(
    archive: Archive, site: Origin, ids: list[RecordId]
) -> None:
    site.page("/gone", page("No."), status="404 Not Found")
    observed = captured(archive, site.url("/gone")).signed
    restrict(archive, ids[0], Wanted(None, "hidden", "asked for"), "operator")
    published(archive)
    found = entries(archive)
    kinds = [entry.kind for entry in found]
    assert kinds == ["keyset", "capture", "capture", "capture", "observation", "restriction"]
    assert [entry.record_id for entry in found[1:4]] == [str(item) for item in ids]
    assert found[4].statement_sha256 == observed.statement_sha256
    assert found[4].envelope_sha256 == observed.envelope_sha256
    leaves = [leaf_hash(entry.to_bytes()) for entry in found]
    assert show_log(archive).checkpoint.head.root == root_of(leaves)
    assert audited(archive).damages == []


def test_right_after_a_capture_the_claims_of_the_log_are_proven(
    archive: Archive, ids: list[RecordId]
) -> None:
    for number, capture_id in enumerate(ids):
        report = verify_record(archive, capture_id)
        assert report.result is Result.VERIFIED
        found = {f.claim: f for f in report.findings if f.claim.startswith("log.")}
        assert [found[claim].status for claim in LOG_CLAIMS] == [Status.PASS] * 3
        assert found["log.inclusion"].detail == f"entry {number + 1} of 4"
        assert found["log.witness"].status is Status.NOT_APPLICABLE
        assert found["log.consistency"].status is Status.PASS


def test_a_statement_names_the_checkpoint_that_was_published_before_it(
    archive: Archive, site: Origin, ids: list[RecordId]
) -> None:
    before = kept_note(archive)
    look = captured(archive, site.url("/4")).signed.look
    assert look.anchor is not None
    assert look.anchor.note_sha256 == sha256_hex(before)
    checkpoint = SignedCheckpoint.from_bytes(before)
    assert (look.anchor.origin, look.anchor.size) == (checkpoint.checkpoint.origin, 4)
    assert look.anchor.root == checkpoint.head.root.hex()
    now = kept_note(archive)
    restrict(archive, ids[0], Wanted(None, "hidden", "asked for"), "operator")
    row = tables(archive)["statement"][0]
    envelope = read_envelope(archive.store.get(str(row[4])))
    predicate = ContentPredicate.from_json(Statement.from_bytes(envelope.payload).predicate)
    assert predicate.anchor is not None
    assert predicate.anchor.note_sha256 == sha256_hex(now)


def test_the_widest_statements_with_an_anchor_still_fit_what_a_kms_signs(
    tmp_path: Path, origin: Origin
) -> None:
    wide = settings_at(
        tmp_path / "wide",
        MUNIMENT_LOG_ORIGIN="o" * ORIGIN_LIMIT,
        MUNIMENT_CAPTURE_VANTAGE='"' * 64,
        MUNIMENT_CAPTURE_LANGUAGE="x" * 64,
    )
    odd, long = "\xff" * 290, "/" + "a" * 470
    headers = (("Link", f'<{odd}>; rel="blocked-by"'), ("Date", "x" * 64))
    origin.page("/legal" + "u" * 460, page("No."), status="451 " + odd, headers=headers)
    origin.page(long, page("Long."), headers=headers[1:])
    origin.page(long + "b" * 2000, page("Longer."), headers=headers[1:])
    origin.redirect("/start" + "c" * 400, long)
    paths = ("/legal" + "u" * 460, long, long, long + "b" * 2000, "/start" + "c" * 400)
    opened = new_archive(wide)
    try:
        for path in paths:
            signed = captured(opened, origin.url(path)).signed
            envelope = read_envelope(opened.store.get(signed.envelope_key))
            assert loads(envelope.payload)["predicate"]["checkpoint"]["origin"] == "o" * 100
            assert len(envelope.signed_bytes()) <= SIGNED_BYTES_LIMIT
        published(opened)
        assert audited(opened).damages == []
    finally:
        opened.close()
    predicate = ContentPredicate(
        made_at="2026-11-28T01:07:06.123456Z",
        about=tuple(f"{number:064x}" for number in range(ABOUT_LIMIT)),
        previous="f" * 64,
        signer=Signer("f" * 64, 2**53 - 1),
        anchor=Anchor("o" * ORIGIN_LIMIT, 2**53 - 1, "f" * 64, "f" * 64),
    )
    for kind in CONTENT_TYPES.values():
        statement = Statement({CONTENT: "f" * 64}, kind, predicate.to_json())
        assert len(pae(PAYLOAD_TYPE, statement.to_bytes())) <= SIGNED_BYTES_LIMIT


def test_what_is_logged_and_not_yet_published_is_pending(
    archive: Archive, settings: Settings, site: Origin, ids: list[RecordId]
) -> None:
    key = settings.keys_folder / "log.pem"
    hidden = key.with_suffix(".away")
    key.rename(hidden)
    late = minted(archive, site.url("/5"))
    report = verify_record(archive, late)
    assert report.result is Result.INCOMPLETE
    assert unknowns(report) == {("log.inclusion", "LOG_PENDING")}
    assert audited(archive).damages == []
    with pytest.raises(NotFound, match="not published yet"):
        prove_logged(archive, late)
    hidden.rename(key)
    published(archive)
    assert verify_record(archive, late).result is Result.VERIFIED


def test_a_proof_file_proves_the_entry_by_itself(archive: Archive, ids: list[RecordId]) -> None:
    proven = prove_logged(archive, ids[1])
    proof = LogProof.from_bytes(proven.proof)
    assert proof.includes(leaf_hash(proven.entry))
    assert loads(proven.entry)["id"] == str(ids[1])
    assert prove_logged(archive, proven.statement_sha256) == proven
    for unknown in (RecordId("CA", ids[0].kind, 999), "0" * 64):
        with pytest.raises(NotFound):
            prove_logged(archive, unknown)


def test_a_log_is_checked_by_its_files_alone(
    archive: Archive, site: Origin, settings: Settings, ids: list[RecordId]
) -> None:
    kept = kept_note(archive)
    minted(archive, site.url("/4"))
    checked = check_log(archive, [kept], lambda _done, _total: None)
    assert (checked.faults, checked.size, checked.given) == ([], 5, 1)
    for key in stored_keys(settings, "log/"):
        path = stored_file(settings, key)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        with damaged(path, bytes(data)):
            assert check_log(archive, [kept], lambda _done, _total: None).exit_code == 1, key


# Rebuilding


def test_a_rebuild_gives_every_entry_its_place_again(
    archive: Archive, site: Origin, ids: list[RecordId]
) -> None:
    restrict(archive, ids[0], Wanted(None, "hidden", "asked for"), "operator")
    before, note = (published(archive), tables(archive)), kept_note(archive)
    assert rebuilt(archive).is_complete
    published(archive)
    assert tables(archive) == before[1]
    assert kept_note(archive) == note
    minted(archive, site.url("/5"))
    assert audit_against(archive, note) == set()


def test_an_archive_without_its_catalogue_goes_on_with_its_log(
    archive: Archive,
    settings: Settings,
    site: Origin,
    ids: list[RecordId],
    emptied: Callable[[Settings], Settings],
) -> None:
    note = kept_note(archive)
    archive.close()
    again = new_archive(emptied(settings))
    try:
        # A new catalogue beside an old log begins no other one.
        minted(again, site.url("/4"))
        assert kept_note(again) == note
        assert rebuilt(again).is_complete
        published(again)
        assert [entry.kind for entry in entries(again)] == ["keyset", *["capture"] * 4]
        assert audit_against(again, note) == set()
    finally:
        again.close()


def test_entries_beyond_the_last_checkpoint_keep_the_order_of_their_bundle(
    archive: Archive, settings: Settings, site: Origin, ids: list[RecordId]
) -> None:
    for number in (3, 4, 5):
        minted(archive, site.url(f"/{number}"))
    whole = tables(archive)["log_entry"]
    for key in stored_keys(settings, "log/checkpoints/"):
        size = int(key.split("/")[2])
        if size > 4:
            stored_file(settings, key).unlink()
    overwrite(stored_file(settings, LATEST), archive.store.get(checkpoint_key(4)))
    assert rebuilt(archive).is_complete
    assert tables(archive)["log_entry"] == whole
    published(archive)
    # The captures still name the checkpoints that were taken away.
    assert damages(archive) == {
        (checkpoint_key(size), "log.checkpoint", "OBJECT_MISSING") for size in (5, 6)
    }


def test_a_log_starts_with_all_that_was_signed_before_in_the_order_of_digests(
    archive: Archive, settings: Settings, site: Origin, ids: list[RecordId]
) -> None:
    # As an archive was before it had a log.
    execute(archive, "delete from log_entry")
    execute(archive, "delete from log_head")
    shutil.rmtree(settings.data / "store/log")
    archive.close()
    again = new_archive(settings)
    try:
        published(again)
        found = entries(again)
        digests = [entry.statement_sha256 for entry in found]
        assert len(digests) == 4
        assert digests == sorted(digests)
        assert verify_record(again, minted(again, site.url("/4"))).result is Result.VERIFIED
    finally:
        again.close()


# Attacks on rows and files: the audit names each


NEWEST = 4
TILE, BUNDLE = f"log/tile/0/000.p/{NEWEST}", f"log/tile/entries/000.p/{NEWEST}"
ALTERED = {
    TILE: ("log.inclusion", "LOG_INCONSISTENT"),
    "log/tile/0/000.p/2": ("log.inclusion", "LOG_INCONSISTENT"),
    BUNDLE: ("log.inclusion", "LOG_INCONSISTENT"),
    "log/tile/entries/000.p/1": ("log.inclusion", "LOG_INCONSISTENT"),
}


@pytest.mark.parametrize("key", ALTERED)
def test_an_altered_tile_or_bundle_is_named(
    archive: Archive, settings: Settings, ids: list[RecordId], key: str
) -> None:
    path = stored_file(settings, key)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    with damaged(path, bytes(data)):
        assert damages(archive) == {(key, *ALTERED[key])}


@pytest.mark.parametrize("key", ALTERED)
def test_a_missing_tile_or_bundle_is_named(
    archive: Archive, settings: Settings, ids: list[RecordId], key: str
) -> None:
    with damaged(stored_file(settings, key), None):
        assert damages(archive) == {(key, "log.inclusion", "OBJECT_MISSING")}


def test_a_surplus_tile_is_named(archive: Archive, settings: Settings, ids: list[RecordId]) -> None:
    for key in ("log/tile/0/000.p/9", "log/tile/2/000.p/1", "log/tile/entries/007"):
        path = stored_file(settings, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0" * 64)
        assert damages(archive) == {(key, "log.inclusion", "LOG_TRUNCATED")}
        path.unlink()


@pytest.mark.parametrize("size", [2, NEWEST])
def test_an_altered_missing_or_exchanged_checkpoint_is_named(
    archive: Archive, settings: Settings, ids: list[RecordId], size: int
) -> None:
    key = checkpoint_key(size)
    path = stored_file(settings, key)
    whole = path.read_bytes()
    other = stored_file(settings, checkpoint_key(3)).read_bytes()
    with damaged(path, whole.replace(b"\n\n", b"\n", 1)):
        assert (key, "log.checkpoint", "NOTE_MALFORMED") in damages(archive)
    flipped = bytearray(whole)
    flipped[-10] = ord("A") if flipped[-10] != ord("A") else ord("B")
    with damaged(path, bytes(flipped)):
        assert {(k, c) for k, c, _ in damages(archive)} >= {(key, "log.checkpoint")}
    with damaged(path, other):
        assert (key, "log.checkpoint", "LOG_INCONSISTENT") in damages(archive)
    with damaged(path, None):
        assert damages(archive) == {(key, "log.checkpoint", "OBJECT_MISSING")}


def test_a_pointer_that_is_altered_gone_or_set_back_is_named(
    archive: Archive, settings: Settings, ids: list[RecordId]
) -> None:
    path = stored_file(settings, LATEST)
    old = stored_file(settings, checkpoint_key(2)).read_bytes()
    with damaged(path, old):
        assert damages(archive) == {(LATEST, "log.consistency", "LOG_STALE")}
    with damaged(path, None):
        assert damages(archive) == {(LATEST, "log.checkpoint", "OBJECT_MISSING")}
    with damaged(path, old.replace(b"\n2\n", b"\n4\n")):
        assert damages(archive) == {(LATEST, "log.checkpoint", "CHECKPOINT_SIGNATURE")}
    with damaged(path, b"nothing"):
        assert damages(archive) == {(LATEST, "log.checkpoint", "NOTE_MALFORMED")}


def test_an_altered_row_of_the_sequence_is_named(archive: Archive, ids: list[RecordId]) -> None:
    found = entries(archive)
    other = LogEntry("capture", found[2].record_id, found[2].statement_sha256, "0" * 64)
    where = {"entry": other.to_bytes(), "idx": 2}
    execute(archive, "update log_entry set entry = :entry where idx = :idx", **where)
    assert damages(archive) == {("log entry 2", "log.entry", "LOG_ENTRY_MISMATCH")}
    report = verify_record(archive, ids[1])
    assert failures(report) == {("log.entry", "LOG_ENTRY_MISMATCH")}
    assert rebuilt(archive).is_complete
    assert damages(archive) == set()


def test_a_row_that_was_taken_out_of_the_sequence_is_named(
    archive: Archive, ids: list[RecordId]
) -> None:
    execute(archive, "delete from log_entry where idx = 2")
    name = f"log entry of {ids[1]}"
    assert damages(archive) == {
        ("log entry 2", "log.entry", "LOG_TRUNCATED"),
        (name, "log.entry", "LOG_NOT_INCLUDED"),
    }
    assert failures(verify_record(archive, ids[1])) == {("log.entry", "LOG_NOT_INCLUDED")}


def test_a_tail_that_was_cut_off_the_sequence_is_named(
    archive: Archive, ids: list[RecordId]
) -> None:
    execute(archive, "delete from log_entry where idx = 3")
    execute(archive, "update log_head set appended = 3")
    key, name = checkpoint_key(NEWEST), f"log entry of {ids[2]}"
    assert {
        (key, "log.consistency", "LOG_TRUNCATED"),
        (name, "log.entry", "LOG_NOT_INCLUDED"),
    } <= damages(archive)
    assert failures(verify_record(archive, ids[2])) == {("log.entry", "LOG_NOT_INCLUDED")}


def test_a_statement_that_was_taken_away_is_named_by_its_entry(
    archive: Archive, settings: Settings, ids: list[RecordId]
) -> None:
    for key in stored_keys(settings, f"captures/{ids[2]}/"):
        stored_file(settings, key).unlink()
    number = {"number": ids[2].number}
    for statement in (
        "delete from part where capture_number = :number",
        "delete from cdx where capture_number = :number",
        "delete from capture where number = :number",
    ):
        execute(archive, statement, **number)
    assert damages(archive) == {("log entry 3", "log.entry", "OBJECT_MISSING")}
    left_out = rebuilt(archive).left_out
    assert [(name, code) for name, code, _ in left_out] == [("log entry 3", "OBJECT_MISSING")]
    assert damages(archive) == {("log entry 3", "log.entry", "OBJECT_MISSING")}


def test_a_head_that_was_altered_is_named(archive: Archive, ids: list[RecordId]) -> None:
    note = archive.store.get(checkpoint_key(2))
    execute(archive, "update log_head set published_note = :note", note=note)
    assert ("catalogue row of the log", "log.checkpoint", "CATALOG_DISAGREES") in damages(archive)
    rebuilt(archive)
    published(archive)
    execute(archive, "update log_head set appended = 9")
    assert ("catalogue row of the log", "log.entry", "CATALOG_DISAGREES") in damages(archive)
    rebuilt(archive)
    published(archive)
    assert damages(archive) == set()
    execute(archive, "delete from log_head")
    assert ("catalogue row of the log", "log.entry", "NOT_CATALOGUED") in damages(archive)


@pytest.mark.parametrize(
    ("marks", "values"),
    [
        ("signed = 0, signed_note = null", {}),
        ("signed_note = :note", {"note": b"nothing"}),
        ("signed = 2", {}),
        ("published = 0, published_note = null", {}),
        ("integrated = 0, root = :root", {"root": EMPTY_ROOT}),
    ],
)
def test_marks_of_the_head_that_do_not_follow_from_each_other_are_named(
    archive: Archive, ids: list[RecordId], marks: str, values: dict[str, object]
) -> None:
    execute(archive, f"update log_head set {marks}", **values)
    assert damages(archive) == {("catalogue row of the log", "log.checkpoint", "CATALOG_DISAGREES")}
    assert rebuilt(archive).is_complete
    assert damages(archive) == set()


def test_a_last_signature_over_another_tree_is_named(
    archive: Archive, ids: list[RecordId], log_signed: Signed
) -> None:
    note = log_signed(archive, TreeHead(NEWEST, b"1" * 32))
    execute(archive, "update log_head set signed_note = :note", note=note)
    assert damages(archive) == {("catalogue row of the log", "log.checkpoint", "CATALOG_DISAGREES")}


def test_a_list_of_checkpoints_that_was_altered_is_named(
    archive: Archive, settings: Settings, ids: list[RecordId]
) -> None:
    head = ("catalogue row of the log", "log.checkpoint", "CATALOG_DISAGREES")
    for size in (2, NEWEST):
        execute(archive, "delete from log_checkpoint where size = :size", size=size)
        assert damages(archive) == {head}
        execute(archive, "insert into log_checkpoint (size) values (:size)", size=size)
    execute(archive, "insert into log_checkpoint (size) values (99)")
    assert (checkpoint_key(99), "log.checkpoint", "OBJECT_MISSING") in damages(archive)
    assert rebuilt(archive).is_complete
    assert damages(archive) == set()


def test_a_checkpoint_that_no_capture_names_is_missed_too(
    archive: Archive, settings: Settings, ids: list[RecordId]
) -> None:
    for number in range(2):
        restrict(archive, ids[number], Wanted(None, "hidden", "asked for"), "operator")
        published(archive)
    key = checkpoint_key(NEWEST + 1)
    with damaged(stored_file(settings, key), None):
        assert damages(archive) == {(key, "log.checkpoint", "OBJECT_MISSING")}


@pytest.mark.parametrize("beyond", [0, 5])
def test_another_tree_that_is_pointed_at_is_a_split_view(
    archive: Archive, settings: Settings, ids: list[RecordId], log_signed: Signed, beyond: int
) -> None:
    other = log_signed(archive, TreeHead(NEWEST + beyond, b"1" * 32))
    with damaged(stored_file(settings, LATEST), other):
        assert damages(archive) == {(LATEST, "log.consistency", "LOG_INCONSISTENT")}


def test_a_pointer_with_a_line_more_than_was_published_is_named(
    archive: Archive, settings: Settings, ids: list[RecordId]
) -> None:
    path = stored_file(settings, LATEST)
    with damaged(path, path.read_bytes() + path.read_bytes().rpartition(b"\n\n")[2]):
        assert damages(archive) == {(LATEST, "log.checkpoint", "OBJECT_DIGEST_MISMATCH")}


def test_a_log_that_is_checked_by_its_files_says_when_the_pointer_lags(
    archive: Archive, settings: Settings, ids: list[RecordId]
) -> None:
    old = stored_file(settings, checkpoint_key(2)).read_bytes()
    with damaged(stored_file(settings, LATEST), old):
        checked = check_log(archive, [], lambda _done, _total: None)
    assert [(fault.key, fault.code) for fault in checked.faults] == [(LATEST, "LOG_STALE")]
    assert checked.exit_code == 2


@pytest.mark.parametrize("gone", ["idx = 2", "idx >= 2"])
def test_rows_that_are_gone_are_no_past_that_was_changed(
    archive: Archive, ids: list[RecordId], gone: str
) -> None:
    note = kept_note(archive)
    execute(archive, f"delete from log_entry where {gone}")
    assert not {found for found in audit_against(archive, note) if "given" in found[0]}


# What only a checkpoint kept elsewhere can show


def without(archive: Archive, settings: Settings, capture_id: RecordId) -> None:
    """Take away a capture's files, and let everything else be remade without it."""
    for key in stored_keys(settings, f"captures/{capture_id}/"):
        stored_file(settings, key).unlink()
    assert not list(archive.store.list(inventory_key(capture_id)))


def test_an_end_that_was_cut_off_everywhere_is_shown_by_a_kept_checkpoint_alone(
    archive: Archive, settings: Settings, ids: list[RecordId]
) -> None:
    kept = kept_note(archive)
    without(archive, settings, ids[2])
    for key in stored_keys(settings, "log/"):
        if key.endswith(f"/{NEWEST}") or f"/{NEWEST}/" in key:
            stored_file(settings, key).unlink()
    overwrite(stored_file(settings, LATEST), archive.store.get(checkpoint_key(3)))
    assert rebuilt(archive).is_complete
    published(archive)
    assert damages(archive) == set()
    given = ("the checkpoint that was given", "log.consistency", "LOG_TRUNCATED")
    assert audit_against(archive, kept) == {given}
    report = verify_record(archive, ids[0], pinned=(kept,))
    assert failures(report) == {("log.consistency", "LOG_TRUNCATED")}
    checked = check_log(archive, [kept], lambda _done, _total: None)
    assert [fault.code for fault in checked.faults] == ["LOG_TRUNCATED"]


def test_a_past_that_was_made_anew_is_shown_by_a_kept_checkpoint_and_by_every_anchor(
    archive: Archive, settings: Settings, ids: list[RecordId]
) -> None:
    kept = archive.store.get(checkpoint_key(3))
    without(archive, settings, ids[0])
    for key in stored_keys(settings, "log/"):
        stored_file(settings, key).unlink()
    rebuilt(archive)
    published(archive)
    assert len(entries(archive)) == 3
    given = ("the checkpoint that was given", "log.consistency", "LOG_INCONSISTENT")
    assert given in audit_against(archive, kept)
    assert given not in damages(archive)
    report = verify_record(archive, ids[2])
    assert failures(report) == {("log.consistency", "LOG_INCONSISTENT")}


@pytest.mark.parametrize("is_revoked", [False, True])
def test_a_log_that_ended_is_audited_and_rebuilt_like_any_other(
    archive: Archive, settings: Settings, site: Origin, ids: list[RecordId], *, is_revoked: bool
) -> None:
    note, keyset = kept_note(archive), trusted_keyset(archive)
    assert keyset.log is not None
    keyid, now = keyset.log.keyid, archive.clock.now()
    end = (
        revoked(keyid, now, "stolen", ends_log=True)
        if is_revoked
        else retired(keyid, "enough", ends_log=True)
    )
    amend(archive, key_files(settings), Amendment([end]))
    minted(archive, site.url("/3"))
    assert damages(archive) == set()
    given = ("the checkpoint that was given", "log.consistency", "CHECKPOINT_SIGNATURE")
    assert audit_against(archive, note) == ({given} if is_revoked else set())
    before = entries(archive)
    assert rebuilt(archive).is_complete
    assert entries(archive)[:NEWEST] == before[:NEWEST]
    assert len(entries(archive)) == len(before)
    report = verify_record(archive, ids[0])
    [entry] = [found for found in report.findings if found.claim == "log.entry"]
    assert entry.status is Status.PASS
    key = checkpoint_key(2)
    with damaged(stored_file(settings, key), None):
        assert damages(archive) == {(key, "log.checkpoint", "OBJECT_MISSING")}
    execute(archive, "delete from log_entry where idx = 2")
    assert ("log entry 2", "log.entry", "LOG_TRUNCATED") in damages(archive)


def test_a_kept_checkpoint_of_another_log_proves_nothing_and_says_so(
    archive: Archive, ids: list[RecordId], tmp_path: Path
) -> None:
    other = new_archive(settings_at(tmp_path / "other"))
    note = kept_note(other)
    other.close()
    report = verify_record(archive, ids[0], pinned=(note,))
    assert failures(report) == set()
    assert unknowns(report) == {("log.consistency", "CHECKPOINT_SIGNATURE")}
    assert report.trust.pinned_checkpoint == sha256_hex(note)
    given = ("the checkpoint that was given", "log.consistency", "CHECKPOINT_SIGNATURE")
    assert audit_against(archive, note) == {given}


def test_a_log_that_stands_still_is_named_and_captures_go_on(
    archive: Archive, settings: Settings, site: Origin, ids: list[RecordId]
) -> None:
    key = f"log/tile/entries/000.p/{NEWEST + 1}"
    path = stored_file(settings, key)
    path.write_bytes(b"\0\0" * 5)
    late = minted(archive, site.url("/4"))
    assert unknowns(verify_record(archive, late)) == {("log.inclusion", "LOG_PENDING")}
    found = damages(archive)
    assert ("catalogue row of the log", "log.consistency", "LOG_STOPPED") in found
    assert (key, "log.inclusion", "LOG_INCONSISTENT") in found
    path.unlink()
    assert rebuilt(archive).is_complete
    published(archive)
    assert verify_record(archive, late).result is Result.VERIFIED
    assert damages(archive) == set()


def test_every_process_that_opens_the_archive_sees_the_same_log(
    archive: Archive, settings: Settings, site: Origin, ids: list[RecordId]
) -> None:
    other = open_archive(settings)
    try:
        minted(other, site.url("/4"))
        minted(archive, site.url("/5"))
        assert [entry.kind for entry in entries(other)] == ["keyset", *["capture"] * 5]
        assert show_log(archive).note == show_log(other).note
    finally:
        other.close()
    assert damages(archive) == set()
