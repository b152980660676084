# SPDX-License-Identifier: Apache-2.0
"""Reads whose signatures on packages count. By default that is nobody's."""

from pathlib import Path

from cryptography.x509 import Certificate

from archive.errors import MalformedEvidence, SettingsError
from archive.proofs.certificates import read_pem_bundle
from archive.proofs.wacz_auth import WaczTrust
from archive.services.context import Archive


def package_trust(archive: Archive) -> WaczTrust:
    """The pinned authorities and keys. Raises SettingsError for a file that cannot be read."""
    signers = archive.package_signers
    return WaczTrust(
        domain_roots=_certificates("wacz_domain_roots", signers.domain_roots),
        timestamp_roots=_certificates("wacz_timestamp_roots", signers.timestamp_roots),
        keys=frozenset(signers.keys),
    )


def _certificates(name: str, path: str) -> tuple[Certificate, ...]:
    if not path:
        return ()
    try:
        return read_pem_bundle(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, MalformedEvidence) as error:
        raise SettingsError(f"import.{name}: {path} is no file of PEM certificates") from error
