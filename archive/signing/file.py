# SPDX-License-Identifier: Apache-2.0
"""Private keys in encrypted PKCS#8 PEM files, opened with a passphrase file beside the settings.

Files are made with mode 0600 in a folder of mode 0700, and never overwritten.
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from archive.errors import KeyLocked
from archive.proofs.keys import PublicKey, public_key


class FileSigner:
    """Signs with an Ed25519 key that was read from a file."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = public_key(key.public_key())

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self._public

    def sign(self, data: bytes) -> bytes:
        """The signature over the data (RFC 8032)."""
        return self._key.sign(data)


def create_key(path: Path, passphrase: bytes) -> FileSigner:
    """A new key, stored encrypted under a path where nothing lies yet.

    Raises KeyLocked when something lies there or the file cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
    write_private(path, pem)
    return FileSigner(key)


def open_key(path: Path, passphrase: bytes) -> FileSigner:
    """The key in a file. Raises KeyLocked when it is missing or the passphrase is wrong."""
    try:
        key = load_pem_private_key(path.read_bytes(), passphrase)
    except OSError as error:
        raise KeyLocked(f"the key file {path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise KeyLocked(f"the passphrase does not open the key file {path}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyLocked(f"the key file {path} holds no Ed25519 key")
    return FileSigner(key)


def open_uri(uri: str, passphrase_file: Path) -> FileSigner:
    """The key that `file:PATH` names, opened with the passphrase file. Raises KeyLocked."""
    return open_key(Path(uri.removeprefix("file:")), read_passphrase(passphrase_file))


def read_passphrase(path: Path) -> bytes:
    """The first line of a passphrase file. Raises KeyLocked when there is none."""
    try:
        passphrase = path.read_bytes().partition(b"\n")[0].strip()
    except OSError as error:
        raise KeyLocked(f"the passphrase file {path} cannot be read: {error.strerror}") from error
    if not passphrase:
        raise KeyLocked(f"the passphrase file {path} is empty")
    return passphrase


def write_private(path: Path, data: bytes) -> None:
    """Write a secret under a new path, readable by its owner only, and durable.

    Raises KeyLocked when something lies there already or the file cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise KeyLocked(f"the secret {path} cannot be written: {error.strerror}") from error


def replace_private(new: Path, path: Path) -> None:
    """Put a secret in the place of another one, durably. Raises KeyLocked."""
    try:
        new.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise KeyLocked(f"the secret {path} cannot be replaced: {error.strerror}") from error
