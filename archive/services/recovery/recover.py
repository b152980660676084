# SPDX-License-Identifier: Apache-2.0
"""After a crash: every number that was reserved becomes a record or a void, never a riddle.

A signed statement in the store means that the capture was whole, so it is adopted; without one,
nothing citable exists and the number is void for good.
"""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from archive.catalog import evidence, log, requests, sequence
from archive.catalog.sequence import Reservation
from archive.catalog.statements import every_statement
from archive.errors import MalformedEvidence
from archive.ids import Kind, RecordId
from archive.model.log_entry import LogEntry
from archive.proofs.keyset import Keyset
from archive.services.context import Archive
from archive.services.effects.erase import finish_redactions
from archive.services.log.publishing import publish_soon
from archive.services.ownership import ASSERTION, IMPORT, OBSERVATION, REDACTION, is_gone
from archive.services.recovery.reading_all import kept_records
from archive.services.statements.adopt import adopt_assertion, adopt_capture, adopt_observation
from archive.services.statements.assertion import stated_entry, take_in
from archive.services.statements.record import (
    SignedLook,
    capture_rows,
    container_rows,
    look_entry,
    observation_row,
)
from archive.services.trust import trusted_keyset
from archive.storage.layout import CAPTURES, OBSERVATIONS, STATEMENTS, read_key

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was made of reservations whose owner died.

    `postponed` counts those that wait, because no trusted keyset can be read to judge them by.
    """

    adopted: tuple[str, ...]
    voided: tuple[str, ...]
    postponed: int = 0


def recover(archive: Archive) -> Recovery:
    """Settle every open reservation whose owner is gone. Cheap when there is none.

    Any process may do so at any time, also while it serves and beside others that do: the store
    is asked first, and each reservation is settled by whoever comes first.
    """
    with archive.database.reading() as connection:
        waiting = sequence.open_reservations(connection)
    now = archive.clock.now()
    orphaned = [item for item in waiting if is_gone(item, now)]
    return _settle(archive, orphaned) if orphaned else Recovery((), ())


def _settle(archive: Archive, orphaned: Sequence[Reservation]) -> Recovery:
    try:
        keyset = trusted_keyset(archive)
    except MalformedEvidence:
        # The archive must open all the same: verify and audit say what is wrong with its keys.
        return Recovery((), (), len(orphaned))
    adopted, voided = [], []
    _settle_observations(archive, keyset, [item for item in orphaned if item.kind == OBSERVATION])
    _settle_assertions(archive, keyset, [item for item in orphaned if item.kind == ASSERTION])
    _drop_locks(archive, [item for item in orphaned if item.kind == IMPORT])
    _finish_redactions(archive, [item for item in orphaned if item.kind == REDACTION])
    for item in orphaned:
        if item.kind in {OBSERVATION, ASSERTION, IMPORT, REDACTION}:
            continue
        capture_id = RecordId(archive.identity.prefix, Kind(item.kind), item.number)
        signed = _signed_in_store(archive, keyset, capture_id)
        logged: list[LogEntry] = []
        with archive.database.writing() as connection:
            if not sequence.are_open(connection, {item.kind: [item.number]}):
                continue  # another process settled it meanwhile
            if evidence.capture_by_id(connection, str(capture_id)) is not None:
                # A rebuild took the capture in before this.
                sequence.close(connection, item.kind, item.number)
            elif signed:
                sequence.close(connection, item.kind, item.number)
                evidence.add_captures(connection, [capture_rows(signed, item.number)])
                logged.append(look_entry(signed))
                adopted.append(str(capture_id))
            else:
                sequence.void(connection, item.kind, item.number)
                voided.append(str(capture_id))
            requests.settle(connection, item.kind, [item.number])
            log.append(connection, logged)
    if adopted:
        publish_soon(archive)
    return Recovery(tuple(adopted), tuple(voided))


def _settle_observations(archive: Archive, keyset: Keyset, orphaned: Sequence[Reservation]) -> None:
    if not orphaned:
        return
    listed = {item.files.statement_sha256 for item in kept_records(archive) if not item.capture_id}
    found = []
    for stored in archive.store.list(OBSERVATIONS):
        place = read_key(stored.key)
        if place.role != "observation" or place.name in listed:
            continue
        # What does not hold is audit's to name.
        with contextlib.suppress(MalformedEvidence):
            found.append(adopt_observation(archive.store, keyset, stored.key))
    with archive.database.writing() as connection:
        for signed in found:
            evidence.add_observation(
                connection, observation_row(signed), container_rows(signed.inventory.containers)
            )
        for item in orphaned:
            requests.settle(connection, item.kind, [item.number])
            sequence.forget(connection, item.kind, item.number)
        log.append(connection, [look_entry(signed) for signed in found])
    if found:
        publish_soon(archive)


def _settle_assertions(archive: Archive, keyset: Keyset, orphaned: Sequence[Reservation]) -> None:
    if not orphaned:
        return
    with archive.database.reading() as connection:
        listed = {row.statement_sha256 for row in every_statement(connection)}
    found = []
    for stored in archive.store.list(STATEMENTS):
        place = read_key(stored.key)
        if place.role != "assertion" or place.name in listed:
            continue
        # What does not hold is audit's to name.
        with contextlib.suppress(MalformedEvidence):
            found.append(adopt_assertion(archive.store, keyset, stored.key))
    with archive.database.writing() as connection:
        for stated in found:
            take_in(connection, stated)
        for item in orphaned:
            sequence.forget(connection, item.kind, item.number)
        log.append(connection, [stated_entry(stated) for stated in found])
    if found:
        publish_soon(archive)


def _finish_redactions(archive: Archive, orphaned: Sequence[Reservation]) -> None:
    """Erase what a redaction was about to erase; what is locked stays, and audit names it."""
    if not orphaned:
        return
    for key, detail in finish_redactions(archive):
        _log.warning("redacted, and not erased yet: %s: %s", key, detail)
    _drop_locks(archive, orphaned)


def _drop_locks(archive: Archive, orphaned: Sequence[Reservation]) -> None:
    if not orphaned:
        return
    with archive.database.writing() as connection:
        for item in orphaned:
            sequence.forget(connection, item.kind, item.number)


def _signed_in_store(archive: Archive, keyset: Keyset, capture_id: RecordId) -> SignedLook | None:
    for item in archive.store.list(f"{CAPTURES}{capture_id}/"):
        if read_key(item.key).role != "statement":
            continue
        # Bytes that are no statement of this capture cannot be cited; audit names them.
        with contextlib.suppress(MalformedEvidence):
            return adopt_capture(archive.store, keyset, item.key)
    return None
