# SPDX-License-Identifier: Apache-2.0
"""Replaces the signing key: a new one, and a keyset in which the old one is retired.

An archive that has no log yet gets the key of one with it. Everything else is carried over.

The new private key lies beside the old one until the keyset that lists it is stored, so a run
that was broken off is finished by the next. Records that the old key signed verify as before.
"""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from archive.catalog import evidence
from archive.errors import KeyLocked
from archive.proofs.keyset import ACTIVE, LOG, MANIFEST, RETIRED, Keyset, KeysetKey
from archive.proofs.keyset_chain import newest_trusted
from archive.services.context import Archive
from archive.services.initialise import KeyFiles, opened_or_made
from archive.services.make_keyset import UNDER_WAY, new_keyset_key, new_log, store_keyset
from archive.services.record import keyset_row
from archive.services.trust import stored_keysets
from archive.signing.base import Signer
from archive.signing.file import open_key, read_passphrase, replace_private


@dataclass(frozen=True, slots=True)
class Rotated:
    """The keyset version now in force, its signing key, and the keys that were retired."""

    keyset_version: int
    keyid: str
    retired: tuple[str, ...]


def rotate(archive: Archive, files: KeyFiles) -> Rotated:
    """Sign with a new key from now on.

    Needs the root key beside the signing key; with a threshold above one, root keys that lie
    elsewhere must sign, and this refuses. Raises KeyLocked, MalformedEvidence, StorageError,
    CatalogError.
    """
    passphrase = read_passphrase(files.passphrase_file)
    chain = stored_keysets(archive.store, archive.pinned_roots)
    keyset = newest_trusted(chain, archive.pinned_roots)
    root = _root(keyset, files, passphrase)
    coming = files.manifest.with_suffix(".next.pem")
    signer = opened_or_made(coming, passphrase)
    retired: tuple[str, ...] = ()
    if signer.public_key.keyid not in keyset.keys:
        following = _following(archive, files, keyset, signer)
        retired = tuple(
            keyid for keyid, key in keyset.keys.items() if key.state != following.keys[keyid].state
        )
        following = replace(following, previous=chain[-1].statement_sha256)
        store_keyset(archive.store, root, following)
        chain = stored_keysets(archive.store, archive.pinned_roots)
        keyset = newest_trusted(chain, archive.pinned_roots)
    _take_in(archive, keyset_row(chain[-1]))
    replace_private(coming, files.manifest)
    return Rotated(keyset.version, signer.public_key.keyid, retired)


def _root(keyset: Keyset, files: KeyFiles, passphrase: bytes) -> Signer:
    root = open_key(files.root, passphrase)
    if root.public_key.keyid not in keyset.roots or keyset.threshold > 1:
        raise KeyLocked(
            f"the root key {files.root} alone cannot sign the next keyset: it takes "
            f"{keyset.threshold} of {len(keyset.roots)} root keys"
        )
    return root


def _following(archive: Archive, files: KeyFiles, keyset: Keyset, signer: Signer) -> Keyset:
    """The next keyset: the signer's key for those before; a log, if there was none yet."""
    now = archive.clock.now()
    made = [(signer.public_key, MANIFEST)]
    logs = keyset.logs
    if keyset.log is None:
        log = opened_or_made(files.log, read_passphrase(files.passphrase_file)).public_key
        root_keyid = next(iter(keyset.roots))
        logs = (*logs, new_log(archive.log_origin, archive.base_url, log, root_keyid))
        made.append((log, LOG))
    kept = {keyid: _retired(key, now) for keyid, key in keyset.keys.items()}
    added = {key.keyid: new_keyset_key(key, role, now) for key, role in made}
    return replace(
        keyset, version=keyset.version + 1, issued_at=now, keys={**kept, **added}, logs=logs
    )


def _retired(key: KeysetKey, now: dt.datetime) -> KeysetKey:
    if key.state != ACTIVE or key.role != MANIFEST:
        return key
    return replace(
        key,
        state=RETIRED,
        state_at=now,
        reason="replaced",
        valid_until=min(key.valid_until, now + UNDER_WAY),
    )


def _take_in(archive: Archive, row: dict[str, Any]) -> None:
    with archive.database.writing() as connection:
        if row["content_sha256"] not in evidence.every_keyset_content(connection):
            evidence.add_keyset(connection, row)
