# SPDX-License-Identifier: Apache-2.0
"""A verification that was put on record: what was asked of which record, and what each claim said.

The content of a `verification/v1` statement: the report, without what is chance or may be worded
anew (its own ID, the details). So that a page can say "verified" with a date and a signature.
"""

from dataclasses import dataclass
from typing import Self

from archive.canonical import JsonValue
from archive.errors import MalformedStatement
from archive.ids import RecordId
from archive.model.claim import Finding, Report, Result, Status
from archive.model.fields import Fields

_WHAT = "verification"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found of one claim about one target; `code` is empty when it passes."""

    claim: str
    target: str
    status: str
    code: str

    def to_json(self) -> JsonValue:
        """The answer as a member of the content."""
        return {"id": self.claim, "target": self.target, "status": self.status, "code": self.code}


@dataclass(frozen=True, slots=True)
class Verification:
    """What one statement says; `subject_sha256` is the statement of the record."""

    record: RecordId
    subject_sha256: str
    policy: str
    result: str
    required_failed: tuple[str, ...]
    answers: tuple[Answer, ...]
    root_fingerprints: tuple[str, ...]
    root_source: str
    keyset_version: int | None
    verifier: str
    verified_at: str
    actor: str

    @classmethod
    def of(cls, report: Report, record: RecordId, subject_sha256: str, actor: str) -> Self:
        """The verification that a report tells of."""
        return cls(
            record=record,
            subject_sha256=subject_sha256,
            policy=report.policy,
            result=report.result.value,
            required_failed=report.required_failed,
            answers=tuple(map(_answer, report.findings)),
            root_fingerprints=report.trust.root_fingerprints,
            root_source=report.trust.root_source,
            keyset_version=report.trust.keyset_version,
            verifier="/".join(report.verifier),
            verified_at=report.verified_at,
            actor=actor,
        )

    def to_json(self) -> JsonValue:
        """The content file's value."""
        return {
            "v": 1,
            "record": str(self.record),
            "subject_sha256": self.subject_sha256,
            "policy": self.policy,
            "result": self.result,
            "required_failed": list(self.required_failed),
            "claims": [answer.to_json() for answer in self.answers],
            "trust_inputs": {
                "root_fingerprints": list(self.root_fingerprints),
                "root_source": self.root_source,
                "keyset_version": self.keyset_version,
            },
            "verifier": self.verifier,
            "verified_at": self.verified_at,
            "actor": self.actor,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The verification of a content file. Raises MalformedStatement."""
        fields = Fields(value, MalformedStatement, _WHAT)
        fields.constant("v", 1)
        trust = fields.object("trust_inputs")
        read = cls(
            record=fields.record_id("record"),
            subject_sha256=fields.sha256("subject_sha256"),
            policy=fields.text("policy"),
            result=fields.choice("result", tuple(Result)),
            required_failed=fields.texts("required_failed"),
            answers=tuple(_read_answer(item) for item in fields.items("claims")),
            root_fingerprints=trust.sha256s("root_fingerprints"),
            root_source=trust.text("root_source"),
            keyset_version=trust.optional_count("keyset_version"),
            verifier=fields.text("verifier"),
            verified_at=fields.time("verified_at"),
            actor=fields.text("actor"),
        )
        trust.end()
        fields.end()
        if not read.answers:
            raise MalformedStatement("verification: without claims nothing is verified")
        return read


def _answer(finding: Finding) -> Answer:
    return Answer(finding.claim, finding.target, finding.status.value, finding.code)


def _read_answer(value: JsonValue) -> Answer:
    fields = Fields(value, MalformedStatement, "claim")
    answer = Answer(
        claim=fields.text("id"),
        target=fields.text("target"),
        status=fields.choice("status", tuple(Status)),
        code=fields.text("code"),
    )
    fields.end()
    return answer
