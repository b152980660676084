# SPDX-License-Identifier: Apache-2.0
"""A restriction: until when a record is closed, what of it may still be told, and why.

The content of a `restriction/v1` statement. The statements about one record are numbered 1, 2,
3 …, and each names the one before it as `previous`; the highest number counts, and of two with
one number (two curators at the same moment) the stricter. One of state `lifted` ends it.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Self

from archive.canonical import JsonValue
from archive.clock import parse_rfc3339
from archive.errors import MalformedStatement
from archive.ids import RecordId
from archive.model.fields import Fields

RESTRICTED = "restricted"
LIFTED = "lifted"
STATES = (RESTRICTED, LIFTED)
PUBLIC = "public"
HIDDEN = "hidden"
METADATA_POLICIES = (PUBLIC, HIDDEN)
REASON_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Restriction:
    """What one statement says. `until` is None for good; both it and `metadata` once lifted.

    With metadata `public` everything but the content is told to anyone; with `hidden` nothing but
    that a record with this ID is restricted.
    """

    record: RecordId
    number: int
    state: str
    until: str | None
    metadata: str | None
    reason: str
    at: str
    actor: str

    @property
    def records(self) -> tuple[RecordId, ...]:
        """The record."""
        return (self.record,)

    def to_json(self) -> JsonValue:
        """The content file's value."""
        return {
            "v": 1,
            "record": str(self.record),
            "number": self.number,
            "state": self.state,
            "until": self.until,
            "metadata": self.metadata,
            "reason": self.reason,
            "at": self.at,
            "actor": self.actor,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The restriction of a content file. Raises MalformedStatement."""
        fields = Fields(value, MalformedStatement, "restriction")
        fields.constant("v", 1)
        read = cls(
            record=fields.record_id("record"),
            number=fields.count("number"),
            state=fields.choice("state", STATES),
            until=fields.optional_time("until"),
            metadata=fields.optional_text("metadata"),
            reason=fields.text("reason"),
            at=fields.time("at"),
            actor=fields.text("actor"),
        )
        fields.end()
        if read.number < 1:
            raise MalformedStatement("restriction: 'number' counts from 1")
        if len(read.reason) > REASON_LIMIT:
            raise MalformedStatement(f"restriction: 'reason' exceeds {REASON_LIMIT} characters")
        if read.state == LIFTED and (read.until, read.metadata) != (None, None):
            raise MalformedStatement("restriction: one that is lifted has neither end nor policy")
        if read.state == RESTRICTED and read.metadata not in METADATA_POLICIES:
            raise MalformedStatement("restriction: 'metadata' is none of public, hidden")
        return read


def is_over(until: str | None, now: dt.datetime) -> bool:
    """Whether a restriction until this time has ended; one without a time never ends."""
    return until is not None and parse_rfc3339(until) <= now
