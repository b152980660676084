# SPDX-License-Identifier: Apache-2.0
"""Seals a certificate as the organisation that runs the archive, and verifies seals."""

from pathlib import Path

from archive.errors import MalformedEvidence, SettingsError
from archive.exports.seal import SealKey, SealTrust, SealVerdict, seal, verify_seal
from archive.services.context import Archive, Sealing


def seal_certificate(archive: Archive, pdf: bytes) -> bytes:
    """The file, sealed. Raises SettingsError, SigningError, TimestampError."""
    wanted = archive.sealing
    if not wanted.key or wanted.ask is None:
        raise SettingsError("there is no seal: set seal.key, seal.certificates, seal.timestamp_url")
    passphrase = None
    if wanted.key_secret_file:
        passphrase = _read("key_secret_file", wanted.key_secret_file).partition(b"\n")[0].strip()
    key = SealKey(_read("key", wanted.key), passphrase, _read("certificates", wanted.certificates))
    try:
        return seal(pdf, key, _trust(wanted), wanted.ask)
    except MalformedEvidence as error:
        raise SettingsError(f"seal: {error}") from error


def check_seal(sealing: Sealing, pdf: bytes) -> SealVerdict:
    """The verdict on a sealed file, by the roots of the settings.

    Raises SettingsError, and InputError when it is no PDF file.
    """
    try:
        return verify_seal(pdf, _trust(sealing))
    except MalformedEvidence as error:
        raise SettingsError(f"seal: {error}") from error


def _trust(wanted: Sealing) -> SealTrust:
    return SealTrust(
        roots_pem=_read("roots", wanted.roots),
        timestamp_roots_pem=_read("timestamp_roots", wanted.timestamp_roots),
        revocation_lists=tuple(_read("revocation_lists", one) for one in wanted.revocation_lists),
    )


def _read(name: str, path: str) -> bytes:
    if not path:
        raise SettingsError(f"seal.{name} is not set")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SettingsError(f"seal.{name}: {path} cannot be read: {error.strerror}") from error
