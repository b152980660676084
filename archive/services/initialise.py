# SPDX-License-Identifier: Apache-2.0
"""Makes a new archive: catalogue, keys, first keyset, first API key. Safe to run again.

The root key is made beside the data and the keyset is marked as a development one; a production
archive makes its root keys elsewhere and pins their fingerprints in the settings.
"""

import base64
import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archive import canonical
from archive.catalog import access, evidence
from archive.catalog.access import ApiKey
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.model.statement import CONTENT, KEYSET_V1, Statement
from archive.proofs.keys import ED25519, PublicKey
from archive.proofs.keyset import keyset_content
from archive.services.context import Archive
from archive.services.record import keyset_row
from archive.services.trust import stored_keysets
from archive.signing.base import Signer, seal
from archive.signing.file import create_key, open_key, read_passphrase, write_private
from archive.storage.layout import blob_key, keyset_key

MANIFEST_KEY_DAYS = 3650
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the private keys and what opens them lie."""

    folder: Path
    passphrase_file: Path

    @property
    def root(self) -> Path:
        """The root key of a development archive."""
        return self.folder / "root.pem"

    @property
    def manifest(self) -> Path:
        """The key that signs captures."""
        return self.folder / "manifest.pem"

    @property
    def root_keyid(self) -> Path:
        """The root key's ID: the fingerprint that a verifier pins."""
        return self.folder / "root.keyid"


@dataclass(frozen=True, slots=True)
class Initialised:
    """What is new: the root fingerprint, and the API key (shown once) when one was made."""

    root_keyid: str
    api_key: str | None
    is_new: bool


def initialise(archive: Archive, files: KeyFiles) -> Initialised:
    """Migrate the catalogue; make keys, keyset and API key when there are none.

    Raises KeyLocked, StorageError, CatalogError.
    """
    archive.database.migrate()
    is_new = not files.root_keyid.exists()
    if is_new:
        _make_keys(archive, files)
    root_keyid = files.root_keyid.read_text(encoding="ascii").strip()
    with archive.database.reading() as connection:
        has_keyset = bool(evidence.every_keyset_content(connection))
        has_api_key = access.has_api_keys(connection)
    if not has_keyset:
        if not stored_keysets(archive.store):
            _store_first_keyset(archive, files)
        _take_in_keysets(archive)
    api_key = None if has_api_key else make_api_key(archive, access.SCOPES, "made by init")
    return Initialised(root_keyid, api_key, is_new)


def make_api_key(archive: Archive, scopes: Sequence[str], note: str) -> str:
    """A new API key, `mk_<id>_<secret>`; only the digest of its secret is kept."""
    key_id = secrets.token_hex(8)
    secret = base64.urlsafe_b64encode(archive.random_bytes(SECRET_BYTES)).rstrip(b"=").decode()
    with archive.database.writing() as connection:
        access.add_api_key(
            connection,
            ApiKey(key_id, frozenset(scopes)),
            secret,
            rfc3339(archive.clock.now()),
            note,
        )
    return f"mk_{key_id}_{secret}"


def _make_keys(archive: Archive, files: KeyFiles) -> None:
    if not files.passphrase_file.exists():
        passphrase = base64.b64encode(archive.random_bytes(SECRET_BYTES)) + b"\n"
        write_private(files.passphrase_file, passphrase)
    passphrase = read_passphrase(files.passphrase_file)
    # An earlier run may have died between the files: keys that are there are kept.
    root = _opened_or_made(files.root, passphrase)
    _opened_or_made(files.manifest, passphrase)
    write_private(files.root_keyid, f"{root.public_key.keyid}\n".encode("ascii"))


def _opened_or_made(path: Path, passphrase: bytes) -> Signer:
    return open_key(path, passphrase) if path.exists() else create_key(path, passphrase)


def _store_first_keyset(archive: Archive, files: KeyFiles) -> None:
    passphrase = read_passphrase(files.passphrase_file)
    root = open_key(files.root, passphrase)
    manifest = open_key(files.manifest, passphrase)
    now = archive.clock.now()
    content = canonical.dumps(
        keyset_content(1, None, rfc3339(now), [root.public_key], [_row(manifest.public_key, now)])
    )
    content_sha256 = sha256_hex(content)
    statement = Statement(
        {CONTENT: content_sha256}, KEYSET_V1, {"version": 1, "previous": None}
    ).to_bytes()
    envelope = seal(root, statement, root.public_key).to_bytes()
    archive.store.put(blob_key(content_sha256), content)
    archive.store.put(keyset_key(1, root.public_key.keyid8), envelope)


def _take_in_keysets(archive: Archive) -> None:
    with archive.database.writing() as connection:
        for signed in stored_keysets(archive.store):
            evidence.add_keyset(connection, keyset_row(signed))


def _row(key: PublicKey, now: dt.datetime) -> canonical.JsonValue:
    return {
        "keyid": key.keyid,
        "alg": ED25519,
        "spki": key.spki_base64,
        "role": "manifest",
        "valid_from": rfc3339(now),
        "valid_until": rfc3339(now + dt.timedelta(days=MANIFEST_KEY_DAYS)),
        "state": "active",
        "invalid_since": None,
    }
