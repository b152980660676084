# SPDX-License-Identifier: Apache-2.0
"""Custody: what was done with a record after it was made, told by signed statements.

An event is first queued in the catalogue, in the process where it happened; a process that has
the signing key signs the queue. So a web server without keys loses nothing. Events are grouped,
lest a reader fill the store: one access is told for a record, a key and an hour, one use of a
signing key for a machine and a day.
"""

import datetime as dt
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from archive import canonical
from archive.canonical import JsonValue
from archive.catalog import custody, evidence
from archive.catalog.custody import EventRow, Queued
from archive.catalog.sequence import Reservation
from archive.catalog.statements import statement_with_content, statements_about
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.errors import CatalogError, MalformedEvidence, NotFound
from archive.ids import RecordId
from archive.model.custody import CustodyEvent
from archive.services.context import Archive, SigningKey, signing_key
from archive.services.ownership import ASSERTION, is_gone, this_process
from archive.services.recovery.recover import recover
from archive.services.statements.assertion import Assertion, state
from archive.services.trust import trusted_keyset

SIGNED_AT_ONCE = 100
KEPT_DAYS = 3
GRANTS = ("grant", "grant-end")
KEY_EVENTS_LIMIT = 100
_HOUR = len("2026-03-06T20")
_DAY = len("2026-03-06")


@dataclass(frozen=True, slots=True)
class Custody:
    """The events of one record in order of time, its making first.

    `unsigned` counts events that wait in this catalogue for a process with the signing key.
    """

    record_id: RecordId
    events: tuple[EventRow, ...]
    unsigned: int

    def to_json(self, *, with_actors: bool) -> JsonValue:
        """The events; without actors, who read the record is told as `key` alone."""
        return {
            "id": str(self.record_id),
            "events": [event_json(event, with_actors=with_actors) for event in self.events],
            "unsigned": self.unsigned,
        }


def event_json(event: EventRow, *, with_actors: bool) -> JsonValue:
    """One event; without actors, no key that reads or was let read is told."""
    is_told = with_actors or event.event != "access"
    is_of_key = not with_actors and event.event in GRANTS
    return {
        "event": event.event,
        "at": event.at,
        "actor": event.actor if is_told else "key",
        "detail": "an API key" if is_of_key else event.detail,
        "statement_sha256": event.statement_sha256,
    }


def custody_of(archive: Archive, record_id: RecordId) -> Custody:
    """What happened to a record, from its making on. Raises NotFound."""
    name = str(record_id)
    with archive.database.reading() as connection:
        row = evidence.capture_by_id(connection, name)
        if row is None:
            raise NotFound(f"there is no record {record_id}")
        later = custody.events_about(connection, name)
        waiting = [_event(item) for item in custody.waiting_events(connection)]
    is_import = json.loads(row.record_json)["mode"] == "import"
    made = EventRow(
        statement_sha256=row.statement_sha256,
        event="import" if is_import else "capture",
        at=row.captured_at,
        actor="archive",
        detail="taken in and signed" if is_import else "seen, stored and signed",
    )
    unsigned = sum(record_id in event.records for event in waiting)
    return Custody(record_id, (made, *later), unsigned)


def key_uses(archive: Archive) -> list[EventRow]:
    """The newest signed uses of signing keys, newest first."""
    with archive.database.reading() as connection:
        return custody.events_of_kind(connection, "key-use", KEY_EVENTS_LIMIT)


def count_unsigned(archive: Archive) -> int:
    """How many events wait to be signed."""
    with archive.database.reading() as connection:
        return custody.count_waiting(connection)


def note_access(archive: Archive, record_id: RecordId, key_id: str) -> bool:
    """Queue that a key was shown a restricted record; False when this hour's is there.

    Raises CatalogError: what cannot be noted is not to be shown.
    """
    now = rfc3339(archive.clock.now())
    detail = "read while restricted; more reads by this key within the hour are not told apart"
    event = CustodyEvent("access", now, f"key:{key_id}", (record_id,), detail)
    return _queue(archive, event, f"access {record_id} {key_id} {now[:_HOUR]}")


def note_key_use(archive: Archive, key: SigningKey) -> bool:
    """Queue that a signing key is used on this machine; False when this day's is there."""
    now = rfc3339(archive.clock.now())
    keyid, host = key.listed.key.keyid, socket.gethostname()[:64]
    detail = f"manifest key {keyid} used on this machine, for the first time on this day"
    event = CustodyEvent("key-use", now, f"host:{host}", (), detail)
    return _queue(archive, event, f"key-use {keyid} {host} {now[:_DAY]}")


def note_export(archive: Archive, record_id: RecordId, actor: str) -> bool:
    """Queue that an exhibit of a record was made; False when this day's by the same is there."""
    now = rfc3339(archive.clock.now())
    detail = "an exhibit was made; more of them by the same within the day are not told apart"
    event = CustodyEvent("export", now, actor, (record_id,), detail)
    return _queue(archive, event, f"export {record_id} {actor} {now[:_DAY]}")


def note(archive: Archive, event: CustodyEvent) -> bool:
    """Queue any other event, such as an export or a withdrawal; False when it is there already."""
    return _queue(archive, event, sha256_hex(canonical.dumps(event.to_json())))


def queue(connection: Connection, event: CustodyEvent) -> None:
    """Queue an event in the transaction that does what it tells of."""
    content = canonical.dumps(event.to_json())
    custody.queue_event(connection, Queued(sha256_hex(content), content, event.at))


def sign_waiting(archive: Archive) -> int:
    """Sign the events that wait; how many were signed.

    Safe in several processes at once, and after a crash of one. Raises SigningError (nothing is
    lost), StorageError, CatalogError.
    """
    archive.owed.settle(archive.database)
    with archive.database.reading() as connection:
        if not custody.count_waiting(connection):
            return 0
    key = signing_key(archive, trusted_keyset(archive))
    note_key_use(archive, key)
    total, owner, claimed_at = 0, this_process(), rfc3339(archive.clock.now())
    try:
        while mine := _claimed(archive, claimed_at):
            _sign(archive, key, mine)
            total += len(mine)
    finally:
        # What is claimed and not signed by now is for whoever comes next.
        archive.owed.give_back(
            archive.database, lambda connection: custody.release(connection, owner, claimed_at)
        )
    return total


def _queue(archive: Archive, event: CustodyEvent, group: str) -> bool:
    group_sha256 = sha256_hex(group.encode("utf-8"))
    with archive.database.reading() as connection:
        if custody.is_queued(connection, group_sha256):
            return False
    content = canonical.dumps(event.to_json())
    with archive.database.appending() as connection:
        return custody.queue_event(connection, Queued(group_sha256, content, event.at))


def _claimed(archive: Archive, claimed_at: str) -> list[Queued]:
    now, owner = archive.clock.now(), this_process()
    with archive.database.writing() as connection:
        free = [
            item
            for item in custody.waiting_events(connection, SIGNED_AT_ONCE)
            if item.owner is None or _is_left(item, now)
        ]
        mine = [item for item in free if custody.claim(connection, item, owner, claimed_at)]
    if any(item.owner is not None for item in mine):
        # Its former owner may have stored the statement and died before the rows.
        recover(archive)
    return mine


def _is_left(item: Queued, now: dt.datetime) -> bool:
    claim = Reservation(ASSERTION, 0, item.owner or "", item.claimed_at or item.queued_at)
    return is_gone(claim, now)


def _sign(archive: Archive, key: SigningKey, mine: Sequence[Queued]) -> None:
    signed: dict[str, str] = {}
    try:
        for item in mine:
            signed[item.group_sha256] = _statement_of(archive, key, item)
    finally:
        old = rfc3339(archive.clock.now() - dt.timedelta(days=KEPT_DAYS))

        def note_signed(connection: Connection) -> None:
            custody.mark_signed(connection, signed)
            custody.drop_signed(connection, old)

        archive.owed.give_back(archive.database, note_signed)


def _statement_of(archive: Archive, key: SigningKey, item: Queued) -> str:
    """The statement that tells of an event: signed now, or by a process that died since."""
    event = _event(item)
    with archive.database.reading() as connection:
        known = statement_with_content(connection, "custody", sha256_hex(item.content))
        if known is not None:
            return known.statement_sha256
        only = str(event.records[0]) if len(event.records) == 1 else None
        before = statements_about(connection, only, "custody") if only else []
    previous = before[-1].statement_sha256 if before else None
    [stated] = state(archive, key, [Assertion("custody", event.to_json(), (), previous)])
    return stated.row.statement_sha256


def _event(item: Queued) -> CustodyEvent:
    try:
        value = canonical.loads_canonical(item.content, canonical.CONTENT_LIMIT)
        return CustodyEvent.from_json(value)
    except MalformedEvidence as error:
        raise CatalogError(f"a queued custody event cannot be read: {error}") from error
