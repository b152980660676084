# SPDX-License-Identifier: Apache-2.0
"""Replaces the signing key: a new one, and a keyset in which the old one is retired.

An archive that has no log yet gets the key of one with it. Everything else is carried over.

The new private key lies beside the old one until the keyset that lists it is stored, so a run
that was broken off is finished by the next. Records that the old key signed verify as before.
"""

from dataclasses import dataclass

from archive.errors import KeyLocked
from archive.proofs.keyset import ACTIVE, LOG, MANIFEST, Keyset
from archive.services.context import Archive
from archive.services.keysets.amend import Amendment, amend, root_beside, take_in
from archive.services.keysets.changes import Change, rotated, with_log
from archive.services.keysets.initialise import KeyFiles, opened_or_made, own_key
from archive.services.keysets.make import new_log
from archive.services.trust import keysets_to_follow
from archive.signing.base import Signer
from archive.signing.file import open_key, read_passphrase, replace_private


@dataclass(frozen=True, slots=True)
class Rotated:
    """The keyset version now in force, its signing key, and the keys that were retired."""

    keyset_version: int
    keyid: str
    retired: tuple[str, ...]


def rotate(
    archive: Archive, files: KeyFiles, to: Signer | None = None, days: int | None = None
) -> Rotated:
    """Sign with a new key from now on: with a file made here, or with the signer that is given.

    Which signer is used then is for the settings to say. Needs the root key beside the signing
    key; with a threshold above one, root keys that lie elsewhere must sign, and this refuses.
    Raises KeyLocked, MalformedEvidence, StorageError, CatalogError.
    """
    chain, keyset = keysets_to_follow(archive)
    root_beside(keyset, files)
    signer = to or coming_key(files)
    retired: tuple[str, ...] = ()
    if signer.public_key.keyid not in keyset.keys:
        before = keyset
        changes = rotation(archive, files, keyset, signer, days)
        keyset = amend(archive, files, Amendment(changes))
        retired = tuple(
            keyid for keyid, key in before.keys.items() if key.state != keyset.keys[keyid].state
        )
    else:
        take_in(archive, chain[-1])
    if to is None:
        put_in_place(files, keyset)
    return Rotated(keyset.version, signer.public_key.keyid, retired)


def coming_key(files: KeyFiles) -> Signer:
    """The key file that is to sign next, made when there is none yet. Raises KeyLocked."""
    if MANIFEST in files.elsewhere:
        raise KeyLocked(
            "keys.manifest names the signing key: make another one there, and give its URI "
            "with --to"
        )
    return opened_or_made(files.coming, read_passphrase(files.passphrase_file))


def rotation(
    archive: Archive, files: KeyFiles, keyset: Keyset, signer: Signer, days: int | None = None
) -> list[Change]:
    """What makes this signer the one that signs, for so many days; with a log, if there is none."""
    changes = [rotated(signer.public_key, days)]
    if not keyset.logs:
        log = own_key(archive, files, LOG)
        first = next(iter(keyset.roots))
        changes.append(with_log(new_log(archive.log_origin, archive.base_url, log, first), log))
    return changes


def put_in_place(files: KeyFiles, keyset: Keyset) -> str | None:
    """Sign with the coming key, once the keyset lists it: its ID, or None when there is none.

    Raises KeyLocked.
    """
    if not files.coming.exists():
        return None
    key = open_key(files.coming, read_passphrase(files.passphrase_file)).public_key
    listed = keyset.keys.get(key.keyid)
    if listed is None or listed.role != MANIFEST or listed.state != ACTIVE:
        return None
    replace_private(files.coming, files.manifest)
    return key.keyid
