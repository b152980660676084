# SPDX-License-Identifier: Apache-2.0
"""A supersession: that a newer record is to be read in place of this one, and why.

The content of a `supersession/v1` statement. The record is served as before, with a notice. The
statements about one record are numbered; one without a newer record takes back the one before it.
"""

from dataclasses import dataclass
from typing import Self

from archive.canonical import JsonValue
from archive.errors import MalformedStatement
from archive.ids import RecordId
from archive.model.act import read_line, read_number
from archive.model.fields import Fields

_WHAT = "supersession"


@dataclass(frozen=True, slots=True)
class Supersession:
    """What one statement says. `newer` is None when nothing supersedes the record any more."""

    record: RecordId
    number: int
    newer: RecordId | None
    reason: str
    at: str
    actor: str

    @property
    def records(self) -> tuple[RecordId, ...]:
        """The record that is superseded."""
        return (self.record,)

    @property
    def marked(self) -> tuple[RecordId, ...]:
        """The record and the newer one, which tells what came before it."""
        return (self.record,) if self.newer is None else (self.record, self.newer)

    @property
    def rank(self) -> tuple[int, ...]:
        """By number, and one with a newer record before one without."""
        return (self.number, self.newer is not None)

    @property
    def event(self) -> str:
        """What it is called among the custody events."""
        return "supersession"

    @property
    def words(self) -> str:
        """By what, and why."""
        by_what = f"by {self.newer}" if self.newer else "by nothing any more"
        return f"{by_what}: {self.reason}"

    def to_json(self) -> JsonValue:
        """The content file's value."""
        return {
            "v": 1,
            "record": str(self.record),
            "number": self.number,
            "newer": str(self.newer) if self.newer else None,
            "reason": self.reason,
            "at": self.at,
            "actor": self.actor,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The supersession of a content file. Raises MalformedStatement."""
        fields = Fields(value, MalformedStatement, _WHAT)
        fields.constant("v", 1)
        read = cls(
            record=fields.record_id("record"),
            number=read_number(fields, _WHAT),
            newer=fields.optional_record_id("newer"),
            reason=read_line(fields, "reason", _WHAT),
            at=fields.time("at"),
            actor=fields.text("actor"),
        )
        fields.end()
        if read.newer == read.record:
            raise MalformedStatement("supersession: a record does not supersede itself")
        return read
