# SPDX-License-Identifier: Apache-2.0
"""Reads many objects and answers many records on several cores, for the audit.

Hashing lets go of the interpreter's lock, so threads serve; checks do not, so processes serve,
each with an archive of its own.
"""

import hashlib
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass

from archive.catalog import evidence as rows
from archive.checks.runner import run_checks
from archive.errors import StorageError, StorageUnavailable
from archive.ids import parse_id
from archive.model.claim import Finding
from archive.proofs.keyset_chain import KeysetChain
from archive.services.context import Archive
from archive.services.trust import keyset_chain
from archive.services.verifying.agreement import agreement
from archive.services.verifying.evidence import (
    KnownBefore,
    ObservationFiles,
    capture_evidence,
    known_before,
    observation_evidence,
)
from archive.storage.base import Store

_BATCH = 32
_WHOLE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """One record that the catalogue knows (`capture_id` is None for an observation)."""

    capture_id: str | None
    files: ObservationFiles

    @property
    def name(self) -> str:
        """The ID, or the statement's digest of an observation."""
        return self.capture_id or self.files.statement_sha256


def kept_records(archive: Archive) -> list[Kept]:
    """Every capture and observation that the catalogue knows."""
    with archive.database.reading() as connection:
        captures = [
            Kept(row.id, ObservationFiles("", row.inventory_sha256, row.envelope_key))
            for row in rows.every_capture(connection)
        ]
        observations = [
            Kept(
                None,
                ObservationFiles(row.statement_sha256, row.inventory_sha256, row.envelope_key),
            )
            for row in rows.every_observation(connection)
        ]
    return captures + observations


def hash_blobs(
    store: Store, blobs: Sequence[tuple[str, int]], workers: int
) -> Iterator[tuple[str, int, str | StorageError]]:
    """Key, size and SHA-256 (or why it could not be read) of each object, in order."""
    stop = threading.Event()

    def hashed(batch: Sequence[tuple[str, int]]) -> list[tuple[str, int, str | StorageError]]:
        return [(key, size, _sha256(store, key, size, stop)) for key, size in batch]

    batches = [blobs[start : start + _BATCH] for start in range(0, len(blobs), _BATCH)]
    if workers == 1:
        for batch in batches:
            yield from hashed(batch)
        return
    with futures.ThreadPoolExecutor(workers) as pool:
        try:
            for answers in pool.map(hashed, batches):
                yield from answers
        except BaseException:
            # An interrupt must not wait for gigabytes that nobody asks for any more.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def records_findings(
    archive: Archive,
    chain: KeysetChain,
    kept: Sequence[Kept],
    claims: frozenset[str],
    workers: int,
) -> Iterator[tuple[Kept, tuple[Finding, ...]]]:
    """The findings about each record, in order, on as many processes as workers."""
    if workers == 1 or len(kept) <= _BATCH:
        known = known_before(archive, chain)
        for item in kept:
            yield item, _findings(_Reader(archive, chain, known, claims), item)
        return
    batches = [kept[start : start + _BATCH] for start in range(0, len(kept), _BATCH)]
    # Spawned, not forked: connections and threads of the parent must not be shared.
    with futures.ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_open_worker,
        initargs=(archive.reopen, claims),
    ) as pool:
        for batch, answers in zip(batches, pool.map(_batch_findings, batches), strict=True):
            yield from zip(batch, answers, strict=True)


def _sha256(store: Store, key: str, size: int, stop: threading.Event) -> str | StorageError:
    try:
        if size <= _WHOLE_BYTES:
            return hashlib.sha256(store.get(key)).hexdigest()
        digest = hashlib.sha256()
        for chunk in store.stream(key):
            if stop.is_set():
                return StorageUnavailable("the audit was interrupted")
            digest.update(chunk)
        return digest.hexdigest()
    except StorageError as error:
        return error


@dataclass(frozen=True, slots=True)
class _Reader:
    """What the answers about every record share."""

    archive: Archive
    chain: KeysetChain
    known: KnownBefore
    claims: frozenset[str]


def _findings(reader: _Reader, item: Kept) -> tuple[Finding, ...]:
    archive, chain, known = reader.archive, reader.chain, reader.known
    envelope_key = item.files.envelope_key
    if item.capture_id is not None:
        capture_id = parse_id(item.capture_id)
        gathered = capture_evidence(archive, capture_id, envelope_key, chain, known)
    else:
        gathered = observation_evidence(archive, item.files, chain, known)
    found = run_checks(gathered, reader.claims)
    return (*found, agreement(archive, gathered, envelope_key, found))


class _Worker:
    """What a worker process keeps between batches."""

    reader: _Reader


def _open_worker(reopen: Callable[[], Archive], claims: frozenset[str]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    archive = reopen()
    chain = keyset_chain(archive)
    _Worker.reader = _Reader(archive, chain, known_before(archive, chain), claims)


def _end_with_parent() -> None:
    """End this process when the one that asks it is killed: nobody else would ever end it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _batch_findings(batch: Sequence[Kept]) -> list[tuple[Finding, ...]]:
    return [_findings(_Worker.reader, item) for item in batch]
