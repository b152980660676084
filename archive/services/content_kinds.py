# SPDX-License-Identifier: Apache-2.0
"""The kinds of statement over a content file: how each is read, and which rows it gives.

Rows must not depend on the order in which statements are taken in: a rebuild reads them by
digest. To add a kind: a name in `model.statement.CONTENT_TYPES`, its content in `model/`, and
an entry here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from archive.canonical import JsonValue
from archive.catalog.custody import EventRow, add_event, event_of
from archive.catalog.restrictions import RestrictionRow, put_restriction, restriction_of
from archive.model.custody import CustodyEvent
from archive.model.probe import ProbeResult
from archive.model.restriction import RESTRICTED, Restriction


def _rows_of_none(_connection: Connection, _content: Any, _statement_sha256: str) -> bool:
    """A kind without rows of its own has those that it should."""
    return True


def _no_rows(_connection: Connection, _content: Any, _statement_sha256: str) -> None:
    """A kind whose statement row says all that the catalogue needs."""


@dataclass(frozen=True, slots=True)
class ContentKind:
    """One kind. `read` is strict and raises MalformedStatement.

    `concerns` names the record IDs and digests by which its statements are looked up; `add_rows`
    puts its own rows into the evidence tables, by content and statement digest; `agrees` says
    whether they are still what the statement makes them, for the audit.
    """

    read: Callable[[JsonValue], Any]
    concerns: Callable[[Any], Sequence[str]]
    add_rows: Callable[[Connection, Any, str], None] = _no_rows
    agrees: Callable[[Connection, Any, str], bool] = _rows_of_none


def _custody_concerns(event: CustodyEvent) -> Sequence[str]:
    return [str(record) for record in event.records]


def _no_concerns(_content: Any) -> Sequence[str]:
    return []


def _custody_row(event: CustodyEvent, statement_sha256: str) -> EventRow:
    return EventRow(statement_sha256, event.event, event.at, event.actor, event.detail)


def _add_custody(connection: Connection, event: CustodyEvent, statement_sha256: str) -> None:
    add_event(connection, _custody_row(event, statement_sha256))


def _custody_agrees(connection: Connection, event: CustodyEvent, statement_sha256: str) -> bool:
    return event_of(connection, statement_sha256) == _custody_row(event, statement_sha256)


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


def _restriction_agrees(connection: Connection, said: Restriction, statement_sha256: str) -> bool:
    state, event = _restriction_rows(said, statement_sha256)
    latest = restriction_of(connection, str(said.record))
    is_counted = latest is not None and (latest == state or latest.rank > state.rank)
    return is_counted and event_of(connection, statement_sha256) == event


KINDS = {
    "custody": ContentKind(
        CustodyEvent.from_json, _custody_concerns, _add_custody, _custody_agrees
    ),
    "probe": ContentKind(ProbeResult.from_json, _no_concerns, _no_rows, _rows_of_none),
    "restriction": ContentKind(
        Restriction.from_json, _restriction_concerns, _add_restriction, _restriction_agrees
    ),
}
