# SPDX-License-Identifier: Apache-2.0
"""The kinds of statement over a content file: how each is read, and which rows it gives.

Rows must not depend on the order in which statements are taken in: a rebuild reads them by
digest. To add a kind: a name in `model.statement.CONTENT_TYPES`, its content in `model/`, and
an entry here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection

from archive.canonical import JsonValue
from archive.catalog.custody import EventRow, add_event, event_of
from archive.catalog.evidence import add_containers
from archive.catalog.imports import add_import, cdx_rows, group_by_digest
from archive.catalog.restrictions import RestrictionRow, put_restriction, restriction_of
from archive.errors import MalformedStatement, MalformedTime
from archive.model.correction import Correction
from archive.model.custody import CustodyEvent
from archive.model.imported import ImportGroup, asked_sha256
from archive.model.probe import ProbeResult
from archive.model.redaction import Redaction
from archive.model.restriction import RESTRICTED, Restriction
from archive.model.supersession import Supersession
from archive.model.verification import Verification
from archive.model.withdrawal import Withdrawal
from archive.services.statements.act_rows import (
    act_concerns,
    act_differing,
    add_act,
    add_redaction,
    redaction_differing,
)
from archive.services.statements.import_rows import differing_rows, import_containers, import_rows
from archive.services.statements.verification_rows import (
    add_verification_row,
    verification_concerns,
    verification_differing,
)
from archive.warc.dates import cdx_stamp


def _no_rows(_connection: Connection, _content: Any, _statement_sha256: str) -> None:
    """A kind whose statement row says all that the catalogue needs."""


def _none_differing(_connection: Connection, _content: Any, _statement_sha256: str) -> list[str]:
    """A kind without rows of its own."""
    return []


@dataclass(frozen=True, slots=True)
class ContentKind:
    """One kind. `read` is strict and raises MalformedStatement.

    `concerns` names the record IDs and digests by which its statements are looked up; `add_rows`
    puts its own rows into the evidence tables, by content and statement digest, and `differing`
    names those that are not what it put there.
    """

    read: Callable[[JsonValue], Any]
    concerns: Callable[[Any], Sequence[str]]
    add_rows: Callable[[Connection, Any, str], None] = _no_rows
    differing: Callable[[Connection, Any, str], list[str]] = _none_differing


def _custody_concerns(event: CustodyEvent) -> Sequence[str]:
    return [str(record) for record in event.records]


def _no_concerns(_content: Any) -> Sequence[str]:
    return []


def _custody_row(event: CustodyEvent, statement_sha256: str) -> EventRow:
    return EventRow(statement_sha256, event.event, event.at, event.actor, event.detail)


def _add_custody(connection: Connection, event: CustodyEvent, statement_sha256: str) -> None:
    add_event(connection, _custody_row(event, statement_sha256))


def _custody_differing(
    connection: Connection, event: CustodyEvent, statement_sha256: str
) -> list[str]:
    is_same = event_of(connection, statement_sha256) == _custody_row(event, statement_sha256)
    return [] if is_same else ["its row of the custody events"]


def _restriction_concerns(said: Restriction) -> Sequence[str]:
    return [str(said.record)]


def _restriction_rows(said: Restriction, statement_sha256: str) -> tuple[RestrictionRow, EventRow]:
    state = RestrictionRow(
        record_id=str(said.record),
        number=said.number,
        is_restricted=int(said.state == RESTRICTED),
        until=said.until,
        metadata_policy=said.metadata,
        reason=said.reason,
        at=said.at,
        statement_sha256=statement_sha256,
    )
    # What was done with a record is one story: a restriction is an event of it.
    event = "restriction" if said.state == RESTRICTED else "lifting"
    return state, EventRow(statement_sha256, event, said.at, said.actor, said.reason)


def _add_restriction(connection: Connection, said: Restriction, statement_sha256: str) -> None:
    state, event = _restriction_rows(said, statement_sha256)
    put_restriction(connection, state)
    add_event(connection, event)


def _restriction_differing(
    connection: Connection, said: Restriction, statement_sha256: str
) -> list[str]:
    state, event = _restriction_rows(said, statement_sha256)
    latest = restriction_of(connection, str(said.record))
    is_counted = latest is not None and (latest == state or latest.rank > state.rank)
    differing = [] if is_counted else ["its row of the restrictions"]
    if event_of(connection, statement_sha256) != event:
        differing.append("its row of the custody events")
    return differing


def _read_import(value: JsonValue) -> ImportGroup:
    group = ImportGroup.from_json(value)
    for row in group.rows:
        try:
            cdx_stamp(row.date)
        except MalformedTime as error:
            raise MalformedStatement(f"index row: {error}") from error
    return group


def _import_concerns(group: ImportGroup) -> Sequence[str]:
    asked = [] if group.asked is None else [asked_sha256(group.asked)]
    return [group.source.sha256, group.container_sha256, *asked]


def _add_import(connection: Connection, group: ImportGroup, statement_sha256: str) -> None:
    add_containers(connection, import_containers(group))
    add_import(connection, import_rows(group, statement_sha256))


def _import_differing(
    connection: Connection, group: ImportGroup, statement_sha256: str
) -> list[str]:
    expected = import_rows(group, statement_sha256)
    listed = group_by_digest(connection, statement_sha256)
    return differing_rows(expected, listed, cdx_rows(connection, expected.group))


def _act(kind: str, read: Callable[[JsonValue], Any]) -> ContentKind:
    return ContentKind(read, act_concerns, partial(add_act, kind), partial(act_differing, kind))


KINDS = {
    "correction": _act("correction", Correction.from_json),
    "custody": ContentKind(
        CustodyEvent.from_json, _custody_concerns, _add_custody, _custody_differing
    ),
    "import": ContentKind(_read_import, _import_concerns, _add_import, _import_differing),
    "probe": ContentKind(ProbeResult.from_json, _no_concerns),
    "redaction": ContentKind(Redaction.from_json, act_concerns, add_redaction, redaction_differing),
    "restriction": ContentKind(
        Restriction.from_json, _restriction_concerns, _add_restriction, _restriction_differing
    ),
    "supersession": _act("supersession", Supersession.from_json),
    "verification": ContentKind(
        Verification.from_json,
        verification_concerns,
        add_verification_row,
        verification_differing,
    ),
    "withdrawal": _act("withdrawal", Withdrawal.from_json),
}
