# SPDX-License-Identifier: Apache-2.0
"""Gathers the evidence of one record out of the store, for verifying and for auditing."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from archive.checks.evidence import Absent, Evidence, ForeignReader, Replaced, StoreFacts
from archive.errors import ObjectMissing, StorageError
from archive.ids import RecordId
from archive.model.inventory import Container, RecordSpan
from archive.model.lock import ObjectLock
from archive.proofs.keyset_chain import KeysetChain
from archive.services.context import Archive
from archive.services.custody_told import custody_told
from archive.services.lock_promises import LockPromises
from archive.services.redacted import signed_replacements
from archive.storage.layout import blob_key, inventory_key

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ObservationFiles:
    """Where an observation's files lie: digests of statement and inventory, envelope's key."""

    statement_sha256: str
    inventory_sha256: str
    envelope_key: str


ContainerDigests = dict[str, tuple[int, str] | Absent]
"""Bytes and SHA-256 of imported containers."""


@dataclass(frozen=True, slots=True)
class KnownBefore:
    """What many records share, read once for one run: locks, imports, redactions."""

    promises: LockPromises
    digests: ContainerDigests = field(default_factory=dict)
    replaced: Callable[[str], Replaced | None] | None = None


def capture_evidence(
    archive: Archive,
    capture_id: RecordId,
    envelope_key: str,
    chain: KeysetChain,
    known: KnownBefore | None = None,
) -> Evidence:
    """The evidence of a capture, by its ID and the key of one of its envelopes.

    `known` spares whoever asks about many records reading what they share each time.
    """
    known = known or KnownBefore(LockPromises(archive, chain))
    files = {"statement": envelope_key, "inventory": inventory_key(capture_id)}
    return Evidence(
        record_id=capture_id,
        statement_sha256=None,
        envelope_bytes=_read(archive, envelope_key),
        inventory_bytes=_read(archive, inventory_key(capture_id)),
        chain=chain,
        container=_container_reader(archive),
        foreign=_foreign_reader(archive, known.digests),
        store=_store_facts(archive, files, known.promises),
        replaced=known.replaced or signed_replacements(archive, chain),
        custody=cache(lambda: custody_told(archive, capture_id, chain.newest)),
    )


def observation_evidence(
    archive: Archive,
    observed: ObservationFiles,
    chain: KeysetChain,
    known: KnownBefore | None = None,
) -> Evidence:
    """The evidence of an observation, by the digests of its statement and inventory."""
    known = known or KnownBefore(LockPromises(archive, chain))
    files = {"statement": observed.envelope_key, "inventory": blob_key(observed.inventory_sha256)}
    return Evidence(
        record_id=None,
        statement_sha256=observed.statement_sha256,
        envelope_bytes=_read(archive, observed.envelope_key),
        inventory_bytes=_read(archive, blob_key(observed.inventory_sha256)),
        chain=chain,
        container=_container_reader(archive),
        store=_store_facts(archive, files, known.promises),
        replaced=known.replaced or signed_replacements(archive, chain),
    )


def _container_reader(archive: Archive) -> Callable[[Container], bytes | Absent]:
    return lambda container: _read(archive, blob_key(container.sha256))


def _foreign_reader(archive: Archive, digests: ContainerDigests) -> ForeignReader:
    def digest(container: Container) -> tuple[int, str] | Absent:
        if container.sha256 not in digests:
            key = blob_key(container.sha256)
            digests[container.sha256] = _or_absent(key, lambda: _streamed(archive, key))
        return digests[container.sha256]

    def member(span: RecordSpan) -> bytes | Absent:
        key = blob_key(span.container_sha256)
        return _or_absent(key, lambda: archive.store.get_range(key, span.offset, span.length))

    return ForeignReader(digest, member)


def _streamed(archive: Archive, key: str) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    for chunk in archive.store.stream(key):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()


def _store_facts(archive: Archive, files: Mapping[str, str], promises: LockPromises) -> StoreFacts:
    def lock(name: str) -> ObjectLock | Absent:
        key = files.get(name) or blob_key(name)
        try:
            return archive.store.lock_of(key)
        except StorageError as error:
            return Absent(error.code, f"{key}: {error}", is_certain=False)

    return StoreFacts(promise=promises.at, lock=lock, now=archive.clock.now())


def _read(archive: Archive, key: str) -> bytes | Absent:
    return _or_absent(key, lambda: archive.store.get(key))


def _or_absent(key: str, read: Callable[[], _T]) -> _T | Absent:
    try:
        return read()
    except ObjectMissing as error:
        return Absent(error.code, f"{key} is not in the store", is_certain=True)
    except StorageError as error:
        return Absent(error.code, f"{key} cannot be read: {error}", is_certain=False)
