# SPDX-License-Identifier: Apache-2.0
"""A verification report as a text that a person can read aloud."""

from archive.model.claim import Finding, Report, Result, Status
from archive.services.stamping.report_time import time_text

_WORDS = {
    Status.PASS: "holds",
    Status.FAIL: "FAILS",
    Status.UNKNOWN: "not proven",
    Status.NOT_APPLICABLE: "n/a",
    Status.SKIPPED: "skipped",
}
_BOTTOM = {
    Result.VERIFIED: "VERIFIED: every claim that policy {policy!r} asks for holds.",
    Result.FAILED: "FAILED: {failed} does not hold.",
    Result.INCOMPLETE: "INCOMPLETE: nothing is disproven, but not all is proven: {missing}.",
    Result.MALFORMED: "MALFORMED: the statement file cannot be read.",
}


def report_text(report: Report, note: str) -> str:
    """The report, one line a claim, the bottom line last; `note` goes first when there is one."""
    lines = [note] if note else []
    subject = report.subject
    lines.append(f"Record {subject.get('record_id') or subject.get('observation')}")
    lines += [f"  {finding_text(finding)}" for finding in report.findings]
    roots = ", ".join(report.trust.root_fingerprints) or "none"
    lines.append(f"  root keys ({report.trust.root_source}): {roots}")
    if words := time_text(report):
        lines.append(words)
    lines.append(
        _BOTTOM[report.result].format(
            policy=report.policy,
            missing=", ".join(report.required_failed),
            failed=" and ".join(
                dict.fromkeys(f.claim for f in report.findings if f.status is Status.FAIL)
            ),
        )
    )
    return "\n".join(lines)


def finding_text(finding: Finding) -> str:
    """One finding on one line."""
    target = f" [{finding.target}]" if finding.target else ""
    code = f" {finding.code}:" if finding.code else ""
    return f"{_WORDS[finding.status]:10} {finding.claim}{target}{code} {finding.detail}".rstrip()
