# SPDX-License-Identifier: Apache-2.0
"""Claim time.interval: others than the archive say between which times the statement was made.

The archive's own time is its word alone; but it must not contradict what others say.
"""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.checks.trusted_time import Interval, interval_of
from archive.clock import parse_rfc3339, rfc3339
from archive.errors import MalformedEvidence
from archive.model.claim import Finding
from archive.proofs.timestamp import SKEW

CLAIM = Claim(
    "time.interval",
    "Between which times was it made, as others than the archive say?",
    ("statement.canonical",),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about both bounds together."""
    found = interval_of(evidence)
    contradiction = _contradiction(evidence, found)
    if contradiction:
        yield CLAIM.fails("time", "TIME_CONTRADICTION", contradiction)
        return
    told = interval_words(found)
    if found.not_before is not None and found.not_after is not None:
        yield CLAIM.passes("time", told)
        return
    if found.not_before is None and found.not_after is None and not _is_any_asked(evidence):
        yield CLAIM.not_applicable("time", "this archive has neither witnesses nor authorities")
        return
    yield CLAIM.unknown("time", "TIME_OPEN", told)


def interval_words(found: Interval) -> str:
    """The interval in plain words."""
    before, after = found.not_before, found.not_after
    first = (
        f"not before {rfc3339(before.at)} ({before.source})"
        if before
        else ("not before: nobody vouches for it")
    )
    last = (
        f"not after {rfc3339(after.at)} ({after.source})"
        if after
        else ("not after: nobody vouches for it")
    )
    return f"{first}; {last}"


def _contradiction(evidence: Evidence, found: Interval) -> str:
    """What contradicts what, beyond what clocks may differ by; empty when nothing does."""
    claimed = parse_rfc3339(evidence.look.claimed_time)
    before, after = found.not_before, found.not_after
    if before and after and before.at - after.at > SKEW:
        return f"it is not before {rfc3339(before.at)}, and was there by {rfc3339(after.at)}"
    if before and before.at - claimed > SKEW:
        return f"it claims {rfc3339(claimed)}, and is not before {rfc3339(before.at)}"
    if after and claimed - after.at > SKEW:
        return f"it claims {rfc3339(claimed)}, and was there by {rfc3339(after.at)}"
    return ""


def _is_any_asked(evidence: Evidence) -> bool:
    try:
        keyset = evidence.keyset
    except MalformedEvidence:
        return False
    return bool(keyset.authorities or keyset.witnesses.keys)
