# SPDX-License-Identifier: Apache-2.0
"""Makes a new archive: catalogue, keys, first keyset, first API key. Safe to run again.

The root key is made beside the data and the keyset is marked as a development one; a production
archive makes its root keys elsewhere and pins their fingerprints in the settings.

Keys are made for a new archive only. Where roots are trusted already or a keyset lies in the
store, new keys would take the place of the old trust, so nothing but the catalogue is made.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive.catalog import access, evidence, sequence
from archive.errors import KeyLocked, SettingsError
from archive.ids import Kind
from archive.proofs.keys import PublicKey
from archive.proofs.keyset import LOG, MANIFEST, Keyset
from archive.services.access.keys import SECRET_BYTES, make_api_key
from archive.services.context import Archive
from archive.services.keysets.make import (
    LOG_DAYS,
    TRIAL_DAYS,
    new_keyset_key,
    new_log,
    store_keyset,
)
from archive.services.log.start import start_log
from archive.services.statements.record import keyset_row
from archive.services.trust import has_keyset, stored_keysets
from archive.signing.base import Signer
from archive.signing.file import create_key, open_key, read_passphrase, write_private
from archive.storage.layout import CAPTURES, read_key


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the private keys and what opens them lie, and the fingerprint of the root key.

    `root_keyid` is what a verifier pins, one root key a line. It is no secret, and lies apart from
    the private keys: an archive without them still verifies. `elsewhere` are the roles whose keys
    the settings name: those are opened there, and never made here.
    """

    folder: Path
    passphrase_file: Path
    root_keyid: Path
    elsewhere: frozenset[str] = frozenset()

    @property
    def root(self) -> Path:
        """The root key of a development archive."""
        return self.folder / "root.pem"

    @property
    def manifest(self) -> Path:
        """The key that signs captures."""
        return self.folder / "manifest.pem"

    @property
    def coming(self) -> Path:
        """The key that is to sign captures next, until the keyset that lists it is stored."""
        return self.manifest.with_suffix(".next.pem")

    @property
    def log(self) -> Path:
        """The key that signs the checkpoints of the log."""
        return self.folder / "log.pem"

    @property
    def are_complete(self) -> bool:
        """Whether every file that captures and keysets are signed with is there."""
        return self.has_manifest and self.passphrase_file.exists() and self.root.exists()

    @property
    def has_manifest(self) -> bool:
        """Whether there is a key that signs captures, as far as can be told without opening it."""
        return MANIFEST in self.elsewhere or self.manifest.exists()


@dataclass(frozen=True, slots=True)
class Initialised:
    """The trusted root fingerprints, and what is new: the API key is shown this once.

    `unlisted` counts captures in the store that a catalogue without any does not list.
    """

    roots: tuple[str, ...]
    api_key: str | None
    is_new: bool
    unlisted: int

    @property
    def root_keyid(self) -> str:
        """The first of the trusted root fingerprints."""
        return self.roots[0]


def initialise(archive: Archive, files: KeyFiles) -> Initialised:
    """Migrate the catalogue; make keys, keyset and API key when there are none.

    Raises KeyLocked, SettingsError, MalformedEvidence, StorageError, CatalogError.
    """
    is_founded = has_keyset(archive.store)
    is_new = not archive.pinned_roots and not is_founded
    if is_founded and not archive.pinned_roots and not files.are_complete:
        raise KeyLocked(
            f"the store holds a keyset, and its keys are not in {files.folder}: restore that "
            "folder from backup, or name the root key IDs in trust.roots"
        )
    if not is_founded and archive.pinned_roots and not files.are_complete:
        raise KeyLocked(
            "the store holds no keyset yet: have the root keys sign the first one, and put it "
            "there with `muniment keys publish`"
        )
    archive.database.migrate()
    check_prefix(archive)
    roots = tuple(archive.pinned_roots) or (_make_keys(archive, files),)
    if not is_founded and files.are_complete:
        _store_first_keyset(archive, files, roots)
    _take_in_keysets(archive, roots)
    start_log(archive, roots)
    unlisted = _count_unlisted(archive)
    with archive.database.reading() as connection:
        has_api_key = access.has_api_keys(connection)
    api_key = None if has_api_key else make_api_key(archive, access.SCOPES, "made by init")
    return Initialised(roots, api_key, is_new, unlisted)


def check_prefix(archive: Archive) -> None:
    """Raise SettingsError when the catalogue's IDs have another prefix than the settings say."""
    prefix = archive.database.prefix()
    if prefix not in {None, archive.identity.prefix}:
        raise SettingsError(
            f"archive.prefix is {archive.identity.prefix}, and the IDs in this catalogue begin "
            f"with {prefix}: a prefix never changes once IDs are out"
        )


def _make_keys(archive: Archive, files: KeyFiles) -> str:
    make_passphrase(files, archive.random_bytes)
    passphrase = read_passphrase(files.passphrase_file)
    # An earlier run may have died between the files: keys that are there are kept.
    root = opened_or_made(files.root, passphrase)
    own_key(archive, files, MANIFEST)
    pin_roots(files, [root.public_key.keyid])
    return root.public_key.keyid


def make_passphrase(files: KeyFiles, random_bytes: Callable[[int], bytes]) -> None:
    """A passphrase for the private keys, where there is neither one nor any key."""
    has_key = files.root.exists() or files.manifest.exists()
    if not has_key and not files.passphrase_file.exists():
        passphrase = base64.b64encode(random_bytes(SECRET_BYTES)) + b"\n"
        write_private(files.passphrase_file, passphrase)


def pin_roots(files: KeyFiles, keyids: Sequence[str]) -> None:
    """Trust these root keys from now on, where none was trusted. Raises KeyLocked."""
    write_private(files.root_keyid, "".join(f"{keyid}\n" for keyid in keyids).encode("ascii"))


def own_key(archive: Archive, files: KeyFiles, role: str) -> PublicKey:
    """The public half of the archive's key of this role, made first where it is a file of ours.

    Raises KeyLocked, SettingsError, SignerUnavailable.
    """
    if role in files.elsewhere:
        signer = archive.open_signer() if role == MANIFEST else archive.open_log_signer()
        return signer.public_key
    path = files.manifest if role == MANIFEST else files.log
    return opened_or_made(path, read_passphrase(files.passphrase_file)).public_key


def opened_or_made(path: Path, passphrase: bytes) -> Signer:
    """The key in a file, made first when there is none. Raises KeyLocked."""
    return open_key(path, passphrase) if path.exists() else create_key(path, passphrase)


def _store_first_keyset(archive: Archive, files: KeyFiles, roots: Sequence[str]) -> None:
    root = open_key(files.root, read_passphrase(files.passphrase_file))
    if root.public_key.keyid not in roots:
        raise KeyLocked(f"the root key {files.root} is none of the trusted roots")
    manifest, log = (own_key(archive, files, role) for role in (MANIFEST, LOG))
    now = archive.clock.now()
    keyset = Keyset(
        version=1,
        previous=None,
        issued_at=now,
        is_development=True,
        threshold=1,
        roots={root.public_key.keyid: root.public_key},
        keys={
            key.keyid: new_keyset_key(key, role, now, days)
            for key, role, days in ((manifest, MANIFEST, TRIAL_DAYS), (log, LOG, LOG_DAYS))
        },
        logs=(new_log(archive.log_origin, archive.base_url, log, root.public_key.keyid),),
    )
    store_keyset(archive.store, root, keyset)


def _take_in_keysets(archive: Archive, roots: Sequence[str]) -> None:
    with archive.database.reading() as connection:
        if evidence.every_keyset_content(connection):
            return
    chain = stored_keysets(archive.store, roots)
    with archive.database.writing() as connection:
        if evidence.every_keyset_content(connection):
            return
        for signed in chain:
            evidence.add_keyset(connection, keyset_row(signed))


def _count_unlisted(archive: Archive) -> int:
    """Captures that a catalogue without any leaves out; their numbers are not handed out again."""
    if archive.database.prefix() is not None:
        return 0
    highest = 0
    signed = set()
    for item in archive.store.list(CAPTURES):
        place = read_key(item.key)
        if place.capture_id is None:
            continue
        highest = max(highest, place.capture_id.number)
        if place.role == "statement":
            signed.add(place.capture_id)
    if highest:
        with archive.database.writing() as connection:
            sequence.raise_above(connection, Kind.CAPTURE.value, highest)
    return len(signed)
