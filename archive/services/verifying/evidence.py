# SPDX-License-Identifier: Apache-2.0
"""Gathers the evidence of one record out of the store, for verifying and for auditing."""

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TypeVar

from archive.catalog.statements import StatementRow
from archive.checks.evidence import (
    Absent,
    CoveringCheckpoint,
    Evidence,
    ForeignReader,
    Replaced,
    StampEvidence,
    StoreFacts,
)
from archive.checks.log_evidence import LogEvidence
from archive.digests import sha256_hex
from archive.errors import MalformedEnvelope, ObjectMissing, StorageError
from archive.ids import RecordId
from archive.model.inventory import Container, RecordSpan
from archive.model.lock import ObjectLock
from archive.proofs.dsse import read_envelope
from archive.proofs.keyset_chain import KeysetChain
from archive.services.context import Archive
from archive.services.effects.redacted import signed_replacements
from archive.services.log.told import LogReader
from archive.services.stamping.pinned_authorities import Authorities, pinned_authorities
from archive.services.stamping.proof_batches import batches_or_absent, digests_of
from archive.services.stamping.statement_time import trusted_time_of
from archive.services.statements.custody_told import custody_told
from archive.services.verifying.lock_promises import LockPromises
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


@dataclass(frozen=True)
class KnownBefore:
    """What many records share, read once for one run: locks, imports, authorities, redactions.

    `log` is None when nothing is to be asked of it.
    """

    archive: Archive
    chain: KeysetChain
    log: LogReader | None = None
    digests: ContainerDigests = field(default_factory=dict)

    @cached_property
    def promises(self) -> LockPromises:
        """The locks that were promised."""
        return LockPromises(self.archive, self.chain)

    def time_of(self, row: StatementRow) -> dt.datetime | None:
        """By when a statement was there for certain, as others say."""
        return trusted_time_of(self.archive, row, self.log, self.chain, self.authorities)

    @cached_property
    def replaced(self) -> Callable[[str], Replaced | None]:
        """What became of a container, by the redactions that were signed."""
        return signed_replacements(self.archive, self.chain)

    @cached_property
    def authorities(self) -> Authorities:
        """The authorities for time whose tokens count."""
        return pinned_authorities(self.archive.store, self.chain)


def known_before(archive: Archive, chain: KeysetChain, pinned: Sequence[bytes] = ()) -> KnownBefore:
    """What records share, nothing of it read yet; `pinned` are checkpoints from elsewhere."""
    return KnownBefore(archive, chain, LogReader(archive, pinned))


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
    known = known or known_before(archive, chain)
    files = {"statement": envelope_key, "inventory": inventory_key(capture_id)}
    envelope = _read(archive, envelope_key)
    return Evidence(
        record_id=capture_id,
        statement_sha256=None,
        envelope_bytes=envelope,
        log=_told_by_log(envelope, known.log),
        inventory_bytes=_read(archive, inventory_key(capture_id)),
        chain=chain,
        container=_container_reader(archive),
        foreign=_foreign_reader(archive, known.digests),
        store=_store_facts(archive, files, known.promises),
        replaced=known.replaced,
        custody=cache(lambda: custody_told(archive, capture_id, chain.newest, known.time_of)),
        stamps=_stamps(archive, str(capture_id), known, envelope),
    )


def observation_evidence(
    archive: Archive,
    observed: ObservationFiles,
    chain: KeysetChain,
    known: KnownBefore | None = None,
) -> Evidence:
    """The evidence of an observation, by the digests of its statement and inventory."""
    known = known or known_before(archive, chain)
    files = {"statement": observed.envelope_key, "inventory": blob_key(observed.inventory_sha256)}
    envelope = _read(archive, observed.envelope_key)
    return Evidence(
        record_id=None,
        statement_sha256=observed.statement_sha256,
        envelope_bytes=envelope,
        log=_told_by_log(envelope, known.log),
        inventory_bytes=_read(archive, blob_key(observed.inventory_sha256)),
        chain=chain,
        container=_container_reader(archive),
        store=_store_facts(archive, files, known.promises),
        replaced=known.replaced,
        stamps=_stamps(archive, None, known, envelope),
    )


def _stamps(
    archive: Archive, subject: str | None, known: KnownBefore, envelope: bytes | Absent
) -> StampEvidence:
    """The tokens of a subject; without one, those alone of checkpoints that cover it."""
    wanted = archive.timestamping
    named = [name for name, _ in wanted.authorities if name in known.authorities]
    is_asked = subject is not None and bool(known.authorities)
    tokens = min(wanted.tokens, len(named) or 1) if is_asked else 0
    return StampEvidence(
        load=lambda: batches_or_absent(archive.store, subject) if subject else (),
        authorities=known.authorities,
        wanted=tokens,
        digests=lambda key: digests_of(archive.store, key),
        renew_before=wanted.renew_before,
        now=archive.clock.now(),
        load_covering=lambda: _covering(archive, envelope, known.log),
    )


def _covering(
    archive: Archive, envelope: bytes | Absent, log: LogReader | None
) -> list[CoveringCheckpoint]:
    if log is None or isinstance(envelope, Absent):
        return []
    try:
        proofs = log.covering(sha256_hex(read_envelope(envelope).payload))
    except MalformedEnvelope:
        return []
    return [
        CoveringCheckpoint(proof, batches_or_absent(archive.store, str(size)))
        for size, proof in sorted(proofs.items())
    ]


def _told_by_log(envelope: bytes | Absent, log: LogReader | None) -> LogEvidence | None:
    if log is None or isinstance(envelope, Absent):
        return None
    try:
        return log.told(sha256_hex(read_envelope(envelope).payload))
    except MalformedEnvelope:
        return None  # that it is none is the question of another claim


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
