# SPDX-License-Identifier: Apache-2.0
"""Claim ts.rfc3161: authorities for time signed that the statement was there by then.

One finding for each token. A token over the checkpoint of a log is no answer here: it covers the
statement through the log (claim time.interval).
"""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence, StampEvidence
from archive.checks.stamped import JudgedToken, tokens_of
from archive.clock import rfc3339
from archive.errors import MalformedEvidence
from archive.model.claim import Finding
from archive.model.proof_batch import RENEW

CLAIM = Claim(
    "ts.rfc3161",
    "Did independent authorities for time sign that the statement was there by then?",
    ("statement.canonical",),
)
TS_PENDING = "TS_PENDING"


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding for each token, and one for those that are still to come."""
    stamps = evidence.stamps
    if stamps is None:
        yield CLAIM.not_applicable("tokens", "it has no tokens of its own")
        return
    try:
        tokens = tokens_of(evidence)
    except MalformedEvidence as error:
        yield CLAIM.unknown("tokens", error.code, str(error))
        return
    renewed_at = [one.batch for one in tokens if one.role == RENEW and one.verdict.is_good]
    for token in tokens:
        is_renewed = any(batch > token.batch for batch in renewed_at)
        yield _finding(token, stamps, is_renewed=is_renewed)
    given = {one.authority for one in tokens if one.verdict.is_good}
    if len(given) < stamps.wanted:
        yield CLAIM.unknown(
            "tokens",
            "TS_PENDING",
            f"tokens of {stamps.wanted} authorities are to be had, and {len(given)} are there: "
            "`muniment stamp` asks for them",
        )
    elif not tokens:
        yield CLAIM.not_applicable("tokens", "no authority is asked for a token over it")


def _finding(token: JudgedToken, stamps: StampEvidence, *, is_renewed: bool) -> Finding:
    verdict = token.verdict
    if verdict.code and verdict.is_certain:
        return CLAIM.fails(token.target, verdict.code, verdict.detail)
    if verdict.code or verdict.at is None:
        return CLAIM.unknown(token.target, verdict.code, verdict.detail)
    authority = stamps.authorities[token.authority]
    qualified = ", a qualified one" if getattr(authority, "is_qualified", False) else ""
    words = f"{token.authority}{qualified}: there by {rfc3339(verdict.at)}; {verdict.detail}"
    name = f"proofs/{token.batch}/{token.authority}.tsr"
    if is_renewed or not verdict.is_due(stamps.now, stamps.renew_before):
        return CLAIM.passes(token.target, words, (name, token.data))
    ends = "ended" if verdict.ends_at and verdict.ends_at <= stamps.now else "ends"
    return CLAIM.warns(
        token.target,
        "TS_RENEWAL_DUE",
        f"{words}; its certificate {ends} on {verdict.ends_at:%Y-%m-%d}: renew it",
        (name, token.data),
    )
