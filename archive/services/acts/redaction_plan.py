# SPDX-License-Identifier: Apache-2.0
"""What a redaction would remove: everything that holds the same bytes, and what lies in one record.

The words of a page lie in its body, in the body as it was received, and in the text drawn out of
them: whoever removes one of these removes all. So do the records that lean on the same bytes, or
hold a copy of them, and the looks that gave no record, such as at the same page under an error
status. Records with the same words in other bytes are named, and go too if asked for.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy.engine import Connection

from archive.canonical import JsonValue
from archive.catalog import evidence
from archive.catalog.replacements import (
    PlacedPart,
    indexed_with,
    parts_in,
    parts_of_captures,
    parts_with,
    replacement_of,
    sources_of,
)
from archive.errors import InputError, MalformedEvidence, NotFound, ObjectMissing, PartRedacted
from archive.ids import RecordId, parse_id
from archive.model.inventory import ROLES, Container, Inventory, Part, RecordSpan
from archive.model.redaction import Removed
from archive.services.context import Archive
from archive.services.effects.redacted import place_now
from archive.services.effects.standing import read_standing
from archive.storage.layout import blob_key

WORDS = ("body", "body-raw", "text")
_COPIES = ("body", "body-raw")

Span = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The parts that are to be removed, and whether other records with the same words go too."""

    roles: tuple[str, ...]
    same_words: bool = False


@dataclass(frozen=True, slots=True)
class CutFile:
    """A file, and the ranges of it that are to be cut out: offset and length, in order."""

    old: Container
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class RedactionPlan:
    """What would be removed.

    `removed` lists the parts, of all records; `moved` are records whose parts would lie in a new
    file; `imported` counts imported records without an ID that go too, and `observed` looks that
    gave no record; `sources` are files as they were given, which are erased whole. `same_words` are
    records with the same text that stay.
    """

    record: RecordId
    removed: tuple[Removed, ...]
    moved: tuple[RecordId, ...]
    containers: tuple[CutFile, ...]
    sources: tuple[Container, ...]
    imported: int
    observed: int
    same_words: tuple[RecordId, ...]

    @property
    def erased(self) -> tuple[Container, ...]:
        """Every file that would be erased."""
        return (*(item.old for item in self.containers), *self.sources)

    @property
    def dependents(self) -> tuple[RecordId, ...]:
        """The other records that would lose parts."""
        others = {part.record for part in self.removed} - {self.record}
        return tuple(sorted(others, key=str))

    def to_json(self) -> JsonValue:
        """The plan as the command line and the API tell it."""
        return {
            "id": str(self.record),
            "removed": [part.to_json() for part in self.removed],
            "dependents": [str(record) for record in self.dependents],
            "moved": [str(record) for record in self.moved],
            "erased": [{"sha256": item.sha256, "bytes": item.size} for item in self.erased],
            "sources": [{"sha256": item.sha256, "bytes": item.size} for item in self.sources],
            "imported": self.imported,
            "observed": self.observed,
            "same_words": [str(record) for record in self.same_words],
        }


def plan_redaction(archive: Archive, record_id: RecordId, wanted: Wanted) -> RedactionPlan:
    """What removing these parts would remove in all; nothing is done.

    Raises NotFound, and InputError when the record has none of these parts any more.
    """
    unknown = sorted(set(wanted.roles) - set(ROLES))
    if unknown or not wanted.roles:
        raise InputError(f"parts: give some of {', '.join(ROLES)}")
    with archive.database.reading() as connection:
        return _Planning(archive, connection, record_id, wanted).plan()


@dataclass
class _Planning:
    """The search for everything that holds the bytes, to its end."""

    archive: Archive
    connection: Connection
    record_id: RecordId
    wanted: Wanted
    spans: set[Span] = field(default_factory=set)
    captures: set[str] = field(default_factory=set)
    digests: set[str] = field(default_factory=set)
    imported: int = 0
    observed: int = 0

    def plan(self) -> RedactionPlan:
        own = self._own_parts()
        texts = {row.sha256 for row in own if row.role == "text"}
        self._take(own)
        if self.wanted.same_words:
            self._take_words(self._with_text(texts))
            self._take_observed("text", texts)
        while self._grow():
            pass
        files = self._files()
        removed = self._removed()
        taken = {part.record for part in removed}
        placed = parts_in(self.connection, self._former(files))
        moved = {parse_id(row.capture_id) for row in placed} - taken
        same = {parse_id(row.capture_id) for row in self._with_text(texts)} - taken
        return RedactionPlan(
            record=self.record_id,
            removed=removed,
            moved=tuple(sorted(moved, key=str)),
            containers=files,
            sources=self._sources(files),
            imported=self.imported,
            observed=self._count_observed(),
            same_words=tuple(sorted(same, key=str)) if set(WORDS) & set(self.wanted.roles) else (),
        )

    def _own_parts(self) -> list[PlacedPart]:
        name = str(self.record_id)
        rows = parts_of_captures(self.connection, [name])
        if not rows:
            raise NotFound(f"there is no record {name}")
        gone = read_standing(self.connection, name).removed_roles
        roles = set(self.wanted.roles)
        if roles & set(WORDS):
            roles |= set(WORDS)
        found = [row for row in rows if row.role in roles - gone]
        if not found:
            raise InputError(f"parts: {name} has no {', '.join(self.wanted.roles)} (any more)")
        return found

    def _take(self, rows: Iterable[PlacedPart]) -> None:
        for row in rows:
            self.spans.add((row.container_sha256, row.offset, row.length))
            if row.role in _COPIES and row.sha256 is not None:
                self.digests.add(row.sha256)

    def _take_words(self, rows: Sequence[PlacedPart]) -> None:
        names = sorted({row.capture_id for row in rows})
        found = parts_of_captures(self.connection, names)
        self._take(row for row in found if row.role in WORDS)

    def _with_text(self, texts: set[str]) -> list[PlacedPart]:
        return parts_with(self.connection, sorted(texts), ("text",)) if texts else []

    def _grow(self) -> bool:
        """Take what holds the same bytes, or lies in the same records; False at the end."""
        before = (len(self.spans), len(self.digests))
        copies = parts_with(self.connection, sorted(self.digests), _COPIES)
        self._take(copies)
        places = {(container, offset) for container, offset, _ in self.spans}
        containers = sorted({container for container, _, _ in self.spans})
        hit = [
            row
            for row in parts_in(self.connection, containers)
            if (row.container_sha256, row.offset) in places
        ]
        self._take(hit)
        self._take_words([row for row in hit if row.role in WORDS])
        self.captures = {row.capture_id for row in hit}
        indexed = indexed_with(self.connection, sorted(self.digests)) if self.digests else []
        self.imported = len(indexed)
        self.spans |= {(row.container_sha256, row.offset, row.length) for row in indexed}
        for role in _COPIES:
            self._take_observed(role, self.digests)
        return (len(self.spans), len(self.digests)) != before

    def _take_observed(self, role: str, digests: Collection[str]) -> None:
        """Take the words of looks that gave no record, where this part has one of the digests."""
        if not digests:
            return
        for parts in self._observations:
            if any(part.role == role and part.sha256 in digests for part in parts):
                held = [part for part in parts if part.role in WORDS]
                self.spans |= {_span(part) for part in held}
                self.digests |= {
                    part.sha256 for part in held if part.role in _COPIES and part.sha256
                }

    def _count_observed(self) -> int:
        return sum(not self.spans.isdisjoint(map(_span, parts)) for parts in self._observations)

    @cached_property
    def _observations(self) -> Sequence[tuple[Part, ...]]:
        """The parts of each look that gave no record: only its inventory lists them."""
        found = []
        for row in evidence.every_observation(self.connection):
            # One that is missing or damaged leads to no bytes, and audit names it.
            with suppress(ObjectMissing, MalformedEvidence):
                data = self.archive.store.get(blob_key(row.inventory_sha256))
                found.append(Inventory.from_bytes(data).parts)
        return found

    def _removed(self) -> tuple[Removed, ...]:
        places = {(container, offset) for container, offset, _ in self.spans}
        found = []
        for row in parts_of_captures(self.connection, sorted(self.captures)):
            is_hit = (row.container_sha256, row.offset) in places
            gone = read_standing(self.connection, row.capture_id).removed_roles
            if is_hit and row.role not in gone:
                record = parse_id(row.capture_id)
                found.append(Removed(record, row.role, row.size, row.sha256, row.commitment))
        return tuple(sorted(found, key=lambda part: (str(part.record), part.role)))

    def _files(self) -> tuple[CutFile, ...]:
        """The files in which the records lie now, after redactions before this one."""
        cuts: dict[str, set[tuple[int, int]]] = {}
        for container, offset, length in self.spans:
            placed = place_now_or_none(self.connection, (container, offset, length))
            if placed is not None:
                cuts.setdefault(placed[0], set()).add(placed[1:])
        return tuple(
            CutFile(Container(sha256, self._size(sha256)), tuple(sorted(spans)))
            for sha256, spans in sorted(cuts.items())
        )

    def _former(self, files: Sequence[CutFile]) -> list[str]:
        """The digests that inventories know these files by: before any redaction."""
        wanted = {item.old.sha256 for item in files}
        named = {container for container, _, _ in self.spans}
        return sorted(
            sha256 for sha256 in named | wanted if sha256 in wanted or self._now(sha256) in wanted
        )

    def _now(self, sha256: str) -> str | None:
        found: str | None = sha256
        while found is not None and (row := replacement_of(self.connection, found)) is not None:
            found = row.new_sha256
        return found

    def _size(self, sha256: str) -> int:
        size = evidence.container_size(self.connection, sha256)
        if size is None:
            raise InputError(
                f"the container {sha256} is not in the catalogue: run `muniment rebuild`"
            )
        return size

    def _sources(self, files: Sequence[CutFile]) -> tuple[Container, ...]:
        named = sorted(
            {container for container, _, _ in self.spans} | {f.old.sha256 for f in files}
        )
        found = sources_of(self.connection, named)
        return tuple(
            Container(sha256, size)
            for sha256, size in found
            if replacement_of(self.connection, sha256) is None
        )


def _span(part: Part) -> Span:
    return part.span.container_sha256, part.span.offset, part.span.length


def place_now_or_none(connection: Connection, span: Span) -> Span | None:
    """Where a range lies now, or None when it was removed."""
    container, offset, length = span
    try:
        placed = place_now(connection, RecordSpan(container, offset, length, "", ""))
    except PartRedacted:
        return None
    return placed.container_sha256, placed.offset, placed.length
