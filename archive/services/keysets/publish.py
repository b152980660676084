# SPDX-License-Identifier: Apache-2.0
"""Puts a keyset into the store once enough root keys have signed it. Safe to run again.

The signatures of root keys from before come first: should this be broken off between two, the
archive goes on with the keyset before, and says that one has begun.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archive.catalog import evidence
from archive.digests import sha256_hex
from archive.errors import CatalogMissing, InputError
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_bundle import KeysetBundle
from archive.proofs.keyset_chain import (
    Lacking,
    newest_trusted,
    next_trusted,
    signatures_lacking,
)
from archive.services.context import Archive
from archive.services.keysets.amend import store_certificates, take_in
from archive.services.keysets.initialise import KeyFiles
from archive.services.keysets.propose import read_bundle, root_keys
from archive.services.keysets.rotate import put_in_place
from archive.services.trust import stored_keysets
from archive.storage.layout import blob_key, keyset_key


@dataclass(frozen=True, slots=True)
class Published:
    """The version, what it still lacks (nothing: it is published), and the new signing key."""

    version: int
    signed_by: tuple[str, ...]
    lacking: tuple[Lacking, ...]
    keyid: str | None = None
    is_listed: bool = True

    @property
    def is_done(self) -> bool:
        """Whether it was published."""
        return not self.lacking


def publish_keyset(archive: Archive, files: KeyFiles, paths: Sequence[Path]) -> Published:
    """Store the keyset that these files hold with the signatures of all of them.

    Raises InputError, MalformedEvidence when it does not follow the newest one, StorageError,
    CatalogError, KeyLocked.
    """
    bundle = _merged([read_bundle(path) for path in paths])
    before = _trusted(archive, bundle)
    statement_sha256 = bundle.keyset.previous
    signed_by = tuple(keyid for keyid, _ in bundle.signatures)
    lacking = signatures_lacking(before, bundle.signed, archive.pinned_roots)
    if lacking:
        return Published(bundle.keyset.version, signed_by, tuple(lacking))
    next_trusted(before, statement_sha256, bundle.signed, archive.pinned_roots)
    _store(archive, bundle, before)
    newest = newest_trusted(
        stored_keysets(archive.store, archive.pinned_roots), archive.pinned_roots
    )
    is_listed = _list(archive)
    keyid = put_in_place(files, newest)
    return Published(bundle.keyset.version, signed_by, (), keyid, is_listed)


def _merged(bundles: Sequence[KeysetBundle]) -> KeysetBundle:
    """All signatures of one keyset. Raises InputError for a bad one, and for two keysets."""
    first, *others = bundles
    if any(other.payload != first.payload for other in others):
        raise InputError("these files hold different keysets: name those of one only")
    merged = first.with_signatures([each for other in others for each in other.envelopes])
    known = root_keys(merged)
    for envelope in (each for bundle in bundles for each in bundle.envelopes):
        key = known.get(envelope.keyid)
        if key is None or not key.verifies(envelope.signature, envelope.signed_bytes()):
            raise InputError(f"the signature of {envelope.keyid} is not by a root key that counts")
    return merged


def _trusted(archive: Archive, bundle: KeysetBundle) -> Keyset | None:
    """The trusted keyset that this one is to follow; None for the first."""
    version = bundle.keyset.version
    chain = stored_keysets(archive.store, archive.pinned_roots)
    is_other = len(chain) >= version and chain[version - 1].content != bundle.content
    if is_other or _known_content(archive, version) not in {None, sha256_hex(bundle.content)}:
        raise InputError(f"keyset {version} is another one already: propose the change anew")
    if version == 1:
        return None
    return newest_trusted(chain[: version - 1], archive.pinned_roots)


def _known_content(archive: Archive, version: int) -> str | None:
    """The content of this version as the catalogue took it in: the store may have lost it since."""
    try:
        archive.database.check_schema()
    except CatalogMissing:
        return None
    with archive.database.reading() as connection:
        return evidence.keyset_content(connection, version)


def _store(archive: Archive, bundle: KeysetBundle, before: Keyset | None) -> None:
    store_certificates(archive, bundle.certificates)
    archive.store.put(blob_key(sha256_hex(bundle.content)), bundle.content)
    old = set() if before is None else set(before.roots)
    version = bundle.keyset.version
    for envelope in sorted(bundle.envelopes, key=lambda each: each.keyid not in old):
        archive.store.put(keyset_key(version, envelope.keyid[:8]), envelope.to_bytes())


def _list(archive: Archive) -> bool:
    try:
        archive.database.check_schema()
    except CatalogMissing:
        return False  # `init` lists it, once it has made the catalogue
    for signed in stored_keysets(archive.store, archive.pinned_roots):
        take_in(archive, signed)
    return True
