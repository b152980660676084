# SPDX-License-Identifier: Apache-2.0
"""Custody in the reader's words: each event as a sentence with its time."""

import datetime as dt
from dataclasses import dataclass

from api.access import current_reader
from api.permission import is_told_actors
from api.state import current_archive
from archive.clock import parse_rfc3339
from archive.errors import AccessDenied
from archive.ids import RecordId
from archive.services.access.keys import ANYONE
from archive.services.access.permission import Permission
from archive.services.custody import custody_of, event_json

_WORDS = {
    "capture": "Seen, stored and signed by this archive",
    "import": "Taken in from a file that was supplied, and signed",
    "restriction": "Restricted",
    "lifting": "Opened to everybody again",
    "access": "Read while it was restricted",
    "export": "Exported",
    "grant": "Opened to a key while it is restricted",
    "grant-end": "Closed again to a key",
    "withdrawal": "Withdrawn",
    "reinstatement": "Served again",
    "supersession": "Superseded",
    "correction": "Corrected",
    "redaction": "Redacted",
    "key-use": "A signing key was used",
}
_ACTORS = {"archive": "", "key": "a key that was granted it", "operator": "the operator"}
_SELF_EXPLAINED = {"capture", "import", "access"}


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """One event. `detail` is empty where the words say all."""

    at: dt.datetime
    iso: str
    words: str
    actor: str
    detail: str
    statement_sha256: str


@dataclass(frozen=True, slots=True)
class ShownCustody:
    """The events of a record in order of time; `unsigned` of them are not signed yet."""

    events: tuple[ShownEvent, ...]
    unsigned: int


def shown_custody(record_id: RecordId, found: Permission) -> ShownCustody:
    """What was done with the record, as this reader may know it."""
    custody = custody_of(current_archive(), record_id)
    try:
        reader = current_reader()
    except AccessDenied:
        # An open record is shown whatever key was sent along.
        reader = ANYONE
    is_told = is_told_actors(reader, found)
    told = [event_json(event, with_actors=is_told) for event in custody.events]
    events = tuple(
        ShownEvent(
            at=parse_rfc3339(event["at"]),
            iso=event["at"],
            words=_WORDS.get(event["event"], event["event"]),
            actor=_ACTORS.get(event["actor"], event["actor"]),
            detail="" if event["event"] in _SELF_EXPLAINED else event["detail"],
            statement_sha256=event["statement_sha256"],
        )
        for event in told
    )
    return ShownCustody(events, custody.unsigned)
