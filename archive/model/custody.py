# SPDX-License-Identifier: Apache-2.0
"""A custody event: what was done with which records, when, and by whom.

The content of a `custody/v1` statement. Making a capture is told by the capture's own statement
and an import by its import statement; what happens to a record afterwards is told here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from archive.canonical import JsonValue
from archive.errors import MalformedStatement
from archive.ids import RecordId
from archive.model.correction import Correction
from archive.model.fields import Fields
from archive.model.look import Signer
from archive.model.redaction import Redaction
from archive.model.restriction import Restriction
from archive.model.supersession import Supersession
from archive.model.withdrawal import Withdrawal

EVENTS = ("access", "export", "grant", "grant-end", "key-use", "withdrawal")
_TEXT_LIMIT = 300


@dataclass(frozen=True, slots=True)
class CustodyEvent:
    """One event.

    `actor` names who did it as the archive knows them (`key:<key ID>`, `operator`); `detail`
    says it in words.
    """

    event: str
    at: str
    actor: str
    records: tuple[RecordId, ...]
    detail: str

    @property
    def number(self) -> None:
        """None: events are not numbered."""

    def to_json(self) -> JsonValue:
        """The content file's value."""
        return {
            "v": 1,
            "event": self.event,
            "at": self.at,
            "actor": self.actor,
            "records": [str(record) for record in self.records],
            "detail": self.detail[:_TEXT_LIMIT],
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The event of a content file. Raises MalformedStatement."""
        fields = Fields(value, MalformedStatement, "custody event")
        fields.constant("v", 1)
        event = cls(
            event=fields.choice("event", EVENTS),
            at=fields.time("at"),
            actor=fields.text("actor"),
            records=fields.record_ids("records"),
            detail=fields.text("detail"),
        )
        fields.end()
        return event


class Told(Protocol):
    """What a statement of a record's custody says: an event, a restriction, an act."""

    @property
    def at(self) -> str:
        """When it happened."""
        ...

    @property
    def records(self) -> tuple[RecordId, ...]:
        """The records that it tells of."""
        ...

    @property
    def number(self) -> int | None:
        """Which one of its kind about the record it is, from 1; None: not numbered."""
        ...


TOLD: Mapping[str, Callable[[JsonValue], Told]] = {
    "custody": CustodyEvent.from_json,
    "restriction": Restriction.from_json,
    "withdrawal": Withdrawal.from_json,
    "supersession": Supersession.from_json,
    "correction": Correction.from_json,
    "redaction": Redaction.from_json,
}
"""The kinds of statement that tell of a record's custody, and how the content of each is read."""


@dataclass(frozen=True, slots=True)
class SignedCustody:
    """What a statement tells of a record's custody, and what was signed about it.

    `previous` is the digest of the statement before it of the same kind about the same record, or
    None.
    """

    kind: str
    told: Told
    made_at: str
    previous: str | None
    signer: Signer
