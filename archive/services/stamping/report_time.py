# SPDX-License-Identifier: Apache-2.0
"""Adds to a report what is proven of the time, and by whose certificates."""

from dataclasses import replace

from archive.checks.evidence import Evidence
from archive.checks.trusted_time import interval_of
from archive.clock import rfc3339
from archive.model.claim import ProvenTime, Report
from archive.proofs.certificates import fingerprint
from archive.proofs.timestamp import PinnedAuthority


def with_time(report: Report, gathered: Evidence) -> Report:
    """The report with the interval of a statement that could be read; else as it is."""
    if report.claimed_time is None:
        return report
    found = interval_of(gathered)
    authorities = gathered.stamps.authorities.values() if gathered.stamps else ()
    pinned = (one for one in authorities if isinstance(one, PinnedAuthority))
    roots = sorted({fingerprint(root) for one in pinned for root in one.roots})
    return replace(
        report,
        trust=replace(report.trust, tsa_roots=tuple(roots)),
        time=ProvenTime(
            not_before=rfc3339(found.not_before.at) if found.not_before else None,
            not_after=rfc3339(found.not_after.at) if found.not_after else None,
            sources=tuple(found.sources()),
        ),
    )


def time_text(report: Report) -> str:
    """What is proven of the time, in plain words; empty when nothing is."""
    said = {one["bound"]: one for one in reversed(report.time.sources)}
    words = []
    if before := said.get("not_before"):
        words.append(f"made after {_shown(before['at'])} ({before['source']})")
    if after := said.get("not_after"):
        words.append(f"there by {_shown(after['at'])} ({after['source']})")
    return f"By the word of others it was {', and '.join(words)}." if words else ""


def _shown(at: str) -> str:
    return f"{at[:10]} {at[11:19]} UTC"
