# SPDX-License-Identifier: Apache-2.0
"""Private keys in files, and sealing: nothing is handed on that does not verify."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from archive.errors import KeyLocked, SigningError, StatementTooLarge
from archive.model.statement import PAYLOAD_TYPE
from archive.proofs.dsse import SIGNED_BYTES_LIMIT, pae, read_envelope
from archive.signing.base import seal
from archive.signing.file import FileSigner, create_key, open_key, read_passphrase, write_private

SECRET = b"open sesame"


@pytest.fixture
def signer(tmp_path: Path) -> FileSigner:
    return create_key(tmp_path / "keys" / "key.pem", SECRET)


def test_a_key_file_is_encrypted_and_private(signer: FileSigner, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "key.pem"
    assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert open_key(path, SECRET).public_key == signer.public_key


def test_a_wrong_passphrase_opens_nothing_and_is_not_repeated(
    signer: FileSigner, tmp_path: Path
) -> None:
    with pytest.raises(KeyLocked, match="passphrase") as caught:
        open_key(tmp_path / "keys" / "key.pem", b"guessed")
    assert "guessed" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"junk", b"-----BEGIN PRIVATE KEY-----\n"])
def test_a_file_that_is_no_key_is_locked(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(KeyLocked):
        open_key(tmp_path / "key.pem", SECRET)


def test_a_missing_key_and_a_folder_are_locked(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pem", tmp_path):
        with pytest.raises(KeyLocked, match="cannot be read"):
            open_key(path, SECRET)


def test_an_unencrypted_key_is_refused_when_a_passphrase_is_set(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    plain = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    (tmp_path / "plain.pem").write_bytes(plain)
    with pytest.raises(KeyLocked):
        open_key(tmp_path / "plain.pem", SECRET)


def test_a_key_of_another_algorithm_is_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(SECRET)
    )
    (tmp_path / "other.pem").write_bytes(other)
    with pytest.raises(KeyLocked, match="Ed25519"):
        open_key(tmp_path / "other.pem", SECRET)


def test_nothing_is_overwritten(signer: FileSigner, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "key.pem"
    before = path.read_bytes()
    for attempt in (lambda: create_key(path, SECRET), lambda: write_private(path, b"x")):
        with pytest.raises(KeyLocked):
            attempt()
    assert path.read_bytes() == before


def test_the_passphrase_is_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(b"one\r\ntwo\n")
    assert read_passphrase(path) == b"one"
    for content in (b"", b"\n", b"  \n"):
        path.write_bytes(content)
        with pytest.raises(KeyLocked, match="empty"):
            read_passphrase(path)
    with pytest.raises(KeyLocked, match="cannot be read"):
        read_passphrase(tmp_path / "none")


def test_a_seal_verifies_and_reads_back(signer: FileSigner) -> None:
    envelope = seal(signer, b"{}", signer.public_key)
    assert signer.public_key.verifies(envelope.signature, pae(PAYLOAD_TYPE, b"{}"))
    assert read_envelope(envelope.to_bytes()) == envelope


def test_the_signed_bytes_are_at_most_4096(signer: FileSigner) -> None:
    room = SIGNED_BYTES_LIMIT - len(pae(PAYLOAD_TYPE, b"x" * 4000)) + 4000
    assert len(seal(signer, b"x" * room, signer.public_key).signed_bytes()) == SIGNED_BYTES_LIMIT
    with pytest.raises(StatementTooLarge):
        seal(signer, b"x" * (room + 1), signer.public_key)


def test_a_signer_whose_key_the_keyset_does_not_list_seals_nothing(
    signer: FileSigner, tmp_path: Path
) -> None:
    other = create_key(tmp_path / "other.pem", SECRET)
    with pytest.raises(SigningError, match="keyset"):
        seal(other, b"{}", signer.public_key)


class Faulty:
    """A signer whose hardware returns a wrong signature."""

    def __init__(self, honest: FileSigner) -> None:
        self._honest = honest

    @property
    def public_key(self) -> object:
        return self._honest.public_key

    def sign(self, data: bytes) -> bytes:
        wrong = bytearray(self._honest.sign(data))
        wrong[5] ^= 1
        return bytes(wrong)


def test_a_faulty_signature_is_never_handed_on(signer: FileSigner) -> None:
    with pytest.raises(SigningError):
        seal(Faulty(signer), b"{}", signer.public_key)  # type: ignore[arg-type]
