# SPDX-License-Identifier: Apache-2.0
"""What verification answers: one finding for each claim and target, and the report of them.

There is no single tick. A claim is proven (`pass`), disproven (`fail`), or not known
(`unknown`); it may not apply, or be skipped because one that it rests on did not hold.
"""

import enum
from dataclasses import dataclass, field

from archive.canonical import JsonValue


class Status(enum.StrEnum):
    """The answer to one claim."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one claim about one target, with the evidence that it rests on.

    `code` is stable and empty when the claim passes; `evidence` lists `(name, sha256)`.
    """

    claim: str
    target: str
    status: Status
    code: str = ""
    detail: str = ""
    evidence: tuple[tuple[str, str], ...] = ()
    depends_on: tuple[str, ...] = ()

    def to_json(self) -> JsonValue:
        """The finding as a row of the report's `claims`."""
        return {
            "id": self.claim,
            "target": self.target,
            "status": self.status.value,
            "code": self.code,
            "detail": self.detail,
            "evidence": [{"file": name, "sha256": sha} for name, sha in self.evidence],
            "depends_on": list(self.depends_on),
            "method": f"{self.claim}/1",
        }


class Result(enum.StrEnum):
    """The report's bottom line; `exit_code` is what the command line returns for it."""

    VERIFIED = "verified"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    MALFORMED = "malformed"

    @property
    def exit_code(self) -> int:
        """0 verified, 1 failed, 2 incomplete, 3 malformed."""
        return list(Result).index(self)


@dataclass(frozen=True, slots=True)
class TrustInputs:
    """What the verifier took as given: pinned root fingerprints and where they came from.

    `log_policy_sha256` is the digest of the keyset's trust in logs and witnesses as a policy file,
    `pinned_checkpoint` that of a checkpoint that was given from outside.
    """

    root_fingerprints: tuple[str, ...]
    root_source: str
    keyset_version: int | None
    tsa_roots: tuple[str, ...] = ()
    log_policy_sha256: str | None = None
    pinned_checkpoint: str | None = None


@dataclass(frozen=True, slots=True)
class ProvenTime:
    """The bounds that others than the archive vouch for (RFC 3339), and who, source by source."""

    not_before: str | None = None
    not_after: str | None = None
    sources: tuple[JsonValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All findings about one subject under one policy, and the result that follows.

    `standing` is what was done with the record since it was made, None when nothing was.
    """

    report_id: str
    policy: str
    subject: JsonValue
    trust: TrustInputs
    findings: tuple[Finding, ...]
    required_failed: tuple[str, ...]
    result: Result
    verified_at: str
    claimed_time: str | None
    verifier: tuple[str, str] = field(default=("muniment", ""))
    is_offline: bool = False
    standing: JsonValue = None
    time: ProvenTime = ProvenTime()

    def to_json(self) -> JsonValue:
        """The report in the form of `archive/specs/verify-report.md`."""
        count = dict.fromkeys(Status, 0)
        for finding in self.findings:
            count[finding.status] += 1
        return {
            "v": 1,
            "report_id": self.report_id,
            "verifier": {
                "name": self.verifier[0],
                "version": self.verifier[1],
                "build_sha256": None,
            },
            "policy": self.policy,
            "verified_at": self.verified_at,
            "offline": self.is_offline,
            "subject": self.subject,
            "standing": self.standing,
            "trust_inputs": {
                "root_fingerprints": list(self.trust.root_fingerprints),
                "root_source": self.trust.root_source,
                "keyset_version": self.trust.keyset_version,
                "log_policy_sha256": self.trust.log_policy_sha256,
                "tsa_roots": list(self.trust.tsa_roots),
                "pinned_checkpoint": self.trust.pinned_checkpoint,
            },
            "claims": [finding.to_json() for finding in self.findings],
            "time": {
                "claimed": self.claimed_time,
                "not_before": self.time.not_before,
                "not_after": self.time.not_after,
                "sources": list(self.time.sources),
            },
            "summary": {
                "pass": count[Status.PASS],
                "fail": count[Status.FAIL],
                "unknown": count[Status.UNKNOWN],
                "required_failed": list(self.required_failed),
                "not_proven": sorted(
                    {f.claim for f in self.findings if f.status is Status.UNKNOWN}
                ),
            },
            "result": self.result.value,
            "exit_code": self.result.exit_code,
        }
