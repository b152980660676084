# SPDX-License-Identifier: Apache-2.0
"""A custody event: what was done with which records, when, and by whom.

The content of a `custody/v1` statement. Making a capture is told by the capture's own statement
and an import by its import statement; what happens to a record afterwards is told here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from archive.canonical import JsonValue
from archive.errors import MalformedStatement
from archive.ids import RecordId
from archive.model.fields import Fields
from archive.model.look import Signer
from archive.model.restriction import Restriction

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


TOLD: Mapping[str, Callable[[JsonValue], CustodyEvent | Restriction]] = {
    "custody": CustodyEvent.from_json,
    "restriction": Restriction.from_json,
}
"""The kinds of statement that tell of a record's custody, and how the content of each is read."""


@dataclass(frozen=True, slots=True)
class SignedCustody:
    """What a statement tells of a record's custody, and what was signed about it.

    `previous` is the digest of the statement before it about the same record, or None.
    """

    told: CustodyEvent | Restriction
    made_at: str
    previous: str | None
    signer: Signer
