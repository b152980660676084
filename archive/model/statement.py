# SPDX-License-Identifier: Apache-2.0
"""The in-toto Statement v1 that is signed, and its strict reader.

The predicate type carries the major version; a verifier accepts exactly the types listed here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from archive import canonical
from archive.canonical import JsonValue
from archive.errors import MalformedStatement
from archive.model.fields import Fields

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
NAMESPACE = "https://w3id.org/muniment"
CAPTURE_V1 = f"{NAMESPACE}/capture/v1"
OBSERVATION_V1 = f"{NAMESPACE}/observation/v1"
KEYSET_V1 = f"{NAMESPACE}/keyset/v1"
LIMITS_V1 = f"{NAMESPACE}/limits/v1"
# Kinds of statement whose only subject is a content file, by the folder they lie in.
CONTENT_TYPES = {
    kind: f"{NAMESPACE}/{kind}/v1"
    for kind in (
        "correction",
        "custody",
        "import",
        "probe",
        "redaction",
        "restriction",
        "supersession",
        "verification",
        "withdrawal",
    )
}
PREDICATE_TYPES = (CAPTURE_V1, OBSERVATION_V1, KEYSET_V1, *CONTENT_TYPES.values())

SUBJECT_LIMIT = 8
INVENTORY = "inventory.json"
CONTAINER = "capture.warc.gz"
CONTENT = "content.json"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a statement is about (name to SHA-256, at most eight), and what it says."""

    subjects: Mapping[str, str]
    predicate_type: str
    predicate: JsonValue

    def to_bytes(self) -> bytes:
        """The canonical bytes: the DSSE payload."""
        return canonical.dumps(
            {
                "_type": STATEMENT_TYPE,
                "subject": [
                    {"name": name, "digest": {"sha256": sha256}}
                    for name, sha256 in sorted(self.subjects.items())
                ],
                "predicateType": self.predicate_type,
                "predicate": self.predicate,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The statement in canonical bytes. Raises MalformedJson, MalformedStatement."""
        fields = Fields(canonical.loads_canonical(data), MalformedStatement, "statement")
        fields.constant("_type", STATEMENT_TYPE)
        predicate_type = fields.choice("predicateType", PREDICATE_TYPES)
        subjects = _subjects(fields.items("subject"))
        predicate = fields.members("predicate")
        fields.end()
        return cls(subjects, predicate_type, predicate)


def _subjects(items: list[JsonValue]) -> dict[str, str]:
    if not 1 <= len(items) <= SUBJECT_LIMIT:
        raise MalformedStatement(f"statement has {len(items)} subjects, not 1 to {SUBJECT_LIMIT}")
    subjects: dict[str, str] = {}
    for item in items:
        fields = Fields(item, MalformedStatement, "subject")
        name = fields.text("name")
        digest = fields.object("digest")
        if name in subjects:
            raise MalformedStatement(f"statement has subject {name!r} twice")
        subjects[name] = digest.sha256("sha256")
        digest.end()
        fields.end()
    if list(subjects) != sorted(subjects):
        raise MalformedStatement("statement subjects are not sorted by name")
    return subjects
