# SPDX-License-Identifier: Apache-2.0
"""A redaction: which bytes were taken out of the store for good, why, and where the rest lies now.

The content of a `redaction/v1` statement. Records are cut out of their WARC file, and what remains
is a new file; every other record then lies as many bytes earlier as were cut before it. Digests
of what was removed stay on record, so that who holds the bytes can still show which they are.
"""

from dataclasses import dataclass
from typing import Self

from archive.canonical import JsonValue
from archive.errors import MalformedStatement
from archive.ids import RecordId
from archive.model.act import read_line
from archive.model.fields import Fields
from archive.model.inventory import ROLES, Container, RecordSpan
from archive.model.withdrawal import REASON_CODES

_WHAT = "redaction"


@dataclass(frozen=True, slots=True)
class Cut:
    """A stored record that was cut out: where it lay, what it was, and its own digest."""

    offset: int
    length: int
    record_id: str
    type: str
    sha256: str

    def to_json(self) -> JsonValue:
        """The cut as a member of the content."""
        return {
            "offset": self.offset,
            "length": self.length,
            "record_id": self.record_id,
            "type": self.type,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class Replacement:
    """A file that was erased, and the one that holds what remains of it; None when nothing does.

    Without cuts, nothing of it remains. `cuts` are sorted by offset and do not overlap.
    """

    old: Container
    new: Container | None
    cuts: tuple[Cut, ...]

    def place(self, span: RecordSpan) -> RecordSpan | None:
        """Where a record of the old file lies now; None when it was removed."""
        if self.new is None or any(_overlaps(cut, span) for cut in self.cuts):
            return None
        before = sum(cut.length for cut in self.cuts if cut.offset < span.offset)
        return RecordSpan(
            self.new.sha256, span.offset - before, span.length, span.record_id, span.record_sha256
        )

    def to_json(self) -> JsonValue:
        """The replacement as a member of the content."""
        return {
            "old": _container_json(self.old),
            "new": None if self.new is None else _container_json(self.new),
            "cuts": [cut.to_json() for cut in self.cuts],
        }


@dataclass(frozen=True, slots=True)
class Removed:
    """A part that was removed: of which record, and its digest or commitment on record."""

    record: RecordId
    role: str
    size: int
    sha256: str | None
    commitment: str | None

    def to_json(self) -> JsonValue:
        """The part as a member of the content."""
        digest: dict[str, JsonValue] = (
            {"commitment": self.commitment} if self.sha256 is None else {"sha256": self.sha256}
        )
        return {"record": str(self.record), "role": self.role, "bytes": self.size, **digest}


@dataclass(frozen=True, slots=True)
class Redaction:
    """What one statement says.

    `record` is the one that was asked about, `removed` lists what was taken of it and of every
    record that leaned on the same bytes; `moved` are records of which nothing was taken and whose
    parts lie in a new file now.
    """

    record: RecordId
    reason_code: str
    reason: str
    removed: tuple[Removed, ...]
    moved: tuple[RecordId, ...]
    replaced: tuple[Replacement, ...]
    at: str
    actor: str

    @property
    def number(self) -> None:
        """None: redactions are not numbered; one that is missing shows in the bytes."""

    @property
    def records(self) -> tuple[RecordId, ...]:
        """The record, those that leaned on the same bytes, and those whose parts were moved."""
        others = {part.record for part in self.removed} | set(self.moved)
        return (self.record, *sorted(others - {self.record}, key=str))

    @property
    def marked(self) -> tuple[RecordId, ...]:
        """The records of which something was removed, the one that was asked about among them."""
        return tuple(sorted({self.record, *(part.record for part in self.removed)}, key=str))

    @property
    def rank(self) -> tuple[int, ...]:
        """All count."""
        return (0,)

    @property
    def event(self) -> str:
        """What it is called among the custody events."""
        return "redaction"

    @property
    def words(self) -> str:
        """What was removed of which record, and why."""
        roles = ", ".join(self.roles_of(self.record))
        return f"{roles} of {self.record} removed: {self.reason}"

    def roles_of(self, record: RecordId) -> list[str]:
        """The parts of a record that were removed."""
        return [part.role for part in self.removed if part.record == record]

    def to_json(self) -> JsonValue:
        """The content file's value."""
        return {
            "v": 1,
            "record": str(self.record),
            "reason_code": self.reason_code,
            "reason": self.reason,
            "removed": [part.to_json() for part in self.removed],
            "moved": [str(record) for record in self.moved],
            "replaced": [item.to_json() for item in self.replaced],
            "at": self.at,
            "actor": self.actor,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The redaction of a content file. Raises MalformedStatement."""
        fields = Fields(value, MalformedStatement, _WHAT)
        fields.constant("v", 1)
        read = cls(
            record=fields.record_id("record"),
            reason_code=fields.choice("reason_code", REASON_CODES),
            reason=read_line(fields, "reason", _WHAT),
            removed=tuple(_removed(item) for item in fields.items("removed")),
            moved=fields.record_ids("moved"),
            replaced=tuple(_replacement(item) for item in fields.items("replaced")),
            at=fields.time("at"),
            actor=fields.text("actor"),
        )
        fields.end()
        _check(read)
        return read


def _overlaps(cut: Cut, span: RecordSpan) -> bool:
    return cut.offset < span.offset + span.length and span.offset < cut.offset + cut.length


def _container_json(container: Container) -> JsonValue:
    return {"sha256": container.sha256, "bytes": container.size}


def _container(fields: Fields) -> Container:
    container = Container(fields.sha256("sha256"), fields.count("bytes"))
    fields.end()
    return container


def _removed(value: JsonValue) -> Removed:
    fields = Fields(value, MalformedStatement, "removed")
    is_private = fields.has("commitment")
    part = Removed(
        record=fields.record_id("record"),
        role=fields.choice("role", ROLES),
        size=fields.count("bytes"),
        sha256=None if is_private else fields.sha256("sha256"),
        commitment=fields.sha256("commitment") if is_private else None,
    )
    fields.end()
    return part


def _replacement(value: JsonValue) -> Replacement:
    fields = Fields(value, MalformedStatement, "replaced")
    new = fields.optional_object("new") if fields.has("new") else None
    read = Replacement(
        old=_container(fields.object("old")),
        new=None if new is None else _container(new),
        cuts=tuple(_cut(item) for item in fields.items("cuts")),
    )
    fields.end()
    ends = 0
    for cut in read.cuts:
        if cut.offset < ends or not cut.length:
            raise MalformedStatement("redaction: cuts are not sorted, or overlap")
        ends = cut.offset + cut.length
    left = read.old.size - sum(cut.length for cut in read.cuts)
    if ends > read.old.size or (read.new is not None and read.new.size != left):
        raise MalformedStatement("redaction: the cuts do not fit the two files")
    return read


def _cut(value: JsonValue) -> Cut:
    fields = Fields(value, MalformedStatement, "cut")
    cut = Cut(
        offset=fields.count("offset"),
        length=fields.count("length"),
        record_id=fields.text("record_id"),
        type=fields.text("type"),
        sha256=fields.sha256("sha256"),
    )
    fields.end()
    return cut


def _check(read: Redaction) -> None:
    parts = [(str(part.record), part.role) for part in read.removed]
    if not parts or parts != sorted(set(parts)):
        raise MalformedStatement("redaction: 'removed' is not sorted by record and role")
    if list(read.moved) != sorted(set(read.moved), key=str):
        raise MalformedStatement("redaction: 'moved' is not sorted, each once")
    olds = [item.old.sha256 for item in read.replaced]
    if not olds or olds != sorted(set(olds)):
        raise MalformedStatement("redaction: 'replaced' is not sorted by the old digest")
    news = {item.new.sha256 for item in read.replaced if item.new is not None}
    if news & set(olds):
        raise MalformedStatement("redaction: a file replaces one that is erased")
