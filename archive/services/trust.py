# SPDX-License-Identifier: Apache-2.0
"""Reads the chain of keysets from the store, for signing and for verifying.

A file that is no envelope, lies under another key's name or signs other bytes than the version
that the root keys signed is passed over: whoever can add a file must not be able to break trust.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from archive.catalog import evidence
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.errors import (
    MalformedEnvelope,
    MalformedEvidence,
    MalformedKeyset,
    MunimentError,
    ObjectMissing,
)
from archive.model.statement import CONTENT, Statement
from archive.proofs.dsse import Envelope, read_envelope
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_chain import (
    KeysetChain,
    RolledBack,
    SignedKeyset,
    chosen_chain,
    keyset_signers,
    newest_trusted,
)
from archive.services.context import Archive
from archive.storage.base import Store
from archive.storage.layout import KEYSETS, blob_key, read_key


def has_keyset(store: Store) -> bool:
    """Whether a keyset envelope lies in the store, sound or not."""
    return any(True for _ in _keyset_files(store))


def stored_keysets(store: Store, pinned_roots: Sequence[str] = ()) -> tuple[SignedKeyset, ...]:
    """Every keyset version in the store, in order, as stored and not yet trusted.

    Where files of one version sign different bytes, the version that follows from the pinned
    roots is taken. Raises MalformedEvidence when none of a version's files can be read as what
    its key says or the root keys signed two, ObjectMissing when a content file is not there.
    """
    versions = _versions(store)
    return chosen_chain([_readable(version) for version in versions], pinned_roots)


def stray_keyset_files(store: Store, pinned_roots: Sequence[str] = ()) -> list[tuple[str, str]]:
    """What `stored_keysets` passes over: each file's key, and why. Raises as that does."""
    versions = _versions(store)
    chain = chosen_chain([_readable(version) for version in versions], pinned_roots)
    strays = []
    # A last version that too few root keys have signed yet is not in the chain.
    for version, chosen in itertools.zip_longest(versions, chain):
        strays += [(key, str(error)) for key, error in version.faults]
        detail = (
            f"signs other bytes than keyset {version.number}"
            if chosen
            else f"too few root keys have signed keyset {version.number} yet"
        )
        for signed, keys in version.claimants:
            strays += [(key, detail) for key in keys if signed is not chosen]
    return sorted(strays)


def trusted_keyset(archive: Archive) -> Keyset:
    """The newest keyset that the pinned roots vouch for. Raises MalformedEvidence."""
    return _trusted(archive, stored_keysets(archive.store, archive.pinned_roots))


def keysets_to_follow(archive: Archive) -> tuple[tuple[SignedKeyset, ...], Keyset]:
    """The stored keysets and the trusted newest of them, for the next one to follow.

    Where one that was in force is missing, the next would be its rival: two keysets of one number
    end all trust. Raises MalformedEvidence.
    """
    chain = stored_keysets(archive.store, archive.pinned_roots)
    return chain, _trusted(archive, chain)


def _trusted(archive: Archive, chain: Sequence[SignedKeyset]) -> Keyset:
    fault = rolled_back(archive, chain)
    if fault is not None:
        raise fault
    return newest_trusted(chain, archive.pinned_roots)


def rolled_back(archive: Archive, chain: Sequence[SignedKeyset]) -> RolledBack | None:
    """What is wrong when the catalogue took in a version that the store has no longer.

    Whoever holds the store could take a revocation away otherwise. Raises CatalogError.
    """
    with archive.database.reading() as connection:
        known = evidence.highest_keyset(connection)
    if len(chain) >= known:
        return None
    return RolledBack(
        f"keyset {known} was in force and {len(chain)} is the newest in the store: put the files "
        "of those that are missing back from a mirror"
    )


@dataclass(frozen=True, slots=True)
class TrustedVersion:
    """A keyset version of a chain that holds, and the root keys whose signatures count for it."""

    signed: SignedKeyset
    keyset: Keyset
    signed_by: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The version as lists of versions show it."""
        return {
            "version": self.keyset.version,
            "issued_at": rfc3339(self.keyset.issued_at),
            "statement_sha256": self.signed.statement_sha256,
            "signed_by": list(self.signed_by),
        }


def trusted_versions(archive: Archive) -> tuple[TrustedVersion, ...]:
    """Every version that the pinned roots vouch for, in order. Raises MalformedEvidence."""
    chain = stored_keysets(archive.store, archive.pinned_roots)
    _trusted(archive, chain)
    found: list[TrustedVersion] = []
    for signed in chain:
        keyset = signed.open()
        known = {**(found[-1].keyset.roots if found else {}), **keyset.roots}
        by = tuple(sorted(keyset_signers(known, signed.envelopes)))
        found.append(TrustedVersion(signed, keyset, by))
    return tuple(found)


def keyset_chain(archive: Archive) -> KeysetChain:
    """The stored keysets to verify with; none when they are damaged, as claim key.chain says."""
    try:
        versions = stored_keysets(archive.store, archive.pinned_roots)
    except (MalformedEvidence, ObjectMissing):
        return KeysetChain((), tuple(archive.pinned_roots))
    fault = rolled_back(archive, versions)
    return KeysetChain(versions, tuple(archive.pinned_roots), fault)


@dataclass
class _Version:
    """One version's files: those that sign the same bytes together, and those with a fault."""

    number: int
    claimants: list[tuple[SignedKeyset, tuple[str, ...]]] = field(default_factory=list)
    faults: list[tuple[str, MunimentError]] = field(default_factory=list)


def _versions(store: Store) -> list[_Version]:
    files: dict[int, list[str]] = {}
    for key, number in _keyset_files(store):
        files.setdefault(number, []).append(key)
    return [_version(store, number, files[number]) for number in sorted(files)]


def _version(store: Store, number: int, keys: Sequence[str]) -> _Version:
    version = _Version(number)
    by_payload: dict[bytes, dict[str, Envelope]] = {}
    for key in keys:
        try:
            envelope = _named_envelope(key, store.get(key))
        except MalformedEvidence as error:
            version.faults.append((key, error))
        else:
            by_payload.setdefault(envelope.payload, {})[key] = envelope
    for payload, envelopes in by_payload.items():
        try:
            signed = SignedKeyset(tuple(envelopes.values()), _content(store, number, payload))
        except (MalformedEvidence, ObjectMissing) as error:
            version.faults += [(key, error) for key in envelopes]
        else:
            version.claimants.append((signed, tuple(envelopes)))
    return version


def _readable(version: _Version) -> list[SignedKeyset]:
    if not version.claimants:
        key, error = version.faults[0]
        raise type(error)(f"{key}: {error}") from error
    return [signed for signed, _ in version.claimants]


def _named_envelope(key: str, data: bytes) -> Envelope:
    envelope = read_envelope(data)
    if not envelope.keyid.startswith(read_key(key).keyid8):
        raise MalformedEnvelope("the envelope is by another key than the file's name says")
    return envelope


def _content(store: Store, number: int, payload: bytes) -> bytes:
    content_sha256 = Statement.from_bytes(payload).subjects.get(CONTENT)
    if content_sha256 is None:
        raise MalformedKeyset(f"keyset {number} names no content")
    content = store.get(blob_key(content_sha256))
    if sha256_hex(content) != content_sha256:
        raise MalformedKeyset(f"the content of keyset {number} has another digest")
    return content


def _keyset_files(store: Store) -> Iterator[tuple[str, int]]:
    for item in store.list(KEYSETS):
        place = read_key(item.key)
        if place.role == "keyset":
            yield item.key, int(place.name)
