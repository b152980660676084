# SPDX-License-Identifier: Apache-2.0
"""What is signed when the archive asserts something that is neither a capture nor an observation.

The assertion itself is one content file (RFC 8785, any size), the statement's only subject; the
predicate says when it was made, by which key, and which earlier statements it is about.
"""

from dataclasses import dataclass
from typing import Self

from archive.canonical import JsonValue
from archive.errors import MalformedStatement
from archive.model.anchor import Anchor
from archive.model.fields import Fields
from archive.model.look import Signer
from archive.model.statement import LIMITS_V1

ABOUT_LIMIT = 24


@dataclass(frozen=True, slots=True)
class ContentPredicate:
    """The predicate of a statement over a content file.

    `about` are digests of statements, sorted; `previous` is the statement of the same kind that
    this one follows in the order that its kind defines, or None; `anchor` the newest checkpoint of
    the log that was known, or None.
    """

    made_at: str
    about: tuple[str, ...]
    previous: str | None
    signer: Signer
    anchor: Anchor | None = None

    def to_json(self) -> JsonValue:
        """The predicate's members."""
        return {
            "made_at": self.made_at,
            "about": list(self.about),
            "previous": self.previous,
            "checkpoint": self.anchor and self.anchor.to_json(),
            "signer": {
                "keyid": self.signer.keyid,
                "keyset_version": self.signer.keyset_version,
            },
            "limits": LIMITS_V1,
        }

    @classmethod
    def from_json(cls, predicate: JsonValue) -> Self:
        """The predicate read strictly. Raises MalformedStatement."""
        fields = Fields(predicate, MalformedStatement, "predicate")
        anchor = Anchor.from_fields(fields.optional_object("checkpoint"))
        fields.constant("limits", LIMITS_V1)
        signer = fields.object("signer")
        about = fields.sha256s("about")
        read = cls(
            made_at=fields.time("made_at"),
            about=about,
            previous=fields.optional_sha256("previous"),
            signer=Signer(signer.sha256("keyid"), signer.count("keyset_version")),
            anchor=anchor,
        )
        signer.end()
        fields.end()
        if len(about) > ABOUT_LIMIT or list(about) != sorted(set(about)):
            raise MalformedStatement("the statements that this one is about are not a sorted few")
        return read
