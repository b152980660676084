# SPDX-License-Identifier: Apache-2.0
"""A withdrawal: that a record is no longer served, why, what stands in its place, what remains.

The content of a `withdrawal/v1` statement. The statements about one record are numbered as those
of a restriction are; one of state `reinstated` ends it. Of two with one number the withdrawal
counts.
"""

from dataclasses import dataclass
from typing import Self

from archive.canonical import JsonValue
from archive.errors import MalformedStatement
from archive.ids import RecordId
from archive.model.act import read_line, read_number
from archive.model.fields import Fields

WITHDRAWN = "withdrawn"
REINSTATED = "reinstated"
STATES = (WITHDRAWN, REINSTATED)
# Why, for programs; the words say it to people.
REASON_CODES = ("error", "duplicate", "request", "rights", "privacy", "legal-order", "other")
_WHAT = "withdrawal"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What one statement says.

    `reason_code` and `replacement` are None once it is reinstated. `remains` lists the claims that
    were proven of the record when it was withdrawn, sorted: what can still be verified of it.
    """

    record: RecordId
    number: int
    state: str
    reason_code: str | None
    reason: str
    replacement: RecordId | None
    remains: tuple[str, ...]
    at: str
    actor: str

    @property
    def records(self) -> tuple[RecordId, ...]:
        """The record."""
        return (self.record,)

    @property
    def marked(self) -> tuple[RecordId, ...]:
        """The record."""
        return (self.record,)

    @property
    def rank(self) -> tuple[int, ...]:
        """By number, and a withdrawal before a reinstatement."""
        return (self.number, self.state == WITHDRAWN)

    @property
    def event(self) -> str:
        """What it is called among the custody events."""
        return "withdrawal" if self.state == WITHDRAWN else "reinstatement"

    @property
    def words(self) -> str:
        """The reason, and what stands in its place."""
        instead = f"; in its place {self.replacement}" if self.replacement else ""
        return f"{self.reason}{instead}"

    def to_json(self) -> JsonValue:
        """The content file's value."""
        return {
            "v": 1,
            "record": str(self.record),
            "number": self.number,
            "state": self.state,
            "reason_code": self.reason_code,
            "reason": self.reason,
            "replacement": str(self.replacement) if self.replacement else None,
            "remains": list(self.remains),
            "at": self.at,
            "actor": self.actor,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The withdrawal of a content file. Raises MalformedStatement."""
        fields = Fields(value, MalformedStatement, _WHAT)
        fields.constant("v", 1)
        read = cls(
            record=fields.record_id("record"),
            number=read_number(fields, _WHAT),
            state=fields.choice("state", STATES),
            reason_code=fields.optional_text("reason_code"),
            reason=read_line(fields, "reason", _WHAT),
            replacement=fields.optional_record_id("replacement"),
            remains=fields.texts("remains"),
            at=fields.time("at"),
            actor=fields.text("actor"),
        )
        fields.end()
        _check(read)
        return read


def _check(read: Withdrawal) -> None:
    if read.state == WITHDRAWN and read.reason_code not in REASON_CODES:
        raise MalformedStatement(f"withdrawal: 'reason_code' is none of {', '.join(REASON_CODES)}")
    left = (read.reason_code, read.replacement, read.remains)
    if read.state == REINSTATED and left != (None, None, ()):
        raise MalformedStatement("withdrawal: one that is reinstated has a reason alone")
    if read.replacement == read.record:
        raise MalformedStatement("withdrawal: a record does not replace itself")
    if list(read.remains) != sorted(set(read.remains)):
        raise MalformedStatement("withdrawal: 'remains' is not sorted, each once")
