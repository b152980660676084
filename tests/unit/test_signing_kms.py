# SPDX-License-Identifier: Apache-2.0
"""Keys in AWS KMS: requests as botocore's model of the service has them, and every fault."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archives import minted, new_archive, page, settings_at
from support.keysets import signer
from support.kms import ARN, KEY, StandInKms, stand_in_kms
from support.origin import Origin

from archive.backups.sealed import Passphrase
from archive.bootstrap import installation
from archive.errors import KeyLocked, SettingsError, SignerUnavailable, SigningError
from archive.proofs.dsse import pae
from archive.services.context import signing_key
from archive.services.doctor.keys import examine
from archive.services.trust import trusted_keyset
from archive.services.upkeep.backup import backup
from archive.services.verifying.verify import verify_record
from archive.settings import Settings
from archive.signing.awskms import KmsSigner, open_uri
from archive.signing.base import seal
from archive.signing.file import create_key, read_passphrase
from archive.signing.open import known_schemes, open_signer

NO_FILE = Path("/nonexistent")


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInKms]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDTESTER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with stand_in_kms() as state:
        yield state


def opened(kms: StandInKms) -> KmsSigner:
    return open_uri(kms.uri, NO_FILE)


def test_a_signature_of_the_key_holds_and_the_requests_are_as_the_service_has_them(
    kms: StandInKms,
) -> None:
    key = opened(kms)
    assert key.public_key.keyid == kms.key.public_key.keyid
    envelope = seal(key, b"{}", key.public_key)
    assert key.public_key.verifies(envelope.signature, envelope.signed_bytes())
    (_, asked), (_, sent) = kms.seen
    assert asked == {"KeyId": KEY}
    assert sent == {
        "KeyId": KEY,
        "Message": base64.b64encode(envelope.signed_bytes()).decode(),
        "MessageType": "RAW",
        "SigningAlgorithm": "ED25519_SHA_512",
    }
    assert kms.wrong == []


def test_the_largest_statement_fits_into_a_request(kms: StandInKms) -> None:
    key = opened(kms)
    largest = b"x" * (4096 - len(pae("application/vnd.in-toto+json", b"")) - 3)
    envelope = seal(key, largest, key.public_key)
    assert len(envelope.signed_bytes()) == 4096
    assert kms.wrong == []


def test_the_stand_in_tells_requests_that_the_service_would_refuse(kms: StandInKms) -> None:
    key = opened(kms)
    key.sign(b"x" * 4097)
    assert kms.wrong != []


def test_an_arn_is_asked_for_as_it_is(kms: StandInKms) -> None:
    open_uri(kms.uri.replace(KEY, ARN), NO_FILE)
    assert kms.seen == [("GetPublicKey", {"KeyId": ARN})]


@pytest.mark.parametrize("mood", ["wrong signature", "another key"])
def test_a_signature_that_does_not_hold_is_never_used(kms: StandInKms, mood: str) -> None:
    key = opened(kms)
    kms.mood = mood
    with pytest.raises(SigningError, match=key.public_key.keyid8):
        seal(key, b"{}", key.public_key)


def test_what_is_no_signature_is_named_so(kms: StandInKms) -> None:
    key = opened(kms)
    kms.mood = "no signature"
    with pytest.raises(SigningError, match="no signature"):
        key.sign(b"x")


def test_a_short_throttling_is_waited_out_and_a_long_one_is_told(kms: StandInKms) -> None:
    key = opened(kms)
    kms.throttled_left = 2
    assert key.public_key.verifies(key.sign(b"x"), b"x")
    kms.throttled_left = 100
    with pytest.raises(SignerUnavailable, match="ThrottlingException"):
        key.sign(b"x")


@pytest.mark.parametrize("mood", ["slow", "hangs up", "broken", "away"])
def test_what_passes_is_told_from_what_does_not(kms: StandInKms, mood: str) -> None:
    key = opened(kms)
    kms.mood = mood
    with pytest.raises(SignerUnavailable, match="try again") as caught:
        key.sign(b"x")
    assert caught.value.code == "SIGNER_UNAVAILABLE"


@pytest.mark.parametrize("mood", ["not found", "disabled", "denied", "deleted"])
def test_a_refusal_names_the_key_and_not_the_account(kms: StandInKms, mood: str) -> None:
    kms.mood = mood
    with pytest.raises(KeyLocked, match=KEY) as caught:
        opened(kms)
    assert "111122223333" not in str(caught.value)


@pytest.mark.parametrize("mood", ["another curve", "no key"])
def test_a_key_of_another_kind_is_refused(kms: StandInKms, mood: str) -> None:
    kms.mood = mood
    with pytest.raises(KeyLocked):
        opened(kms)


def test_nobody_there_is_unavailable(kms: StandInKms) -> None:
    uri = f"awskms:{KEY}?region=eu-central-1&timeout=1&endpoint=http://127.0.0.1:9"
    with pytest.raises(SignerUnavailable):
        open_uri(uri, NO_FILE)


def test_without_credentials_it_is_said_so(
    kms: StandInKms, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(KeyLocked, match="credentials"):
        opened(kms)


@pytest.mark.parametrize(
    "uri",
    [
        "awskms:",
        "awskms:?region=eu-central-1",
        "awskms:x?regio=eu-central-1",
        "awskms:x?region=a&region=b",
        "awskms:x?region=eu-central-1&endpoint=ftp://kms",
        "awskms:x?region=eu-central-1&timeout=soon",
        "awskms:x",
    ],
)
def test_a_uri_that_cannot_be_used_is_refused(kms: StandInKms, uri: str) -> None:
    with pytest.raises(SettingsError):
        open_uri(uri, NO_FILE)


def test_each_signer_is_a_file_of_its_name() -> None:
    assert known_schemes() == ("awskms", "file", "pkcs11")
    for uri in ("", "manifest.pem", "vault:key", "base:x", "open:x"):
        with pytest.raises(SettingsError, match="awskms:, file:, pkcs11:"):
            open_signer(uri, NO_FILE)


def test_an_archive_signs_with_a_key_in_kms(
    kms: StandInKms, tmp_path: Path, origin: Origin
) -> None:
    settings = settings_at(tmp_path / "data", MUNIMENT_KEYS_MANIFEST=kms.uri)
    archive = new_archive(settings)
    assert not (settings.keys_folder / "manifest.pem").exists()
    assert (settings.keys_folder / "log.pem").exists()
    key = signing_key(archive, trusted_keyset(archive))
    assert key.listed.key.keyid == kms.key.public_key.keyid
    origin.page("/terms", page())
    record = minted(archive, origin.url("/terms"))
    assert verify_record(archive, record).result.exit_code == 0
    kms.mood = "another key"
    before = sorted(item.key for item in archive.store.list("captures/"))
    with pytest.raises(SigningError):
        minted(archive, origin.url("/terms"))
    statements = [item.key for item in archive.store.list("captures/") if "/statement." in item.key]
    assert statements == [key for key in before if "/statement." in key]
    assert kms.wrong == []
    archive.close()


@pytest.fixture
def settings(kms: StandInKms, tmp_path: Path) -> Settings:
    """Settings of an archive whose signing key is in KMS."""
    made = settings_at(tmp_path / "data", MUNIMENT_KEYS_MANIFEST=kms.uri)
    new_archive(made).close()
    return made


SAID = {
    "good": ("keys.signs", "ok", "signs"),
    "wrong signature": ("keys.signs", "fail", "does not sign"),
    "another key": ("keys.signs", "fail", "does not sign"),
    "no signature": ("keys.signs", "fail", "no signature"),
    "denied": ("keys.open", "fail", "AccessDeniedException"),
    "disabled": ("keys.open", "fail", "DisabledException"),
    "another curve": ("keys.open", "fail", "cannot sign Ed25519"),
    "broken": ("keys.open", "unknown", "KMSInternalException"),
    "hangs up": ("keys.open", "unknown", "try again"),
}


@pytest.mark.parametrize("mood", list(SAID))
def test_the_doctor_says_what_is_wrong_with_it(
    kms: StandInKms, settings: Settings, mood: str
) -> None:
    kms.mood = mood
    check, state, words = SAID[mood]
    told = {item.check: item for item in examine(installation(settings))}
    assert (told[check].state.value, words in told[check].found) == (state, True), told[check]
    assert told["keys.there"].state.value == "ok"


def test_the_doctor_says_that_it_is_another_key(kms: StandInKms, settings: Settings) -> None:
    kms.key = signer(42)
    told = {item.check: item for item in examine(installation(settings))}
    assert told["keys.listed"].state.value == "fail"
    assert "does not stand" in told["keys.listed"].found


def test_a_backup_says_which_key_it_cannot_hold(
    kms: StandInKms, settings: Settings, tmp_path: Path
) -> None:
    saved = backup(installation(settings), tmp_path / "a.backup", Passphrase.of("a passphrase"))
    assert saved.is_complete
    assert any("manifest key, which keys.manifest names" in each for each in saved.elsewhere)


def test_a_key_file_of_another_place_is_used_and_never_made(tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "signing.pem"
    settings = settings_at(tmp_path / "data", MUNIMENT_KEYS_MANIFEST=f"file:{place}")
    with pytest.raises(KeyLocked, match=r"signing\.pem"):
        new_archive(settings)
    assert not place.exists()
    made = create_key(place, read_passphrase(settings.passphrase_file))
    archive = new_archive(settings)
    key = signing_key(archive, trusted_keyset(archive))
    assert key.listed.key.keyid == made.public_key.keyid
    assert not (settings.keys_folder / "manifest.pem").exists()
    archive.close()
