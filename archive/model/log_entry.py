# SPDX-License-Identifier: Apache-2.0
"""A leaf of the transparency log: which statement was made, by digests and ID alone.

Entries are public for good, so there is no URL and no text in them.
"""

from dataclasses import dataclass
from typing import Self

from archive import canonical
from archive.errors import MalformedLogEntry
from archive.model.fields import Fields
from archive.model.statement import CONTENT_TYPES

ENTRY_LIMIT = 400
KEYSET = "keyset"
KINDS = ("capture", "observation", KEYSET, *CONTENT_TYPES)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One statement's leaf.

    `kind` is that of the statement; `record_id` only a capture has. `envelope_sha256` is that of
    the envelope by the key that the statement names; a keyset, signed by several, has none.
    """

    kind: str
    record_id: str | None
    statement_sha256: str
    envelope_sha256: str | None

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The leaf in its canonical bytes. Raises MalformedJson, MalformedLogEntry."""
        fields = Fields(
            canonical.loads_canonical(data, ENTRY_LIMIT), MalformedLogEntry, "log entry"
        )
        fields.constant("v", 1)
        record_id = fields.optional_record_id("id")
        entry = cls(
            kind=fields.choice("kind", KINDS),
            record_id=None if record_id is None else str(record_id),
            statement_sha256=fields.sha256("statement_sha256"),
            envelope_sha256=fields.optional_sha256("envelope_sha256"),
        )
        fields.end()
        if (entry.record_id is not None) != (entry.kind == "capture"):
            raise MalformedLogEntry("a capture's log entry has an ID, and no other has one")
        if (entry.envelope_sha256 is None) != (entry.kind == KEYSET):
            raise MalformedLogEntry("a log entry names its envelope, unless it is a keyset's")
        return entry

    def to_bytes(self) -> bytes:
        """The leaf's bytes (RFC 8785), as they are logged and hashed."""
        return canonical.dumps(
            {
                "envelope_sha256": self.envelope_sha256,
                "id": self.record_id,
                "kind": self.kind,
                "statement_sha256": self.statement_sha256,
                "v": 1,
            }
        )
