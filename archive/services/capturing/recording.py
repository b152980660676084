# SPDX-License-Identifier: Apache-2.0
"""Makes assembled looks durable as a group, in the order that archive/specs/layout.md fixes.

ID reserved, container and inventory stored, read back and compared, statement signed and stored,
then the catalogue rows: one reservation, one sync, one commit for the group.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection

from archive.catalog import evidence, log, requests, sequence
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.errors import ObjectConflict, StorageError
from archive.ids import Kind
from archive.services.capturing.assemble import Assembled
from archive.services.context import Archive, SigningKey
from archive.services.log.publishing import publish_soon
from archive.services.ownership import LEASE_SECONDS, NOBODY, OBSERVATION, this_process
from archive.services.statements.record import (
    SignedLook,
    capture_rows,
    container_rows,
    look_entry,
    observation_row,
)
from archive.storage.layout import blob_key, inventory_key, observation_key, statement_key

# Reserved numbers by kind; that of observations is no ID, only the intent.
Numbers = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Intent:
    """What is reserved for a group, by whom, and when: RFC 3339, and by the monotonic clock.

    The numbers are filled in within the transaction that reserves them.
    """

    owner: str
    reserved_at: str
    started: float
    numbers: Numbers = field(default_factory=dict)


@contextmanager
def intending(archive: Archive) -> Iterator[Intent]:
    """An intent; a failure of any kind in the block leaves its numbers to recovery at once."""
    archive.owed.settle(archive.database)
    intent = Intent(this_process(), rfc3339(archive.clock.now()), time.monotonic())
    try:
        yield intent
    except BaseException:
        # What became of them only the store knows; recovery asks it. Nor is it known whether they
        # were reserved at all, when the answer to that was lost.
        if intent.numbers:
            archive.owed.give_back(
                archive.database,
                lambda connection: sequence.abandon(
                    connection, intent.numbers, intent.owner, intent.reserved_at, NOBODY
                ),
            )
        raise


def reserve_numbers(archive: Archive, intent: Intent, minted: int) -> None:
    """Write down numbers for so many captures, one at least."""
    with archive.database.appending() as connection:
        numbers = sequence.reserve(
            connection, Kind.CAPTURE.value, minted, intent.owner, intent.reserved_at
        )
        intent.numbers.update({Kind.CAPTURE.value: numbers, OBSERVATION: []})


def record_ids(archive: Archive) -> Callable[[], str]:
    """Gives a fresh WARC record ID at each call."""

    def new_id() -> str:
        return f"<urn:uuid:{uuid.UUID(bytes=archive.random_bytes(16), version=4)}>"

    return new_id


def record(
    archive: Archive, key: SigningKey, assembled: Sequence[Assembled], intent: Intent
) -> list[SignedLook]:
    """The looks, stored, signed and in the catalogue. Numbers that none of them has are void.

    Raises SigningError, StorageError, CatalogError.
    """
    _store_content(archive, assembled)
    _require_ownership(archive, intent)
    signed = _sign_and_store(archive, key, assembled)
    _write_rows(archive, signed, intent.numbers)
    return signed


def _require_ownership(archive: Archive, intent: Intent) -> None:
    """Raise StorageError when this process may be taken for dead, and its numbers voided.

    Then nothing may be signed.
    """
    with archive.database.reading() as connection:
        is_mine = sequence.are_open(connection, intent.numbers)
    if not is_mine or time.monotonic() - intent.started > LEASE_SECONDS / 2:
        raise StorageError("the store took too long for this capture: try again")


def _store_content(archive: Archive, assembled: Sequence[Assembled]) -> None:
    objects: dict[str, bytes] = {}
    for item in assembled:
        if item.container is not None and item.inventory.own_container:
            objects[blob_key(item.inventory.own_container)] = item.container
        objects[_inventory_place(item)] = item.inventory_bytes
    archive.store.put_many(list(objects.items()))
    for key, data in objects.items():
        if archive.store.get(key) != data:
            raise ObjectConflict(f"{key} reads back as other bytes than were stored")
    # What a capture leans on is promised for as long as the rest of it.
    leaned_on = {blob_key(used.sha256) for item in assembled for used in item.inventory.containers}
    for key in sorted(leaned_on - objects.keys()):
        archive.store.prolong(key)


def _inventory_place(item: Assembled) -> str:
    capture_id = item.look.capture_id
    return inventory_key(capture_id) if capture_id else blob_key(item.inventory_sha256)


def _sign_and_store(
    archive: Archive, key: SigningKey, assembled: Sequence[Assembled]
) -> list[SignedLook]:
    signed, envelopes = [], []
    for item in assembled:
        envelope = key.seal(item.statement).to_bytes()
        capture_id, keyid8 = item.look.capture_id, key.listed.key.keyid8
        place = (
            statement_key(capture_id, keyid8)
            if capture_id
            else observation_key(item.statement_sha256, keyid8)
        )
        envelopes.append((place, envelope))
        signed.append(
            SignedLook(
                look=item.look,
                inventory=item.inventory,
                inventory_sha256=item.inventory_sha256,
                statement_sha256=item.statement_sha256,
                envelope_sha256=sha256_hex(envelope),
                envelope_key=place,
            )
        )
    archive.store.put_many(envelopes)
    return signed


def _write_rows(archive: Archive, signed: Sequence[SignedLook], numbers: Numbers) -> None:
    def add(connection: Connection) -> None:
        unused = set(numbers[Kind.CAPTURE])
        # A rebuild may have taken in what lies in the store already.
        known = evidence.known_statements(connection, [item.statement_sha256 for item in signed])
        new = [item for item in signed if item.statement_sha256 not in known]
        for item in signed:
            capture_id = item.look.capture_id
            if capture_id is None:
                evidence.add_observation(
                    connection, observation_row(item), container_rows(item.inventory.containers)
                )
                continue
            unused.discard(capture_id.number)
            if item in new:
                sequence.close(connection, Kind.CAPTURE.value, capture_id.number)
        captures = [
            capture_rows(item, item.look.capture_id.number) for item in new if item.look.capture_id
        ]
        if captures:
            evidence.add_captures(connection, captures)
        for number in unused:
            sequence.void(connection, Kind.CAPTURE.value, number)
        for number in numbers[OBSERVATION]:
            sequence.forget(connection, OBSERVATION, number)
        for kind, given in numbers.items():
            if given:
                requests.settle(connection, kind, given)
        log.append(connection, [look_entry(item) for item in signed])

    archive.database.insist(archive.database.appending, add)
    publish_soon(archive)
