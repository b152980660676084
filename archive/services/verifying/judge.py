# SPDX-License-Identifier: Apache-2.0
"""Policies: which claims must be proven, and the bottom line that follows from the findings.

`standard` asks for every claim whose evidence this archive is configured to make: those of the
log are not applicable where the keyset names no log, or asks for no witness. `court` takes that
for no answer: time, log and witness must be proven.
"""

from collections.abc import Mapping, Sequence

from archive.errors import InputError, ObjectMissing
from archive.model.claim import Finding, Result, Status

WHO = (
    "envelope.form",
    "key.chain",
    "signature",
    "statement.canonical",
    "statement.id",
    "key.valid_at_time",
)
"""The claims that say whose statement it is."""
_BYTES = ("inventory.bound", "object.digest", "warc.records", "body.from_warc")
_LOG = ("log.entry", "log.checkpoint", "log.inclusion", "log.witness")
_TOKENS = ("ts.rfc3161",)
_TIME = ("ts.renewal", "time.interval")
_SINCE = ("storage.lock", "custody.chain")
_STANDARD = (*WHO, *_BYTES, "text.derives", *_LOG, *_TOKENS)
BYTES_ONLY = "bytes-only"
COURT = "court"
POLICIES: Mapping[str, tuple[str, ...]] = {
    BYTES_ONLY: _BYTES,
    "standard": _STANDARD,
    COURT: (*_STANDARD, *_TIME, *_SINCE),
}
# A court is not told that there was nothing to prove.
_PROVEN_IN_COURT = {*_LOG, *_TOKENS, "time.interval"}

READING_ORDER = (
    "package.form",
    *WHO,
    *_BYTES,
    *_SINCE,
    "text.derives",
    *_LOG,
    "log.consistency",
    *_TOKENS,
    *_TIME,
)
"""In which order a person reads a report: who signed what, the bytes, since, the text, when."""


def required_claims(policy: str) -> tuple[str, ...]:
    """The claims that the policy asks for. Raises InputError for an unknown policy."""
    if policy not in POLICIES:
        raise InputError(f"unknown policy {policy!r}: use one of {', '.join(POLICIES)}")
    return POLICIES[policy]


def claims_to_run(policy: str) -> frozenset[str] | None:
    """The claims to look at; None for all. `bytes-only` asks nothing of keys and signatures."""
    if policy != BYTES_ONLY:
        return None
    whole = {"envelope.form", "statement.canonical", "statement.id", "server.authorship"}
    return frozenset({*whole, *_BYTES})


def reading_order(claim: str) -> int:
    """The place of a claim in a report that a person reads; of unlisted ones, the end."""
    return READING_ORDER.index(claim) if claim in READING_ORDER else len(READING_ORDER)


def not_proven(findings: Sequence[Finding], policy: str, *more: str) -> tuple[str, ...]:
    """The required claims, and `more`, that are not proven for every target, in that order.

    What has no meaning needs no proof; but to a court it must be shown when a thing was there,
    however little the archive was configured to make.
    """
    held: dict[str, bool] = {}
    for finding in findings:
        must_pass = policy == COURT and finding.claim in _PROVEN_IN_COURT
        is_proven = finding.status is Status.PASS or (
            finding.status is Status.NOT_APPLICABLE and not must_pass
        )
        held[finding.claim] = held.get(finding.claim, True) and is_proven
    return tuple(claim for claim in (*more, *required_claims(policy)) if not held.get(claim, False))


def judge(findings: Sequence[Finding], policy: str) -> Result:
    """The bottom line: any failure fails, a required claim that is not proven is incomplete.

    No findings at all is a failure, never a pass.
    """
    if not findings or any(finding.status is Status.FAIL for finding in findings):
        failed = {(f.claim, f.code) for f in findings if f.status is Status.FAIL}
        is_unreadable = {claim for claim, _ in failed} == {"envelope.form"}
        is_missing = ("envelope.form", ObjectMissing.code) in failed
        return Result.MALFORMED if is_unreadable and not is_missing else Result.FAILED
    if not_proven(findings, policy):
        return Result.INCOMPLETE
    return Result.VERIFIED
