# SPDX-License-Identifier: Apache-2.0
"""Replaces the signing key: a new one, and a keyset in which the old one is retired.

The new private key lies beside the old one until the keyset that lists it is stored, so a run
that was broken off is finished by the next. Records that the old key signed verify as before.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from archive.canonical import JsonValue
from archive.catalog import evidence
from archive.clock import rfc3339
from archive.errors import KeyLocked
from archive.proofs.keyset import Keyset, KeysetKey, keyset_content, newest_trusted
from archive.services.context import Archive
from archive.services.initialise import KeyFiles, new_keyset_key, store_keyset
from archive.services.record import keyset_row
from archive.services.trust import stored_keysets
from archive.signing.base import Signer
from archive.signing.file import create_key, open_key, read_passphrase, replace_private

_UNDER_WAY = dt.timedelta(hours=1)  # what was begun with the old key may end with it


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
    signer = open_key(coming, passphrase) if coming.exists() else create_key(coming, passphrase)
    listed = keyset.keys.get(signer.public_key.keyid)
    retired: tuple[str, ...] = ()
    if listed is None:
        retired = tuple(id_ for id_, key in keyset.keys.items() if key.state == "active")
        content = _next_content(archive, keyset, chain[-1].statement_sha256, signer)
        store_keyset(archive.store, root, content)
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


def _next_content(
    archive: Archive, keyset: Keyset, previous: str, signer: Signer
) -> Mapping[str, JsonValue]:
    now = archive.clock.now()
    keys = [_retired(key, now).to_json() for key in keyset.keys.values()]
    return keyset_content(
        keyset.version + 1,
        previous,
        rfc3339(now),
        list(keyset.roots.values()),
        [*keys, new_keyset_key(signer.public_key, now).to_json()],
    )


def _retired(key: KeysetKey, now: dt.datetime) -> KeysetKey:
    if key.state != "active":
        return key
    return replace(key, state="retired", valid_until=min(key.valid_until, now + _UNDER_WAY))


def _take_in(archive: Archive, row: dict[str, Any]) -> None:
    with archive.database.writing() as connection:
        if row["content_sha256"] not in evidence.every_keyset_content(connection):
            evidence.add_keyset(connection, row)
