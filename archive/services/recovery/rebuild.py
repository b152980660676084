# SPDX-License-Identifier: Apache-2.0
"""Remakes every evidence table of the catalogue from the object store alone.

One transaction: readers see the old rows until the new ones are complete. No capture may run
meanwhile. What does not hold is left out and named; nothing in the store is touched.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection

from archive.catalog import evidence, requests, sequence, stamps
from archive.catalog.evidence import CaptureRows
from archive.catalog.time_tokens import add_tokens
from archive.errors import MalformedEvidence
from archive.ids import Kind
from archive.model.proof_batch import PROOFS
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_chain import RolledBack, newest_trusted
from archive.services.context import Archive
from archive.services.effects.erase import finish_redactions
from archive.services.log.publishing import publish_soon
from archive.services.log.relog import relog
from archive.services.stamping.proof_batches import adopt_batch
from archive.services.statements.adopt import (
    FurtherSignature,
    adopt_assertion,
    adopt_capture,
    adopt_observation,
)
from archive.services.statements.assertion import take_in
from archive.services.statements.record import (
    capture_rows,
    container_rows,
    keyset_row,
    observation_row,
)
from archive.services.trust import stored_keysets
from archive.storage.layout import (
    CAPTURES,
    CHECKPOINTS,
    KEYSETS,
    OBSERVATIONS,
    STATEMENTS,
    read_key,
)

_BATCH = 500

Progress = Callable[[str], None]


@dataclass
class Rebuilt:
    """What a rebuild took in, and what it had to leave out: `(key, code, detail)`.

    `not_erased` are redacted files that still lie in the store, and why.
    """

    captures: int = 0
    observations: int = 0
    statements: int = 0
    keysets: int = 0
    proofs: int = 0
    left_out: list[tuple[str, str, str]] = field(default_factory=list)
    not_erased: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether nothing was left out."""
        return not self.left_out


def rebuild(archive: Archive, progress: Progress) -> Rebuilt:
    """Remake the evidence tables; `progress` is told each key that was read.

    Raises MalformedEvidence when no trusted keyset can be read: nothing is changed then.
    """
    # What this process logged has its place as soon as it is published.
    archive.publisher.settle()
    chain = stored_keysets(archive.store, archive.pinned_roots)
    keyset = newest_trusted(chain, archive.pinned_roots)
    rebuilt = Rebuilt(keysets=len(chain))
    with archive.database.writing() as connection:
        _name_lost_keysets(connection, len(chain), rebuilt)
        evidence.clear(connection)
        for signed in chain:
            evidence.add_keyset(connection, keyset_row(signed))
        proofs = _take_captures(archive, keyset, connection, rebuilt, progress)
        proofs += _keys(archive, CHECKPOINTS)
        _take_proofs(archive, proofs, connection, rebuilt, progress)
        _take_observations(archive, keyset, connection, rebuilt, progress)
        _take_assertions(archive, keyset, connection, rebuilt, progress)
        requests.fulfil_recorded(connection)
        rebuilt.left_out += relog(archive, keyset, connection, rebuilt.left_out)
    publish_soon(archive)
    rebuilt.not_erased.extend(finish_redactions(archive))
    return rebuilt


def _name_lost_keysets(connection: Connection, newest: int, rebuilt: Rebuilt) -> None:
    for version in range(newest + 1, evidence.highest_keyset(connection) + 1):
        detail = "the catalogue knew this version, and the store has it no longer"
        rebuilt.left_out.append((f"{KEYSETS}{version}", RolledBack.code, detail))


def _take_captures(
    archive: Archive,
    keyset: Keyset,
    connection: Connection,
    rebuilt: Rebuilt,
    progress: Progress,
) -> list[str]:
    """Take in every capture. Returns the keys of proofs, which lie beside them."""
    highest = 0
    proofs: list[str] = []
    further: list[str] = []
    batch: list[CaptureRows] = []
    for key in _keys(archive, CAPTURES):
        capture_id = read_key(key).capture_id
        if capture_id is not None and capture_id.prefix == archive.identity.prefix:
            highest = max(highest, capture_id.number)
        if read_key(key).role == "proof":
            proofs.append(key)
        if read_key(key).role != "statement":
            continue
        progress(key)
        try:
            signed = adopt_capture(archive.store, keyset, key)
        except FurtherSignature:
            further.append(key)
            continue
        except MalformedEvidence as error:
            rebuilt.left_out.append((key, error.code, str(error)))
            continue
        number = signed.look.capture_id.number if signed.look.capture_id else 0
        batch.append(capture_rows(signed, number))
        rebuilt.captures += 1
        if len(batch) == _BATCH:
            evidence.add_captures(connection, batch)
            batch = []
    if batch:
        evidence.add_captures(connection, batch)
    _name_orphaned(further, connection, rebuilt)
    sequence.forget_recorded(connection)
    if highest:
        sequence.raise_above(connection, Kind.CAPTURE.value, highest)
    return proofs


def _take_proofs(
    archive: Archive,
    keys: Sequence[str],
    connection: Connection,
    rebuilt: Rebuilt,
    progress: Progress,
) -> None:
    # What is due is found again from the first capture on.
    stamps.forget_marks(connection)
    for key in keys:
        place = read_key(key)
        if place.file != PROOFS:
            continue
        progress(key)
        try:
            rows = adopt_batch(archive.store, place.name, place.batch)
        except MalformedEvidence as error:
            rebuilt.left_out.append((key, error.code, str(error)))
            continue
        add_tokens(connection, rows)
        rebuilt.proofs += 1


def _name_orphaned(further: list[str], connection: Connection, rebuilt: Rebuilt) -> None:
    for key in further:
        if evidence.capture_by_id(connection, read_key(key).name) is None:
            detail = "the envelope by the key that the statement names is gone"
            rebuilt.left_out.append((key, FurtherSignature.code, detail))


def _take_observations(
    archive: Archive,
    keyset: Keyset,
    connection: Connection,
    rebuilt: Rebuilt,
    progress: Progress,
) -> None:
    for key in _keys(archive, OBSERVATIONS):
        if read_key(key).role != "observation":
            continue
        progress(key)
        try:
            signed = adopt_observation(archive.store, keyset, key)
        except FurtherSignature:
            continue
        except MalformedEvidence as error:
            rebuilt.left_out.append((key, error.code, str(error)))
            continue
        evidence.add_observation(
            connection, observation_row(signed), container_rows(signed.inventory.containers)
        )
        rebuilt.observations += 1


def _take_assertions(
    archive: Archive,
    keyset: Keyset,
    connection: Connection,
    rebuilt: Rebuilt,
    progress: Progress,
) -> None:
    for key in _keys(archive, STATEMENTS):
        if read_key(key).role != "assertion":
            continue
        progress(key)
        try:
            stated = adopt_assertion(archive.store, keyset, key)
        except FurtherSignature:
            continue
        except MalformedEvidence as error:
            rebuilt.left_out.append((key, error.code, str(error)))
            continue
        take_in(connection, stated)
        rebuilt.statements += 1


def _keys(archive: Archive, prefix: str) -> Iterator[str]:
    return (item.key for item in archive.store.list(prefix))
