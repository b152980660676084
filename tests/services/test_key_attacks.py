# SPDX-License-Identifier: Apache-2.0
"""Attacks on keys and keysets of a whole archive, each named, each with exactly one root cause."""

import base64
import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.archives import (
    audited,
    damaged,
    failures,
    minted,
    new_archive,
    overwrite,
    page,
    rebuilt,
    stored_file,
    tables,
    unknowns,
)
from support.keysets import signer
from support.origin import Origin

from archive import canonical
from archive.bootstrap import Stand, init_archive, installation, key_files
from archive.clock import FixedClock
from archive.digests import sha256_hex
from archive.errors import MalformedKeyset, SigningError
from archive.ids import RecordId
from archive.model.statement import CONTENT, KEYSET_V1, Statement
from archive.proofs.dsse import Envelope, read_envelope
from archive.proofs.keyset import LOG, MANIFEST, Keyset
from archive.services.acts.restrict import Wanted, restrict
from archive.services.context import Archive, log_signing_key, signing_key
from archive.services.doctor.keyset import examine
from archive.services.keysets.amend import Amendment, amend
from archive.services.keysets.changes import revoked
from archive.services.keysets.make import new_keyset_key, store_keyset
from archive.services.trust import stored_keysets, trusted_keyset
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.signing.base import Signer
from archive.signing.file import open_key, read_passphrase
from archive.storage.layout import blob_key, keyset_key

DAY = dt.timedelta(days=1)
LOW_ORDER = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
STRANGER, NEW_ROOT = signer(71), signer(72)


class Attacked:
    """An archive with one record, whose keysets and envelopes are put by hand."""

    def __init__(self, archive: Archive, settings: Settings, record: RecordId) -> None:
        self.archive, self.settings, self.record = archive, settings, record
        files = key_files(settings)
        self.root = open_key(files.root, read_passphrase(files.passphrase_file))
        self.manifest = open_key(files.manifest, read_passphrase(files.passphrase_file))

    @property
    def keyid(self) -> str:
        return self.manifest.public_key.keyid

    def next_keyset(self, **changes: Any) -> Keyset:
        """The keyset that would follow, some members changed; nothing is stored."""
        chain = stored_keysets(self.archive.store, self.archive.pinned_roots)
        newest = trusted_keyset(self.archive)
        following = replace(newest, version=newest.version + 1, previous=chain[-1].statement_sha256)
        return replace(following, **changes)

    def with_key(self, **changes: Any) -> None:
        """Root signs a keyset in which the manifest key is otherwise."""
        keys = dict(trusted_keyset(self.archive).keys)
        keys[self.keyid] = replace(keys[self.keyid], **changes)
        store_keyset(self.archive.store, self.root, self.next_keyset(keys=keys))

    def put_keyset(self, content: bytes, version: int, previous: str | None, by: Signer) -> None:
        """A keyset of any content, its statement honestly made and signed."""
        predicate = {"version": version, "previous": previous}
        statement = Statement({CONTENT: sha256_hex(content)}, KEYSET_V1, predicate)
        envelope = sealed(by, statement.to_bytes())
        self.archive.store.put(blob_key(sha256_hex(content)), content)
        self.archive.store.put(keyset_key(version, envelope.keyid[:8]), envelope.to_bytes())

    def bent_keyset(self, **changes: Any) -> None:
        """Root signs a second keyset whose JSON is bent."""
        (first,) = stored_keysets(self.archive.store)
        content = canonical.loads(self.next_keyset().to_bytes())
        content.update(changes)
        self.put_keyset(canonical.dumps(content), 2, first.statement_sha256, self.root)

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = canonical.loads(self.next_keyset().to_bytes())["keys"]
        return found

    def envelope_path(self) -> Any:
        folder = stored_file(self.settings, f"captures/{self.record}")
        (path,) = folder.glob(f"statement.{self.keyid[:8]}.dsse.json")
        return path

    def causes(self) -> set[tuple[str, str]]:
        return failures(verify_record(self.archive, self.record))

    def exit_code(self) -> int:
        return verify_record(self.archive, self.record).result.exit_code


def sealed(by: Signer, payload: bytes, keyid: str | None = None) -> Envelope:
    unsigned = Envelope(payload, keyid or by.public_key.keyid, b"")
    return replace(unsigned, signature=by.sign(unsigned.signed_bytes()))


@pytest.fixture
def attacked(settings: Settings, origin: Origin) -> Iterator[Attacked]:
    archive = new_archive(settings)
    origin.page("/terms", page())
    yield Attacked(archive, settings, minted(archive, origin.url("/terms")))
    archive.close()


def test_before_every_attack_all_is_well(attacked: Attacked) -> None:
    assert (attacked.causes(), attacked.exit_code()) == (set(), 0)


CHAIN_BROKEN = {("key.chain", "KEYSET_CHAIN_BROKEN")}


def test_the_same_key_under_two_ids_in_a_keyset_is_refused(attacked: Attacked) -> None:
    rows = attacked.rows()
    alias = {**rows[0], "keyid": "a" * 64}
    attacked.bent_keyset(keys=[*rows, alias])
    assert attacked.causes() == CHAIN_BROKEN


def test_the_same_root_key_under_two_ids_does_not_reach_a_threshold(attacked: Attacked) -> None:
    root = canonical.loads(attacked.next_keyset().to_bytes())["root"]
    twice = [*root["keys"], {**root["keys"][0], "keyid": "a" * 64}]
    attacked.bent_keyset(root={"threshold": 2, "keys": twice})
    assert attacked.causes() == CHAIN_BROKEN


def test_a_signature_under_another_id_of_its_key_is_of_no_known_key(attacked: Attacked) -> None:
    path = attacked.envelope_path()
    payload = read_envelope(path.read_bytes()).payload
    overwrite(path, sealed(attacked.manifest, payload, keyid="a" * 64).to_bytes())
    assert attacked.causes() == {("key.chain", "KEY_UNKNOWN")}


def test_an_unknown_second_signature_does_not_help_a_bad_first_one(attacked: Attacked) -> None:
    path = attacked.envelope_path()
    sound = read_envelope(path.read_bytes())
    second = sealed(STRANGER, sound.payload)
    place = path.with_name(f"statement.{second.keyid[:8]}.dsse.json")
    place.write_bytes(second.to_bytes())
    assert attacked.causes() == set()
    flipped = bytes([sound.signature[0] ^ 1]) + sound.signature[1:]
    overwrite(path, replace(sound, signature=flipped).to_bytes())
    assert attacked.causes() == {("signature", "SIGNATURE_INVALID")}


def low_order_row(row: dict[str, Any]) -> dict[str, Any]:
    key = Ed25519PublicKey.from_public_bytes(LOW_ORDER)
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    named = {"keyid": sha256_hex(spki), "spki": base64.b64encode(spki).decode()}
    return {**row, **named}


def test_a_key_of_low_order_is_never_listed(attacked: Attacked) -> None:
    rows = attacked.rows()
    attacked.bent_keyset(keys=[*rows, low_order_row(rows[0])])
    assert attacked.causes() == CHAIN_BROKEN


def test_a_witness_of_low_order_is_never_listed(attacked: Attacked) -> None:
    data = b"\x04" + LOW_ORDER
    digest = hashlib.sha256(b"witness.example\n" + data).hexdigest()[:8]
    vkey = f"witness.example+{digest}+{base64.b64encode(data).decode()}"
    witness = {"name": "witness.example", "vkey": vkey}
    attacked.bent_keyset(witnesses={"quorum": 0, "keys": [witness]})
    assert attacked.causes() == CHAIN_BROKEN


def test_another_curve_for_the_same_algorithm_is_refused(attacked: Attacked) -> None:
    rows = attacked.rows()
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    named = {"keyid": sha256_hex(spki), "spki": base64.b64encode(spki).decode()}
    attacked.bent_keyset(keys=[*rows, {**rows[0], **named}])
    assert attacked.causes() == CHAIN_BROKEN


@pytest.mark.parametrize("alg", ["none", "ecdsa-p256", "ed25519ph", "ED25519"])
def test_another_algorithm_than_the_allowed_one_is_refused(attacked: Attacked, alg: str) -> None:
    first, *others = attacked.rows()
    attacked.bent_keyset(keys=[{**first, "alg": alg}, *others])
    assert attacked.causes() == CHAIN_BROKEN


@pytest.mark.parametrize("place", ["envelope", "signature"])
def test_an_envelope_cannot_name_an_algorithm(attacked: Attacked, place: str) -> None:
    path = attacked.envelope_path()
    value = canonical.loads(path.read_bytes())
    (value if place == "envelope" else value["signatures"][0])["alg"] = "none"
    overwrite(path, canonical.dumps(value))
    assert attacked.causes() == {("envelope.form", "ENVELOPE_MALFORMED")}


def test_a_key_that_had_ended_is_expired(attacked: Attacked) -> None:
    now = attacked.archive.clock.now()
    attacked.with_key(valid_from=now - 10 * DAY, valid_until=now - DAY)
    assert attacked.causes() == {("key.valid_at_time", "KEY_EXPIRED")}
    with pytest.raises(SigningError, match="ended on"):
        signing_key(attacked.archive, trusted_keyset(attacked.archive))


def test_a_key_that_had_not_begun_is_not_yet_valid(attacked: Attacked) -> None:
    attacked.with_key(valid_from=attacked.archive.clock.now() + DAY)
    assert attacked.causes() == {("key.valid_at_time", "KEY_NOT_YET_VALID")}
    with pytest.raises(SigningError, match="valid from"):
        signing_key(attacked.archive, trusted_keyset(attacked.archive))


@pytest.mark.parametrize("days", [-1, 1], ids=["before the capture", "after the capture"])
def test_a_revoked_key_is_not_saved_by_the_time_that_it_claims(
    attacked: Attacked, days: int
) -> None:
    since = attacked.archive.clock.now() + days * DAY
    attacked.with_key(state="revoked", invalid_since=since, state_at=since, reason="stolen")
    assert attacked.causes() == {("key.valid_at_time", "KEY_REVOKED_TIME_UNPROVEN")}
    with pytest.raises(SigningError, match="revoked"):
        signing_key(attacked.archive, trusted_keyset(attacked.archive))


def test_what_a_revoked_key_signed_before_stays_listed_and_later_things_are_left_out(
    attacked: Attacked,
) -> None:
    archive = attacked.archive
    since = archive.clock.now() + DAY
    attacked.with_key(state="revoked", invalid_since=since, state_at=since, reason="stolen")
    assert rebuilt(archive).is_complete
    known = tables(archive)["capture"]
    attacked.with_key(invalid_since=since - 2 * DAY)
    assert [code for _, code, _ in rebuilt(archive).left_out][:1] == ["KEY_REVOKED_TIME_UNPROVEN"]
    assert (len(known), tables(archive)["capture"]) == (1, [])


def test_a_log_key_may_not_sign_captures(attacked: Attacked) -> None:
    files = key_files(attacked.settings)
    log = open_key(files.log, read_passphrase(files.passphrase_file))
    path = attacked.envelope_path()
    statement = canonical.loads(read_envelope(path.read_bytes()).payload)
    statement["predicate"]["signer"]["keyid"] = log.public_key.keyid
    forged = sealed(log, canonical.dumps(statement))
    place = path.with_name(f"statement.{forged.keyid[:8]}.dsse.json")
    path.unlink()
    place.write_bytes(forged.to_bytes())
    left_out = rebuilt(attacked.archive).left_out
    assert [(code, str(attacked.record) in key) for key, code, _ in left_out] == [
        ("KEY_ROLE_MISMATCH", True)
    ]
    damages = {(damage.code, damage.key) for damage in audited(attacked.archive).damages}
    assert ("KEY_ROLE_MISMATCH", f"captures/{attacked.record}/{place.name}") in damages


def test_a_record_signed_by_the_log_key_fails_its_claim(attacked: Attacked) -> None:
    # Root itself lists the key that signed as one of a log.
    attacked.with_key(role=LOG)
    assert attacked.causes() == {("key.valid_at_time", "KEY_ROLE_MISMATCH")}
    with pytest.raises(SigningError, match="role log"):
        signing_key(attacked.archive, trusted_keyset(attacked.archive))


def test_a_manifest_key_may_not_sign_checkpoints(attacked: Attacked) -> None:
    archive, settings = attacked.archive, attacked.settings
    files = key_files(settings)
    files.log.unlink()
    files.log.write_bytes(files.manifest.read_bytes())
    with pytest.raises(SigningError, match="role manifest"):
        log_signing_key(archive, trusted_keyset(archive))


def test_a_keyset_that_was_taken_away_is_a_rollback(attacked: Attacked, origin: Origin) -> None:
    archive = attacked.archive
    now = archive.clock.now()
    added = new_keyset_key(STRANGER.public_key, MANIFEST, now, 365)
    keys = {**trusted_keyset(archive).keys, added.key.keyid: added}
    store_keyset(archive.store, attacked.root, attacked.next_keyset(keys=keys))
    newer = minted(archive, origin.url("/terms"))
    assert verify_record(archive, newer).result.exit_code == 0
    for path in stored_file(attacked.settings, "trust/keyset").glob("2.*"):
        path.unlink()
    assert failures(verify_record(archive, newer)) == {("key.valid_at_time", "KEYSET_ROLLBACK")}


def test_a_revocation_cannot_be_taken_away_out_of_the_store(
    attacked: Attacked, origin: Origin
) -> None:
    archive = attacked.archive
    since = archive.clock.now() - DAY
    files = key_files(attacked.settings)
    amend(archive, files, Amendment([revoked(attacked.keyid, since, "stolen")]))
    folder = stored_file(attacked.settings, "trust/keyset")
    [path] = folder.glob("2.*")
    with damaged(path, None):
        assert attacked.causes() == {("key.chain", "KEYSET_ROLLBACK")}
        with pytest.raises(MalformedKeyset, match="keyset 2 was in force"):
            trusted_keyset(archive)
        with pytest.raises(MalformedKeyset, match="keyset 2 was in force"):
            minted(archive, origin.url("/terms"))
        assert "KEYSET_ROLLBACK" in {damage.code for damage in audited(archive).damages}
        [found] = [item for item in examine(installation(attacked.settings)) if item.mend]
        assert "lost keyset 2" in found.found
    assert attacked.causes() == {("key.valid_at_time", "KEY_REVOKED_TIME_UNPROVEN")}
    path.unlink()
    # Whoever makes the catalogue again is told what it knew.
    assert ("trust/keyset/2", "KEYSET_ROLLBACK") in [
        (key, code) for key, code, _ in rebuilt(archive).left_out
    ]


NOW = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)
JUDGED: dict[str, tuple[dict[str, Any], str, int]] = {
    "another role": ({"role": LOG}, "KEY_ROLE_MISMATCH", 2),
    "ended before": ({"valid_until": NOW - DAY}, "KEY_EXPIRED", 2),
    "begun after": ({"valid_from": NOW + DAY}, "KEY_NOT_YET_VALID", 2),
    "revoked from before on": (
        {"state": "revoked", "invalid_since": NOW - DAY},
        "KEY_REVOKED_TIME_UNPROVEN",
        2,
    ),
    "revoked from later on": (
        {"state": "revoked", "invalid_since": NOW + DAY},
        "KEY_REVOKED_TIME_UNPROVEN",
        0,
    ),
}


@pytest.mark.parametrize(("changes", "code", "left_out"), list(JUDGED.values()), ids=list(JUDGED))
def test_records_custody_rebuild_and_audit_judge_a_key_alike(
    settings: Settings, origin: Origin, changes: dict[str, Any], code: str, left_out: int
) -> None:
    archive, _ = init_archive(settings, Stand(FixedClock(NOW)))
    origin.page("/terms", page())
    record = minted(archive, origin.url("/terms"))
    restrict(archive, record, Wanted(None, "public", "personal data"), "operator")
    attacked = Attacked(archive, settings, record)
    attacked.with_key(**changes)
    found = verify_record(archive, record).findings
    said = {item.claim: item for item in found if item.status.value == "fail"}
    assert said["key.valid_at_time"].code == code
    assert said["custody.chain"].code == "CUSTODY_KEY"
    assert said["custody.chain"].detail.startswith(f"{code}: ")
    damaged_by = {damage.code for damage in audited(archive).damages}
    assert code in damaged_by
    assert [named for _, named, _ in rebuilt(archive).left_out] == [code] * left_out
    archive.close()


def test_two_keysets_of_one_number_are_a_fork(attacked: Attacked) -> None:
    archive = attacked.archive
    both = {key.keyid: key for key in (attacked.root.public_key, NEW_ROOT.public_key)}
    store_keyset(archive.store, attacked.root, attacked.next_keyset(roots=both))
    assert attacked.causes() == set()
    now = archive.clock.now()
    one, other = (attacked.next_keyset(issued_at=now + days * DAY) for days in (1, 2))
    store_keyset(archive.store, attacked.root, one)
    assert attacked.causes() == set()
    store_keyset(archive.store, NEW_ROOT, other)
    assert attacked.causes() == CHAIN_BROKEN
    with pytest.raises(MalformedKeyset, match="signed 2 different keysets 3"):
        stored_keysets(archive.store, archive.pinned_roots)


def test_a_change_of_root_that_only_the_new_root_signed_is_refused(attacked: Attacked) -> None:
    usurped = attacked.next_keyset(
        roots={NEW_ROOT.public_key.keyid: NEW_ROOT.public_key},
        keys={
            key.key.keyid: key
            for key in [
                new_keyset_key(STRANGER.public_key, "manifest", attacked.archive.clock.now(), 365)
            ]
        },
        logs=(),
    )
    store_keyset(attacked.archive.store, NEW_ROOT, usurped)
    assert attacked.causes() == CHAIN_BROKEN
    assert "KEYSET_CHAIN_BROKEN" in {damage.code for damage in audited(attacked.archive).damages}


def test_another_root_than_the_pinned_one_says_nothing(attacked: Attacked) -> None:
    stranger = replace(attacked.archive, pinned_roots=("f" * 64,))
    report = verify_record(stranger, attacked.record)
    assert ("key.chain", "ROOT_NOT_PINNED") in unknowns(report)
    assert (failures(report), report.result.exit_code) == (set(), 2)
