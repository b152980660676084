# SPDX-License-Identifier: Apache-2.0
"""Keysets that root keys elsewhere sign: the unsigned next one in a file, and its signatures.

The file travels. Each holder of a root key reads what it says and signs; nothing of the archive
is needed for that, and nothing of it changes.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from archive.backups.new_file import new_file
from archive.digests import sha256_hex
from archive.errors import InputError, KeyLocked, MalformedEvidence, SettingsError, SigningError
from archive.proofs.keys import PublicKey
from archive.proofs.keyset import LOG, MANIFEST, Keyset
from archive.proofs.keyset_bundle import KeysetBundle
from archive.services.context import Archive
from archive.services.keysets.amend import Amendment, following_keyset
from archive.services.keysets.changes import changed, check_threshold
from archive.services.keysets.initialise import KeyFiles, make_passphrase, own_key, pin_roots
from archive.services.keysets.make import LOG_DAYS, MANIFEST_DAYS, new_keyset_key, new_log
from archive.services.trust import has_keyset, keysets_to_follow
from archive.signing.base import Signer, seal


def propose_first(
    archive: Archive, files: KeyFiles, roots: Sequence[PublicKey], threshold: int, path: Path
) -> KeysetBundle:
    """The first keyset of an archive whose root keys lie elsewhere, unsigned, in a new file.

    Makes the signing keys and pins the root keys. Run again after a crash, it keeps both. Raises
    InputError, KeyLocked, SettingsError, StorageError.
    """
    check_threshold(len(roots), threshold)
    keyids = tuple(key.keyid for key in roots)
    if has_keyset(archive.store):
        raise SettingsError("the archive has a keyset: change its root keys with `keys propose`")
    if len(set(keyids)) < len(keyids):
        raise InputError("one root key is named twice")
    if archive.pinned_roots and set(archive.pinned_roots) != set(keyids):
        raise SettingsError(
            "other root keys are trusted here already (trust.roots, or root.keyid in the data "
            "folder): name those, or begin in another folder"
        )
    make_passphrase(files, archive.random_bytes)
    manifest, log = (own_key(archive, files, role) for role in (MANIFEST, LOG))
    now = archive.clock.now()
    keyset = Keyset(
        version=1,
        previous=None,
        issued_at=now,
        is_development=False,
        threshold=threshold,
        roots={key.keyid: key for key in roots},
        keys={
            key.keyid: new_keyset_key(key, role, now, days)
            for key, role, days in ((manifest, MANIFEST, MANIFEST_DAYS), (log, LOG, LOG_DAYS))
        },
        logs=(new_log(archive.log_origin, archive.base_url, log, keyids[0]),),
    )
    bundle = KeysetBundle(changed(keyset, now, ()).to_bytes())
    _write_new(path, bundle)
    if not archive.pinned_roots:
        pin_roots(files, keyids)
    return bundle


def propose(archive: Archive, amendment: Amendment, path: Path) -> KeysetBundle:
    """The next keyset with these changes, unsigned, in a file.

    A file that is there already and not yet signed is changed further. Raises InputError,
    MalformedEvidence, StorageError.
    """
    chain, newest = keysets_to_follow(archive)
    before = chain[-1]
    begun = read_bundle(path) if path.exists() else None
    if begun is not None and begun.signatures:
        raise InputError(f"{path} is signed already, and signed is signed: name another file")
    if begun is not None and begun.before != before.content:
        raise InputError(f"{path} does not follow keyset {newest.version}: name another file")
    base = newest if begun is None else replace(begun.keyset, version=newest.version)
    keyset = following_keyset(archive, base, before.statement_sha256, amendment)
    named = {root for authority in keyset.authorities for root in authority.roots}
    known = [*(begun.certificates if begun else ()), *amendment.certificates]
    certificates = {sha256_hex(each): each for each in known}
    bundle = KeysetBundle(
        keyset.to_bytes(),
        before=before.content,
        certificates=tuple(certificates[key] for key in sorted(named & certificates.keys())),
    )
    if begun is None:
        _write_new(path, bundle)
    else:
        write_bundle(path, bundle)
    return bundle


def sign(path: Path, signer: Signer, shown: KeysetBundle | None = None) -> KeysetBundle:
    """The keyset in the file with the signature of this root key, written there.

    `shown` is what the holder of the key agreed to sign, and nothing else is. Raises InputError
    (also when the file holds another keyset by now), KeyLocked when it is no root key of this
    keyset or of the one before.
    """
    bundle = read_bundle(path)
    if shown is not None and (bundle.payload, bundle.before) != (shown.payload, shown.before):
        raise InputError(f"{path} holds another keyset than was shown: nothing is signed")
    if signer.public_key.keyid not in root_keys(bundle):
        raise KeyLocked(
            f"key {signer.public_key.keyid} is no root key of this keyset, nor of the one before"
        )
    signed = bundle.with_signatures([seal(signer, bundle.payload, signer.public_key)])
    write_bundle(path, signed)
    return signed


def root_keys(bundle: KeysetBundle) -> dict[str, PublicKey]:
    """Whose signatures count for this keyset: its own root keys, and those before it."""
    before = {} if bundle.before is None else Keyset.from_bytes(bundle.before).roots
    return {**before, **bundle.keyset.roots}


def read_bundle(path: Path) -> KeysetBundle:
    """The keyset in a file. Raises InputError when it cannot be read as one."""
    try:
        return KeysetBundle.from_bytes(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except MalformedEvidence as error:
        raise InputError(f"{path} holds no keyset to sign: {error}") from error


def write_bundle(path: Path, bundle: KeysetBundle) -> None:
    """Put the keyset in place of the one in the file, whole or not at all. Raises SigningError."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        with new_file(beside) as file:
            file.write(bundle.to_bytes())
        os.replace(beside, path)  # noqa: PTH105 - the atomic one
    except OSError as error:
        raise SigningError(f"{path} cannot be written: {error.strerror}") from error


def _write_new(path: Path, bundle: KeysetBundle) -> None:
    try:
        with new_file(path) as file:
            file.write(bundle.to_bytes())
    except FileExistsError as error:
        raise InputError(f"{path} is there already: name a new file") from error
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
