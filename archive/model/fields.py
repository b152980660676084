# SPDX-License-Identifier: Apache-2.0
"""Reads the members of a strict JSON object by name and type, and refuses what is left over.

Every evidence format uses it, so that a missing, mistyped or unknown member gives the same kind
of error everywhere.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from archive.canonical import JsonValue
from archive.clock import parse_rfc3339
from archive.errors import MalformedEvidence, MalformedId, MalformedTime
from archive.ids import RecordId, parse_id

_T = TypeVar("_T")

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Fields:
    """One JSON object being read; `end()` refuses members that nobody asked for.

    Every method raises the error class given when the member is missing or of another type.
    """

    def __init__(self, value: JsonValue, error: type[MalformedEvidence], what: str) -> None:
        if type(value) is not dict:
            raise error(f"{what} is no JSON object")
        self._left = dict(value)
        self._error = error
        self._what = what

    def has(self, name: str) -> bool:
        """Whether the member is there and not yet read."""
        return name in self._left

    def value(self, name: str) -> JsonValue:
        """The member, of any type."""
        if name not in self._left:
            raise self._error(f"{self._what} has no member {name!r}")
        return self._left.pop(name)

    def constant(self, name: str, expected: JsonValue) -> None:
        """Read a member that can only have one value."""
        value = self.value(name)
        if type(value) is not type(expected) or value != expected:
            raise self._error(f"{self._what}: {name!r} is not {expected!r}")

    def text(self, name: str) -> str:
        """A string member."""
        value = self.value(name)
        if type(value) is not str:
            raise self._error(f"{self._what}: {name!r} is no text")
        return value

    def optional_text(self, name: str) -> str | None:
        """A string member, or null."""
        return None if self._is_null(name) else self.text(name)

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """A string member that is one of the choices."""
        value = self.text(name)
        if value not in choices:
            raise self._error(f"{self._what}: {name!r} is none of {', '.join(choices)}")
        return value

    def count(self, name: str) -> int:
        """A member that is an integer of zero or more (a bool is none)."""
        value = self.value(name)
        if type(value) is not int or value < 0:
            raise self._error(f"{self._what}: {name!r} is no count")
        return value

    def optional_count(self, name: str) -> int | None:
        """A count, or null."""
        return None if self._is_null(name) else self.count(name)

    def flag(self, name: str) -> bool:
        """A member that is true or false."""
        value = self.value(name)
        if type(value) is not bool:
            raise self._error(f"{self._what}: {name!r} is neither true nor false")
        return value

    def optional_flag(self, name: str) -> bool | None:
        """A boolean or null."""
        return None if self._is_null(name) else self.flag(name)

    def sha256(self, name: str) -> str:
        """A member of 64 lower-case hex digits."""
        value = self.text(name)
        if not _SHA256.fullmatch(value):
            raise self._error(f"{self._what}: {name!r} is no SHA-256 in lower-case hex")
        return value

    def optional_sha256(self, name: str) -> str | None:
        """A SHA-256, or null."""
        return None if self._is_null(name) else self.sha256(name)

    def sha256s(self, name: str) -> tuple[str, ...]:
        """A list of SHA-256 digests."""
        return tuple(self._each(name, Fields.sha256))

    def record_ids(self, name: str) -> tuple[RecordId, ...]:
        """A list of record IDs in their canonical form."""
        return tuple(self._each(name, Fields.record_id))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(self._each(name, Fields.text))

    def record_id(self, name: str) -> RecordId:
        """A member that is a record ID in its canonical form."""
        try:
            return parse_id(self.text(name))
        except MalformedId as error:
            raise self._error(f"{self._what}: {name!r} is no record ID: {error}") from error

    def optional_record_id(self, name: str) -> RecordId | None:
        """A record ID, or null."""
        return None if self._is_null(name) else self.record_id(name)

    def time(self, name: str) -> str:
        """A time as the archive writes it: `2026-03-06T20:00:36.123456Z`."""
        value = self.text(name)
        try:
            parse_rfc3339(value)
        except MalformedTime as error:
            raise self._error(f"{self._what}: {name!r} is no time") from error
        return value

    def optional_time(self, name: str) -> str | None:
        """A time, or null."""
        return None if self._is_null(name) else self.time(name)

    def items(self, name: str) -> list[JsonValue]:
        """A list member."""
        value = self.value(name)
        if type(value) is not list:
            raise self._error(f"{self._what}: {name!r} is no list")
        return value

    def members(self, name: str) -> dict[str, JsonValue]:
        """An object member, as it is."""
        value = self.value(name)
        if type(value) is not dict:
            raise self._error(f"{self._what}: {name!r} is no object")
        return value

    def object(self, name: str) -> "Fields":
        """An object member, to be read the same way."""
        return Fields(self.value(name), self._error, f"{self._what}.{name}")

    def optional_object(self, name: str) -> "Fields | None":
        """An object member, or None for null."""
        return None if self._is_null(name) else self.object(name)

    def end(self) -> None:
        """Refuse members that were not read."""
        if self._left:
            raise self._error(f"{self._what} has unknown members: {', '.join(sorted(self._left))}")

    def _each(self, name: str, read: Callable[["Fields", str], _T]) -> Iterator[_T]:
        for item in self.items(name):
            yield read(Fields({name: item}, self._error, self._what), name)

    def _is_null(self, name: str) -> bool:
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return True
        return False
