# SPDX-License-Identifier: Apache-2.0
"""Tampering with stored files: each is found, by the one claim that is about it.

The archive under test has a plain capture, an unchanged one (a revisit), a content-coded one, one
behind redirects, a blocked look and a truncated one.
"""

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.archives import (
    audited,
    captured,
    damaged,
    failures,
    flipped,
    hasty_settings,
    minted,
    new_archive,
    page,
    stored_file,
    stored_keys,
    unknowns,
)
from support.origin import Origin

from archive.bootstrap import key_files, open_archive
from archive.digests import sha256_hex
from archive.model.claim import Report, Status
from archive.proofs.dsse import Envelope, read_envelope
from archive.services.capturing.capture import Recorded
from archive.services.context import Archive
from archive.services.upkeep.audit import CLAIMS
from archive.services.verifying.verify import verify_observation, verify_record
from archive.settings import Settings
from archive.signing.file import FileSigner, create_key, open_key, read_passphrase
from archive.storage.layout import (
    LOG,
    blob_key,
    inventory_key,
    keyset_key,
    read_key,
    statement_key,
)

FLIPS_A_FILE = 80
ENVELOPE_CLAIMS = {"envelope.form", "key.chain", "signature"}
NOT_ONE_ROOT = {Status.FAIL, Status.UNKNOWN}


@dataclass(frozen=True)
class Tampered:
    """An archive whose files may be damaged, and its records by name."""

    settings: Settings
    archive: Archive
    records: dict[str, Recorded]

    def report(self, name: str) -> Report:
        signed = self.records[name].signed
        if signed.look.capture_id is not None:
            return verify_record(self.archive, signed.look.capture_id)
        return verify_observation(self.archive, signed.statement_sha256)

    def touched(self, key: str) -> list[str]:
        """The records whose evidence includes the object."""
        return [name for name, recorded in self.records.items() if key in keys_of(recorded)]


def keys_of(recorded: Recorded) -> set[str]:
    signed = recorded.signed
    capture_id = signed.look.capture_id
    place = inventory_key(capture_id) if capture_id else blob_key(signed.inventory_sha256)
    containers = {blob_key(container.sha256) for container in signed.inventory.containers}
    return containers | {place, signed.envelope_key}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tampered]:
    settings = hasty_settings(tmp_path_factory.mktemp("tampered") / "data")
    archive = new_archive(settings)
    with Origin() as origin:
        from support.archives import add_documents, add_refusals

        documents = add_documents(origin)
        refusals = add_refusals(origin)
        records = {
            "plain": captured(archive, origin.url(documents["plain"])),
            "revisit": captured(archive, origin.url(documents["plain"])),
            "gzip": captured(archive, origin.url(documents["gzip"])),
            "redirected": captured(archive, origin.url(documents["moved"])),
            "blocked": captured(archive, refusals["403"][0]),
            "truncated": captured(archive, refusals["cut"][0]),
        }
    yield Tampered(settings, archive, records)
    archive.close()


@pytest.fixture
def tampered(whole: Tampered, tmp_path: Path) -> Iterator[Tampered]:
    """A copy that a test may leave damaged."""
    shutil.copytree(whole.settings.data, tmp_path / "copy")
    settings = replace(whole.settings, data=tmp_path / "copy")
    archive = open_archive(settings)
    yield Tampered(settings, archive, whole.records)
    archive.close()


def expected_claims(whole: Tampered, key: str) -> set[str]:
    """The claims of which one must fail when the object is damaged."""
    role = read_key(key).role
    if role == "keyset" or key not in {k for r in whole.records.values() for k in keys_of(r)}:
        return {"key.chain"}
    if role in {"statement", "observation"}:
        return ENVELOPE_CLAIMS
    containers = {c.sha256 for r in whole.records.values() for c in r.signed.inventory.containers}
    return {"object.digest"} if read_key(key).name in containers else {"inventory.bound"}


def assert_found(whole: Tampered, key: str, how: str) -> None:
    """The damage fails one right claim of each record that it touches, and the audits name it."""
    expected = expected_claims(whole, key)
    touched = list(whole.records) if expected == {"key.chain"} else whole.touched(key)
    assert touched
    for name in whole.records:
        report = whole.report(name)
        claims = {claim for claim, _ in failures(report)}
        if name not in touched:
            assert report.result.exit_code == 0, (key, how, name)
            continue
        assert len(claims) == 1, (key, how, name, failures(report))
        assert claims <= expected, (key, how, name)
        assert unknowns(report) == set(), (key, how, name)
        assert report.result.exit_code in {1, 3}
    for level in CLAIMS:
        audit = audited(whole.archive, level)
        assert audit.exit_code == 1, (key, how, level)
        # An observation's inventory is a blob, so that the audit finds it by its digest already.
        allowed = expected | ({"object.digest"} if read_key(key).role == "blob" else set())
        assert {damage.claim for damage in audit.damages} <= allowed, (key, how, audit.damages)


def all_keys(whole: Tampered) -> list[str]:
    """Every file but those of the log, of which no record's own evidence consists."""
    return [key for key in stored_keys(whole.settings) if not key.startswith(LOG)]


def test_the_untouched_archive_verifies(whole: Tampered) -> None:
    assert [whole.report(name).result.exit_code for name in whole.records] == [0] * 6
    for level in CLAIMS:
        audit = audited(whole.archive, level)
        assert (audit.exit_code, audit.damages, audit.unreferenced) == (0, [], [])
    kinds = {read_key(key).role for key in all_keys(whole)}
    assert kinds == {"blob", "inventory", "statement", "observation", "keyset"}
    roles = [part.role for part in whole.records["gzip"].signed.inventory.parts]
    assert "body-raw" in roles
    assert len(whole.records["revisit"].signed.inventory.containers) == 2
    assert len(whole.records["redirected"].signed.look.redirects) == 2
    assert whole.records["blocked"].signed.look.outcome == "blocked"
    assert whole.records["truncated"].signed.look.outcome == "truncated"


def test_one_flipped_bit_in_any_file_fails_the_one_right_claim(whole: Tampered) -> None:
    for key in all_keys(whole):
        path = stored_file(whole.settings, key)
        data = path.read_bytes()
        chooser = random.Random(key.rpartition("/")[2])
        for bit in [0, 8 * len(data) - 1, *(chooser.randrange(8 * len(data)) for _ in range(4))]:
            with damaged(path, flipped(data, bit)):
                assert_found(whole, key, f"bit {bit}")


def test_one_flipped_bit_in_any_file_of_the_log_is_named_by_the_audit(whole: Tampered) -> None:
    keys = stored_keys(whole.settings, LOG)
    assert {read_key(key).role for key in keys} == {"tile", "checkpoint", "latest"}
    for key in keys:
        path = stored_file(whole.settings, key)
        data = path.read_bytes()
        chooser = random.Random(key)
        for bit in [0, 8 * len(data) - 1, *(chooser.randrange(8 * len(data)) for _ in range(4))]:
            with damaged(path, flipped(data, bit)):
                found = audited(whole.archive, "plain")
                assert found.exit_code == 1, (key, bit)
                assert {damage.key for damage in found.damages} == {key}, (key, bit)
                for name in whole.records:
                    causes = {claim for claim, _ in failures(whole.report(name))}
                    assert len(causes) <= 1, (key, bit, causes)
                    assert all(claim.startswith("log.") for claim in causes), (key, bit)


def flips_fail(whole: Tampered, key: str, bits: Iterator[int] | list[int]) -> None:
    path = stored_file(whole.settings, key)
    data = path.read_bytes()
    expected = expected_claims(whole, key)
    name = (whole.touched(key) or list(whole.records))[0]
    for bit in bits:
        with damaged(path, flipped(data, bit)):
            report = whole.report(name)
            assert len({claim for claim, _ in failures(report)} & expected) == 1, (key, bit)
            assert len({claim for claim, _ in failures(report)}) == 1, (key, bit)
            assert unknowns(report) == set(), (key, bit)


def test_random_bits_of_each_file_fail_one_claim_of_its_record(whole: Tampered) -> None:
    for key in all_keys(whole):
        size = stored_file(whole.settings, key).stat().st_size
        chooser = random.Random(f"more {size}")
        flips_fail(whole, key, [chooser.randrange(8 * size) for _ in range(FLIPS_A_FILE)])


@pytest.mark.slow
def test_a_flipped_bit_in_every_byte_of_each_file_fails_one_claim(whole: Tampered) -> None:
    for key in all_keys(whole):
        size = stored_file(whole.settings, key).stat().st_size
        chooser = random.Random(f"each byte of {size}")
        flips_fail(whole, key, [8 * at + chooser.randrange(8) for at in range(size)])


def test_a_removed_file_is_missing_by_the_right_claim(whole: Tampered) -> None:
    for key in all_keys(whole):
        with damaged(stored_file(whole.settings, key), None):
            expected = expected_claims(whole, key)
            if expected == ENVELOPE_CLAIMS:
                expected = {"envelope.form"}
            for name in whole.touched(key) or list(whole.records):
                report = whole.report(name)
                assert {claim for claim, _ in failures(report)} == expected, (key, name)
                assert report.result.exit_code != 0
            audit = audited(whole.archive, "plain")
            assert audit.exit_code == 1, (key, audit.damages)
            assert {damage.claim for damage in audit.damages} <= expected | {"object.digest"}


@pytest.mark.parametrize("keep", [0, 1, 0.5, -1])
def test_a_truncated_file_is_found(whole: Tampered, keep: float) -> None:
    for key in all_keys(whole):
        path = stored_file(whole.settings, key)
        data = path.read_bytes()
        cut = data[: int(keep * len(data))] if 0 < keep < 1 else data[: int(keep)]
        with damaged(path, cut):
            assert_found(whole, key, f"cut to {len(cut)}")


def test_a_grown_file_is_found(whole: Tampered) -> None:
    for key in all_keys(whole):
        path = stored_file(whole.settings, key)
        with damaged(path, path.read_bytes() + b"\n"):
            assert_found(whole, key, "one byte more")


def statement_of(whole: Tampered, name: str) -> Path:
    return stored_file(whole.settings, whole.records[name].signed.envelope_key)


def inventory_of(whole: Tampered, name: str) -> Path:
    capture_id = whole.records[name].signed.look.capture_id
    assert capture_id is not None
    return stored_file(whole.settings, inventory_key(capture_id))


def test_the_statement_of_another_capture_is_an_id_mismatch(tampered: Tampered) -> None:
    statement_of(tampered, "plain").write_bytes(statement_of(tampered, "gzip").read_bytes())
    assert failures(tampered.report("plain")) == {("statement.id", "ID_MISMATCH")}
    assert tampered.report("gzip").result.exit_code == 0
    for level in CLAIMS:
        claims = {(d.claim, d.code) for d in audited(tampered.archive, level).damages}
        assert claims == {("statement.id", "ID_MISMATCH")}


def test_statement_and_inventory_of_another_capture_are_an_id_mismatch(tampered: Tampered) -> None:
    statement_of(tampered, "plain").write_bytes(statement_of(tampered, "gzip").read_bytes())
    inventory_of(tampered, "plain").write_bytes(inventory_of(tampered, "gzip").read_bytes())
    assert failures(tampered.report("plain")) == {("statement.id", "ID_MISMATCH")}


def test_the_statement_of_an_observation_under_a_captures_id_is_refused(tampered: Tampered) -> None:
    statement_of(tampered, "plain").write_bytes(statement_of(tampered, "blocked").read_bytes())
    assert failures(tampered.report("plain")) == {("statement.id", "ID_MISMATCH")}


def test_the_statement_of_another_observation_is_an_id_mismatch(tampered: Tampered) -> None:
    statement_of(tampered, "blocked").write_bytes(statement_of(tampered, "truncated").read_bytes())
    assert failures(tampered.report("blocked")) == {("statement.id", "ID_MISMATCH")}


def test_the_inventory_of_another_capture_is_not_bound(tampered: Tampered) -> None:
    one, other = inventory_of(tampered, "plain"), inventory_of(tampered, "gzip")
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    for name in ("plain", "gzip"):
        assert failures(tampered.report(name)) == {("inventory.bound", "INVENTORY_NOT_BOUND")}


def test_swapped_containers_do_not_have_their_digests(tampered: Tampered) -> None:
    one, other = (
        stored_file(
            tampered.settings, blob_key(tampered.records[name].signed.inventory.own_container or "")
        )
        for name in ("plain", "gzip")
    )
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    for name in ("plain", "gzip", "revisit"):
        [(claim, code)] = failures(tampered.report(name))
        assert claim == "object.digest"
        assert code in {"OBJECT_SIZE_MISMATCH", "OBJECT_DIGEST_MISMATCH"}


def resealed(tampered: Tampered, name: str, signer: FileSigner, payload: bytes) -> bytes:
    """An envelope over a payload by a signer, honest in everything but who that is."""
    envelope = Envelope(payload, signer.public_key.keyid, b"")
    return replace(envelope, signature=signer.sign(envelope.signed_bytes())).to_bytes()


def test_a_statement_signed_by_an_unknown_key_is_refused(
    tampered: Tampered, tmp_path: Path
) -> None:
    stranger = create_key(tmp_path / "stranger.pem", b"secret")
    path = statement_of(tampered, "plain")
    payload = read_envelope(path.read_bytes()).payload
    path.write_bytes(resealed(tampered, "plain", stranger, payload))
    assert failures(tampered.report("plain")) == {("key.chain", "KEY_UNKNOWN")}


def test_a_signature_of_a_stranger_under_the_keys_name_is_invalid(
    tampered: Tampered, tmp_path: Path
) -> None:
    stranger = create_key(tmp_path / "stranger.pem", b"secret")
    path = statement_of(tampered, "plain")
    sound = read_envelope(path.read_bytes())
    forged = replace(sound, signature=stranger.sign(sound.signed_bytes()))
    path.write_bytes(forged.to_bytes())
    assert failures(tampered.report("plain")) == {("signature", "SIGNATURE_INVALID")}


def test_a_signature_moved_to_another_payload_is_invalid(tampered: Tampered) -> None:
    path = statement_of(tampered, "plain")
    other = read_envelope(statement_of(tampered, "gzip").read_bytes())
    moved = replace(read_envelope(path.read_bytes()), signature=other.signature)
    path.write_bytes(moved.to_bytes())
    assert failures(tampered.report("plain")) == {("signature", "SIGNATURE_INVALID")}


def test_a_root_key_may_not_sign_captures(tampered: Tampered) -> None:
    files = key_files(tampered.settings)
    root = open_key(files.root, read_passphrase(files.passphrase_file))
    path = statement_of(tampered, "plain")
    payload = read_envelope(path.read_bytes()).payload
    path.write_bytes(resealed(tampered, "plain", root, payload))
    assert failures(tampered.report("plain")) == {("key.chain", "KEY_UNKNOWN")}


def test_a_further_signature_by_an_unknown_key_neither_helps_nor_harms(
    tampered: Tampered, tmp_path: Path
) -> None:
    stranger = create_key(tmp_path / "stranger.pem", b"secret")
    path = statement_of(tampered, "plain")
    capture_id = tampered.records["plain"].signed.look.capture_id
    assert capture_id is not None
    further = stored_file(tampered.settings, statement_key(capture_id, stranger.public_key.keyid8))
    sound = path.read_bytes()
    further.write_bytes(resealed(tampered, "plain", stranger, read_envelope(sound).payload))
    assert tampered.report("plain").result.exit_code == 0
    path.write_bytes(flipped(sound, 8 * 2000))
    assert tampered.report("plain").result.exit_code in {1, 3}


def test_a_keyset_that_a_stranger_adds_breaks_the_chain(tampered: Tampered, tmp_path: Path) -> None:
    stranger = create_key(tmp_path / "stranger.pem", b"secret")
    [keyset] = stored_keys(tampered.settings, "trust/keyset/")
    payload = read_envelope(stored_file(tampered.settings, keyset).read_bytes()).payload
    forged = stored_file(tampered.settings, keyset_key(2, stranger.public_key.keyid8))
    forged.write_bytes(resealed(tampered, "plain", stranger, payload))
    assert failures(tampered.report("plain")) == {("key.chain", "KEYSET_CHAIN_BROKEN")}
    audit = audited(tampered.archive, "plain")
    assert {(d.claim, d.code) for d in audit.damages} == {("key.chain", "KEYSET_CHAIN_BROKEN")}


def test_every_record_of_a_replaced_keyset_is_unproven_not_forged(tampered: Tampered) -> None:
    archive = replace(tampered.archive, pinned_roots=(sha256_hex(b"another root"),))
    stranger = Tampered(tampered.settings, archive, tampered.records)
    report = stranger.report("plain")
    assert failures(report) == set()
    assert ("key.chain", "ROOT_NOT_PINNED") in unknowns(report)
    assert report.result.exit_code == 2


def test_d15_a_container_without_its_last_20_bytes_is_found(tampered: Tampered) -> None:
    sha256 = tampered.records["plain"].signed.inventory.own_container
    assert sha256 is not None
    path = stored_file(tampered.settings, blob_key(sha256))
    path.write_bytes(path.read_bytes()[:-20])
    report = tampered.report("plain")
    assert failures(report) == {("object.digest", "OBJECT_SIZE_MISMATCH")}
    assert report.result.exit_code == 1
    assert any(sha256 in damage.key for damage in audited(tampered.archive, "plain").damages)


def test_what_is_restored_verifies_again(tampered: Tampered, origin: Origin) -> None:
    path = statement_of(tampered, "plain")
    with damaged(path, b""):
        assert tampered.report("plain").result.exit_code == 3
    assert tampered.report("plain").result.exit_code == 0
    origin.page("/next", page("The archive goes on."))
    assert minted(tampered.archive, origin.url("/next")).number == 5
