# SPDX-License-Identifier: Apache-2.0
"""A correction: what was said wrongly about a record, and what is right.

The content of a `correction/v1` statement. It stands beside what was signed and changes none of
it. All corrections of a record count; a later one may correct an earlier one.
"""

import re
from dataclasses import dataclass
from typing import Self

from archive.canonical import JsonValue
from archive.errors import MalformedStatement
from archive.ids import RecordId
from archive.model.act import read_line, read_number
from archive.model.fields import Fields

TEXT_LIMIT = 1000
VALUE_LIMIT = 500
FIELD = re.compile(r"[a-z][a-z0-9_]{0,39}")
_WHAT = "correction"


@dataclass(frozen=True, slots=True)
class Correction:
    """What one statement says.

    `field` names the member of the record that is wrong, `old` is what it says (None: nothing) and
    `new` what is right; all three are None where no single member is at fault.
    """

    record: RecordId
    number: int
    text: str
    field: str | None
    old: str | None
    new: str | None
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
        """By number."""
        return (self.number,)

    @property
    def event(self) -> str:
        """What it is called among the custody events."""
        return "correction"

    @property
    def words(self) -> str:
        """Which member it is about, and what it says."""
        return f"{self.field}: {self.text}" if self.field else self.text

    def to_json(self) -> JsonValue:
        """The content file's value."""
        return {
            "v": 1,
            "record": str(self.record),
            "number": self.number,
            "text": self.text,
            "field": self.field,
            "old": self.old,
            "new": self.new,
            "at": self.at,
            "actor": self.actor,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The correction of a content file. Raises MalformedStatement."""
        fields = Fields(value, MalformedStatement, _WHAT)
        fields.constant("v", 1)
        read = cls(
            record=fields.record_id("record"),
            number=read_number(fields, _WHAT),
            text=read_line(fields, "text", _WHAT, TEXT_LIMIT),
            field=fields.optional_text("field"),
            old=fields.optional_text("old"),
            new=fields.optional_text("new"),
            at=fields.time("at"),
            actor=fields.text("actor"),
        )
        fields.end()
        _check(read)
        return read


def _check(read: Correction) -> None:
    if read.field is None and (read.old, read.new) != (None, None):
        raise MalformedStatement("correction: 'old' and 'new' are of a field")
    if read.field is not None and not FIELD.fullmatch(read.field):
        raise MalformedStatement("correction: 'field' is no name of a member")
    if read.field is not None and read.new is None:
        raise MalformedStatement("correction: a field is corrected by what is right")
    if any(len(value or "") > VALUE_LIMIT for value in (read.old, read.new)):
        raise MalformedStatement(f"correction: a value exceeds {VALUE_LIMIT} characters")
