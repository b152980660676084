# SPDX-License-Identifier: Apache-2.0
"""Verification in the reader's words: each claim as a sentence, each status as sign and word."""

from collections.abc import Sequence
from dataclasses import dataclass

from archive.canonical import JsonValue
from archive.model.claim import Finding, Report, Result, Status
from archive.services.stamping.report_time import time_text

_WORDS = {
    "envelope.form": "The signed statement can be read, and in one way only",
    "signature": "The statement was signed with the key of the archive and not changed since",
    "key.chain": "The key is one that the root key of the archive vouches for",
    "key.valid_at_time": "The key was allowed to sign captures at that time",
    "statement.canonical": "The statement is in the one exact form that was signed",
    "statement.id": "The statement is about this record and no other",
    "inventory.bound": "The list of parts is the one that was signed",
    "object.digest": "The stored bytes are those that were signed",
    "warc.records": "The web archive file is whole, and holds what the statement tells of",
    "body.from_warc": "The bytes of the page are those that the web archive file holds",
    "text.derives": "The text follows from the page by the named recipe, run again now",
    "log.entry": "The archive's log has an entry of this statement and its signature",
    "log.checkpoint": "The checkpoint is signed by the key of the archive's log",
    "log.inclusion": "The entry is in the log that the checkpoint commits to",
    "log.witness": "Enough independent witnesses saw the same log",
    "log.consistency": "The log grew out of every other checkpoint that is known of it",
    "catalog.agrees": "The catalogue says what the signed files say",
    "custody.chain": "What was done with it since is told, without a gap and in order",
    "storage.lock": "The store locks its files as the archive promised",
    "ts.rfc3161": "Authorities for time signed that the statement was there by then",
    "ts.renewal": "What those authorities signed was renewed in time, without a gap",
    "time.interval": "Others than the archive say between which times it was made",
    "server.authorship": "The server at that address really authored the page",
}
REDACTED = "OBJECT_REDACTED"
_SIGNS = {
    Status.PASS: ("✓", "Holds", "pass"),
    Status.FAIL: ("✗", "Fails", "fail"),
    Status.UNKNOWN: ("?", "Not proven", "unknown"),
    Status.NOT_APPLICABLE: ("○", "Does not apply", "skipped"),
    Status.SKIPPED: ("○", "Not looked at", "skipped"),
}
_WORST_FIRST = (
    Status.FAIL,
    Status.UNKNOWN,
    Status.SKIPPED,
    Status.PASS,
    Status.NOT_APPLICABLE,
)
_VERDICTS = {
    Result.VERIFIED: ("✓", "pass", "Verified", "Every claim that the policy asks for holds."),
    Result.FAILED: (
        "✗",
        "fail",
        "Verification failed",
        "What is stored is not what was signed, or not all of it. Do not rely on this record.",
    ),
    Result.INCOMPLETE: (
        "?",
        "unknown",
        "Not all is proven",
        "Nothing is disproven, but claims that the policy asks for could not be proven.",
    ),
    Result.MALFORMED: (
        "✗",
        "fail",
        "The statement cannot be read",
        "The signed statement of this record is damaged. Do not rely on this record.",
    ),
}


@dataclass(frozen=True, slots=True)
class Sign:
    """A status as it is shown: a sign, a word, and the style of both."""

    icon: str
    word: str
    style: str


_REMOVED = Sign("⊘", "Removed", "skipped")


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """One finding below its claim."""

    target: str
    sign: Sign
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class ShownClaim:
    """One claim with all its findings; the worst of them is its sign."""

    id: str
    words: str
    sign: Sign
    findings: tuple[ShownFinding, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The bottom line of a report."""

    icon: str
    style: str
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class ShownReport:
    """A report as a page shows it.

    `missing` are claims that the policy asks for and that are not proven, `unproven` the others
    that nobody could prove.
    """

    verdict: Verdict
    claims: tuple[ShownClaim, ...]
    policy: str
    verified_at: str
    missing: tuple[str, ...]
    unproven: tuple[str, ...]
    keyset_version: int | None
    roots: tuple[str, ...]
    time: str


def shown_report(report: Report) -> ShownReport:
    """The report in words."""
    grouped: dict[str, list[Finding]] = {}
    for finding in report.findings:
        grouped.setdefault(finding.claim, []).append(finding)
    return ShownReport(
        verdict=Verdict(*_VERDICTS[report.result]),
        claims=tuple(_claim(claim, findings) for claim, findings in grouped.items()),
        policy=report.policy,
        verified_at=report.verified_at,
        missing=tuple(_words(claim) for claim in report.required_failed),
        unproven=tuple(
            _words(claim)
            for claim, findings in grouped.items()
            if claim not in report.required_failed
            and any(item.status is Status.UNKNOWN for item in findings)
        ),
        keyset_version=report.trust.keyset_version,
        roots=report.trust.root_fingerprints,
        time=time_text(report),
    )


def shown_answers(claims: Sequence[JsonValue]) -> tuple[ShownClaim, ...]:
    """The claims of a verification that is on record, in words."""
    grouped: dict[str, list[Finding]] = {}
    for told in claims:
        finding = Finding(told["id"], told["target"], Status(told["status"]), told["code"])
        grouped.setdefault(finding.claim, []).append(finding)
    return tuple(_claim(claim, findings) for claim, findings in grouped.items())


def _claim(claim: str, findings: Sequence[Finding]) -> ShownClaim:
    worst = min((finding.status for finding in findings), key=_WORST_FIRST.index)
    return ShownClaim(
        id=claim,
        words=_words(claim),
        sign=Sign(*_SIGNS[worst]),
        findings=tuple(
            ShownFinding(
                item.target.replace(":", " "),
                _REMOVED if item.code == REDACTED else Sign(*_SIGNS[item.status]),
                item.code,
                item.detail,
            )
            for item in findings
        ),
    )


def _words(claim: str) -> str:
    return _WORDS.get(claim, claim)
