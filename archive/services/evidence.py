# SPDX-License-Identifier: Apache-2.0
"""Gathers the evidence of one record out of the store, for verifying and for auditing."""

from collections.abc import Callable
from dataclasses import dataclass

from archive.checks.evidence import Absent, Evidence
from archive.errors import ObjectMissing, StorageError
from archive.ids import RecordId
from archive.model.inventory import Container
from archive.proofs.keyset import KeysetChain
from archive.services.context import Archive
from archive.storage.layout import blob_key, inventory_key


@dataclass(frozen=True, slots=True)
class ObservationFiles:
    """Where an observation's files lie: digests of statement and inventory, envelope's key."""

    statement_sha256: str
    inventory_sha256: str
    envelope_key: str


def capture_evidence(
    archive: Archive, capture_id: RecordId, envelope_key: str, chain: KeysetChain
) -> Evidence:
    """The evidence of a capture, by its ID and the key of one of its envelopes."""
    return Evidence(
        record_id=capture_id,
        statement_sha256=None,
        envelope_bytes=_read(archive, envelope_key),
        inventory_bytes=_read(archive, inventory_key(capture_id)),
        chain=chain,
        container=_container_reader(archive),
    )


def observation_evidence(
    archive: Archive, observed: ObservationFiles, chain: KeysetChain
) -> Evidence:
    """The evidence of an observation, by the digests of its statement and inventory."""
    return Evidence(
        record_id=None,
        statement_sha256=observed.statement_sha256,
        envelope_bytes=_read(archive, observed.envelope_key),
        inventory_bytes=_read(archive, blob_key(observed.inventory_sha256)),
        chain=chain,
        container=_container_reader(archive),
    )


def _container_reader(archive: Archive) -> Callable[[Container], bytes | Absent]:
    return lambda container: _read(archive, blob_key(container.sha256))


def _read(archive: Archive, key: str) -> bytes | Absent:
    try:
        return archive.store.get(key)
    except ObjectMissing as error:
        return Absent(error.code, f"{key} is not in the store", is_certain=True)
    except StorageError as error:
        return Absent(error.code, f"{key} cannot be read: {error}", is_certain=False)
