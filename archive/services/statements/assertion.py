# SPDX-License-Identifier: Apache-2.0
"""Makes statements over content files: stored, signed, listed.

The order is that of a capture: the intent is written down, the content is stored and read back,
the statement is signed and stored, then come the rows. After a crash the statement is either
taken in (its envelope is in the store) or never was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from archive import canonical
from archive.canonical import JsonValue
from archive.catalog import log, sequence
from archive.catalog.sequence import Reservation
from archive.catalog.statements import StatementRow, add_statement
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.errors import MalformedStatement, ObjectConflict, StorageError
from archive.model.content import ContentPredicate
from archive.model.log_entry import LogEntry
from archive.model.look import Signer
from archive.model.statement import CONTENT, CONTENT_TYPES, Statement
from archive.services.context import Archive, SigningKey
from archive.services.log.anchor import newest_anchor
from archive.services.log.publishing import publish_soon
from archive.services.ownership import ASSERTION, this_process
from archive.services.statements.content_kinds import KINDS
from archive.storage.layout import assertion_key, blob_key


@dataclass(frozen=True, slots=True)
class Assertion:
    """What is to be asserted: a content by its kind, and the statements that it is about."""

    kind: str
    content: JsonValue
    about: tuple[str, ...] = ()
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class Stated:
    """A signed statement over a content file. `content` is what its kind reads out of it."""

    row: StatementRow
    predicate: ContentPredicate
    content: Any


@dataclass(frozen=True, slots=True)
class Drafted:
    """A statement that is signed and not yet stored, and the two files that it consists of."""

    stated: Stated
    content_file: tuple[str, bytes]
    envelope_file: tuple[str, bytes]


def draft(archive: Archive, key: SigningKey, assertion: Assertion) -> Drafted:
    """The files of a statement; nothing is stored.

    Raises SigningError, and MalformedStatement when the content is none of its kind, or too large.
    """
    content = KINDS[assertion.kind].read(assertion.content)
    data = canonical.dumps(assertion.content)
    if len(data) > canonical.CONTENT_LIMIT:
        # What nobody reads back must not be signed: it would lie in the store for good.
        raise MalformedStatement(
            f"a content of {len(data)} bytes is over the limit of {canonical.CONTENT_LIMIT}"
        )
    content_sha256 = sha256_hex(data)
    with archive.database.reading() as connection:
        anchor = newest_anchor(connection)
    predicate = ContentPredicate(
        made_at=rfc3339(archive.clock.now()),
        about=tuple(sorted(set(assertion.about))),
        previous=assertion.previous,
        signer=Signer(key.listed.key.keyid, key.keyset_version),
        anchor=anchor,
    )
    statement = Statement(
        {CONTENT: content_sha256}, CONTENT_TYPES[assertion.kind], predicate.to_json()
    ).to_bytes()
    envelope = key.seal(statement).to_bytes()
    statement_sha256 = sha256_hex(statement)
    place = assertion_key(assertion.kind, statement_sha256, key.listed.key.keyid8)
    row = StatementRow(
        statement_sha256=statement_sha256,
        kind=assertion.kind,
        content_sha256=content_sha256,
        made_at=predicate.made_at,
        envelope_key=place,
        envelope_sha256=sha256_hex(envelope),
    )
    return Drafted(
        Stated(row, predicate, content), (blob_key(content_sha256), data), (place, envelope)
    )


def state(archive: Archive, key: SigningKey, assertions: Sequence[Assertion]) -> list[Stated]:
    """The statements, durable as a group and listed. Raises SigningError, StorageError."""
    drafts = [draft(archive, key, assertion) for assertion in assertions]
    intent = intend(archive)
    contents = [item.content_file for item in drafts]
    archive.store.put_many(contents)
    for place, data in contents:
        if archive.store.get(place) != data:
            raise ObjectConflict(f"{place} reads back as other bytes than were stored")
    # Whoever took this process for dead has settled its intent: nobody would look for statements
    # that are stored from now on.
    with archive.database.reading() as connection:
        if not sequence.are_open(connection, {intent.kind: [intent.number]}):
            raise StorageError("the store took too long for these statements: try again")
    archive.store.put_many([item.envelope_file for item in drafts])

    def add(connection: Connection) -> None:
        for item in drafts:
            take_in(connection, item.stated)
        sequence.forget(connection, intent.kind, intent.number)
        log.append(connection, [stated_entry(item.stated) for item in drafts])

    archive.database.insist(archive.database.writing, add)
    publish_soon(archive)
    return [item.stated for item in drafts]


def intend(archive: Archive) -> Reservation:
    """The intent to store statements, written down so that a crash is settled."""
    number = int.from_bytes(archive.random_bytes(6), "big")
    now = rfc3339(archive.clock.now())
    intent = Reservation(ASSERTION, number, this_process(), now)
    with archive.database.appending() as connection:
        sequence.intend(connection, [intent])
    return intent


def take_in(connection: Connection, stated: Stated) -> bool:
    """Give a statement its rows; False when it has them already."""
    if not add_statement(connection, stated.row, concerns_of(stated)):
        return False
    KINDS[stated.row.kind].add_rows(connection, stated.content, stated.row.statement_sha256)
    return True


def stated_entry(stated: Stated) -> LogEntry:
    """The leaf of the statement in the log."""
    row = stated.row
    return LogEntry(row.kind, None, row.statement_sha256, row.envelope_sha256)


def concerns_of(stated: Stated) -> list[str]:
    """The record IDs and digests that a statement concerns, sorted."""
    named = KINDS[stated.row.kind].concerns(stated.content)
    return sorted({*stated.predicate.about, *named})
