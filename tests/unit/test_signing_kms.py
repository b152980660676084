# SPDX-License-Identifier: Apache-2.0
"""Keys in AWS KMS: requests as botocore's model of the service has them, and every fault."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archives import minted, new_archive, page, settings_at
from support.kms import ARN, KEY, StandInKms, stand_in_kms
from support.origin import Origin

from archive.errors import KeyLocked, SettingsError, SignerUnavailable, SigningError
from archive.proofs.dsse import pae
from archive.services.context import signing_key
from archive.services.trust import trusted_keyset
from archive.services.verify import verify_record
from archive.signing.awskms import KmsSigner, open_uri
from archive.signing.base import seal
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
    signer = opened(kms)
    assert signer.public_key.keyid == kms.key.public_key.keyid
    envelope = seal(signer, b"{}", signer.public_key)
    assert signer.public_key.verifies(envelope.signature, envelope.signed_bytes())
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
    signer = opened(kms)
    largest = b"x" * (4096 - len(pae("application/vnd.in-toto+json", b"")) - 3)
    envelope = seal(signer, largest, signer.public_key)
    assert len(envelope.signed_bytes()) == 4096
    assert kms.wrong == []


def test_the_stand_in_tells_requests_that_the_service_would_refuse(kms: StandInKms) -> None:
    signer = opened(kms)
    signer.sign(b"x" * 4097)
    assert kms.wrong != []


def test_an_arn_is_asked_for_as_it_is(kms: StandInKms) -> None:
    open_uri(kms.uri.replace(KEY, ARN), NO_FILE)
    assert kms.seen == [("GetPublicKey", {"KeyId": ARN})]


@pytest.mark.parametrize("mood", ["wrong signature", "another key"])
def test_a_signature_that_does_not_hold_is_never_used(kms: StandInKms, mood: str) -> None:
    signer = opened(kms)
    kms.mood = mood
    with pytest.raises(SigningError, match=signer.public_key.keyid8):
        seal(signer, b"{}", signer.public_key)


def test_what_is_no_signature_is_named_so(kms: StandInKms) -> None:
    signer = opened(kms)
    kms.mood = "no signature"
    with pytest.raises(SigningError, match="no signature"):
        signer.sign(b"x")


def test_a_short_throttling_is_waited_out_and_a_long_one_is_told(kms: StandInKms) -> None:
    signer = opened(kms)
    kms.throttled_left = 2
    assert signer.public_key.verifies(signer.sign(b"x"), b"x")
    kms.throttled_left = 100
    with pytest.raises(SignerUnavailable, match="ThrottlingException"):
        signer.sign(b"x")


@pytest.mark.parametrize("mood", ["slow", "hangs up", "broken", "away"])
def test_what_passes_is_told_from_what_does_not(kms: StandInKms, mood: str) -> None:
    signer = opened(kms)
    kms.mood = mood
    with pytest.raises(SignerUnavailable, match="try again") as caught:
        signer.sign(b"x")
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
