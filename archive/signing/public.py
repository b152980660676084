# SPDX-License-Identifier: Apache-2.0
"""Files of public keys (PEM), as they travel between those who hold keys."""

from pathlib import Path

from archive.errors import InputError, MalformedKeyset, SigningError
from archive.proofs.keys import PublicKey, read_public_pem

_LIMIT = 4096


def read_public_file(path: Path) -> PublicKey:
    """The public key in a file. Raises InputError."""
    try:
        with path.open("rb") as file:
            return read_public_pem(file.read(_LIMIT))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except MalformedKeyset as error:
        raise InputError(f"{path}: {error}") from error


def write_public_file(path: Path, key: PublicKey) -> Path:
    """The key in a new file. Raises SigningError."""
    try:
        with path.open("xb") as file:
            file.write(key.pem)
    except OSError as error:
        raise SigningError(f"{path} cannot be written: {error.strerror}") from error
    return path
