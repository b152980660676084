# SPDX-License-Identifier: Apache-2.0
"""Policies: which claims must be proven, and the bottom line that follows from the findings.

`standard` asks for every claim whose evidence this archive is configured to make; `court` asks
for time, log and witness too, which makes a report incomplete until the archive has them.
"""

from collections.abc import Mapping, Sequence

from archive.errors import InputError, ObjectMissing
from archive.model.claim import Finding, Result, Status

_BYTES = ("inventory.bound", "object.digest", "warc.records", "body.from_warc")
_STANDARD = (
    "envelope.form",
    "key.chain",
    "signature",
    "statement.canonical",
    "statement.id",
    "key.valid_at_time",
    *_BYTES,
    "text.derives",
    "ts.rfc3161",
)
_SINCE = ("storage.lock", "custody.chain")
BYTES_ONLY = "bytes-only"
POLICIES: Mapping[str, tuple[str, ...]] = {
    BYTES_ONLY: _BYTES,
    "standard": _STANDARD,
    "court": (
        *_STANDARD,
        "ts.renewal",
        "log.entry",
        "log.inclusion",
        "log.checkpoint",
        "log.witness",
        "time.interval",
        "storage.lock",
        "custody.chain",
    ),
}


_TIME = tuple(
    claim for claim in POLICIES["court"] if claim.partition(".")[0] in {"ts", "log", "time"}
)
_TIME_ITSELF = frozenset(_TIME) - {"ts.renewal"}
_BEFORE = tuple(claim for claim in _STANDARD if claim not in {"text.derives", *_TIME})
READING_ORDER = ("package.form", *_BEFORE, *_SINCE, "text.derives", *_TIME)
"""In which order a person reads a report: who signed what, the bytes, the text, since, when."""


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
        is_needless = policy != "court" or finding.claim not in _TIME_ITSELF
        is_proven = finding.status is Status.PASS or (
            finding.status is Status.NOT_APPLICABLE and is_needless
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
