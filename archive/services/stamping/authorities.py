# SPDX-License-Identifier: Apache-2.0
"""Reads what an operator says of a timestamp authority: its name, roots and policies."""

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from archive.digests import sha256_hex
from archive.errors import InputError, MalformedKeyset
from archive.proofs.keyset_trust import Authority

_LIMIT = 1 << 20


def read_authority(
    name: str, roots_file: Path, policies: Sequence[str], *, is_qualified: bool
) -> tuple[Authority, list[bytes]]:
    """The authority, and its root certificates (DER). Raises InputError."""
    try:
        with roots_file.open("rb") as file:
            found = x509.load_pem_x509_certificates(file.read(_LIMIT))
    except OSError as error:
        raise InputError(f"{roots_file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{roots_file} holds no PEM certificates: {error}") from error
    certificates = {
        sha256_hex(der): der for der in (each.public_bytes(Encoding.DER) for each in found)
    }
    authority = Authority(name, tuple(sorted(certificates)), tuple(policies), is_qualified)
    try:
        Authority.from_json(authority.to_json())
    except MalformedKeyset as error:
        raise InputError(f"{name}: {error}") from error
    return authority, [certificates[key] for key in authority.roots]
