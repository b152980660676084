# SPDX-License-Identifier: Apache-2.0
"""What the acts on a record have in common: withdrawal, supersession, correction, redaction.

An act is what the archive's keepers did with a record after it was made. It is signed, shown at
every door of the records that it marks, and told in their custody; it never changes signed bytes.
"""

from typing import Protocol

from archive.canonical import JsonValue
from archive.errors import MalformedStatement
from archive.ids import RecordId
from archive.model.fields import Fields

REASON_LIMIT = 300


class Act(Protocol):
    """One act, as its kind's content says it."""

    @property
    def at(self) -> str:
        """When it was done."""
        ...

    @property
    def actor(self) -> str:
        """Who did it, as the archive knows them (`key:<key ID>`, `operator`)."""
        ...

    @property
    def records(self) -> tuple[RecordId, ...]:
        """The records whose custody it belongs to, the one that it is about first."""
        ...

    @property
    def marked(self) -> tuple[RecordId, ...]:
        """The records whose doors tell of it."""
        ...

    @property
    def rank(self) -> tuple[int, ...]:
        """What orders the acts of its kind about one record; the highest counts."""
        ...

    @property
    def event(self) -> str:
        """What it is called among the custody events."""
        ...

    @property
    def words(self) -> str:
        """What it did, in a line."""
        ...

    def to_json(self) -> JsonValue:
        """The content file's value."""
        ...


def is_line(text: str, limit: int) -> bool:
    """Whether a text is one line of printable characters, not empty and within the limit."""
    return bool(text.strip()) and text.isprintable() and len(text) <= limit


def read_line(fields: Fields, name: str, what: str, limit: int = REASON_LIMIT) -> str:
    """A member that is one line of text. Raises MalformedStatement."""
    text = fields.text(name)
    if not is_line(text, limit):
        raise MalformedStatement(f"{what}: {name!r} is no line of 1 to {limit} characters")
    return text


def read_number(fields: Fields, what: str) -> int:
    """The member `number`, which counts from 1. Raises MalformedStatement."""
    number = fields.count("number")
    if number < 1:
        raise MalformedStatement(f"{what}: 'number' counts from 1")
    return number
