# SPDX-License-Identifier: Apache-2.0
"""The log's checkpoint that a statement was signed after: what shows that it was not made before.

Nobody can know a checkpoint, with the signatures on it, before it is published. So a statement
that names one by its digest is younger than every cosignature in it.
"""

from dataclasses import dataclass
from typing import Self

from archive.canonical import JsonValue
from archive.errors import MalformedStatement
from archive.model.fields import Fields

ORIGIN_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Anchor:
    """A published checkpoint: which log, size and root (hex) of its tree, digest of its note."""

    origin: str
    size: int
    root: str
    note_sha256: str

    @classmethod
    def from_fields(cls, fields: Fields | None) -> Self | None:
        """The member of a predicate; None for null. Raises MalformedStatement."""
        if fields is None:
            return None
        anchor = cls(
            origin=fields.text("origin"),
            size=fields.count("size"),
            root=fields.sha256("root"),
            note_sha256=fields.sha256("note_sha256"),
        )
        fields.end()
        if not (0 < len(anchor.origin) <= ORIGIN_LIMIT and anchor.origin.isascii()):
            raise MalformedStatement("the checkpoint's origin is none")
        if anchor.size == 0:
            raise MalformedStatement("the checkpoint is of an empty tree")
        return anchor

    def to_json(self) -> JsonValue:
        """The member of a predicate."""
        return {
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "note_sha256": self.note_sha256,
        }
