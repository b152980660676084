# SPDX-License-Identifier: Apache-2.0
"""Claim ts.renewal: each renewal covers all that came before it, and came in time.

A renewal (RFC 4998's idea) is a token over SHA-256 and SHA-512 of every earlier proof, of the
statement and of every object, made while the certificates behind the earlier tokens were valid.
"""

import datetime as dt
from collections.abc import Iterator, Sequence

from archive.checks.evidence import Absent, Claim, Evidence, StampEvidence
from archive.checks.stamped import JudgedToken, OpenBatch, open_batches, tokens_of
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence
from archive.model.claim import Finding
from archive.model.proof_batch import PROOFS, RENEW, RENEWAL, Renewal

CLAIM = Claim(
    "ts.renewal",
    "Is the chain of renewals behind the tokens unbroken?",
    ("ts.rfc3161", "object.digest"),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding for each renewal."""
    stamps = evidence.stamps
    if stamps is None:
        yield CLAIM.not_applicable("renewals", "it has no tokens of its own")
        return
    opened, _ = open_batches(stamps.batches)
    tokens = tokens_of(evidence)
    is_any = False
    for batch in opened:
        if batch.listing.role == RENEW:
            is_any = True
            yield _finding(batch, evidence, stamps, tokens)
    if not is_any:
        yield CLAIM.not_applicable("renewals", "no token was renewed")


def _finding(
    batch: OpenBatch, evidence: Evidence, stamps: StampEvidence, tokens: Sequence[JudgedToken]
) -> Finding:
    target = f"renewal:{batch.number}"
    data = batch.files.get(RENEWAL)
    if not isinstance(data, bytes):
        return CLAIM.fails(target, "RENEWAL_BROKEN", "what it is over is not there")
    try:
        renewal = Renewal.from_bytes(data)
    except MalformedEvidence as error:
        return CLAIM.fails(target, error.code, str(error))
    missing = _uncovered(batch, evidence, stamps, {file.sha256 for file in renewal.files})
    if missing:
        return CLAIM.fails(target, "RENEWAL_BROKEN", f"it does not cover {missing}")
    for file in renewal.files:
        found = stamps.digests(file.key)
        if isinstance(found, Absent):
            return CLAIM.unknown(target, found.code, found.detail)
        if found != (file.size, file.sha256, file.sha512):
            return CLAIM.fails(target, "RENEWAL_BROKEN", f"{file.key} is not what it covers")
    return _judged_in_time(batch, tokens, (RENEWAL, data), len(renewal.files))


def _uncovered(
    batch: OpenBatch,
    evidence: Evidence,
    stamps: StampEvidence,
    digests: set[str],
) -> str:
    """What a renewal should cover and does not, by name; empty when it covers all."""
    for earlier in (one for one in stamps.batches if one.number < batch.number):
        for name, data in {PROOFS: earlier.listing, **earlier.files}.items():
            if isinstance(data, bytes) and sha256_hex(data) not in digests:
                return f"{name} of batch {earlier.number}"
    for name, data in (
        ("the statement", evidence.envelope_bytes),
        ("the inventory", evidence.inventory_bytes),
    ):
        if isinstance(data, bytes) and sha256_hex(data) not in digests:
            return name
    try:
        containers = evidence.inventory.containers
    except MalformedEvidence:
        return ""
    lacking = (one.sha256 for one in containers if one.sha256 not in digests)
    return next((f"container {sha256[:12]}" for sha256 in lacking), "")


def _judged_in_time(
    batch: OpenBatch,
    tokens: Sequence[JudgedToken],
    evidence: tuple[str, bytes],
    covered: int,
) -> Finding:
    target = f"renewal:{batch.number}"
    made = [_time(one) for one in tokens if one.batch == batch.number and one.verdict.is_good]
    before = [one for one in tokens if one.batch < batch.number and one.verdict.is_good]
    ends = max((one.verdict.ends_at for one in before if one.verdict.ends_at), default=None)
    if not made or ends is None:
        return CLAIM.fails(target, "RENEWAL_BROKEN", "there is no good token before it, or of it")
    at = min(made)
    if at >= ends:
        detail = f"it was made on {at:%Y-%m-%d}, when what it renews had ended on {ends:%Y-%m-%d}"
        return CLAIM.unknown(target, "RENEWAL_LATE", detail)
    if at < max(map(_time, before)):
        return CLAIM.fails(target, "RENEWAL_BROKEN", "it was made before what it renews")
    return CLAIM.passes(
        target, f"made {at:%Y-%m-%d} over {covered} files, before {ends:%Y-%m-%d}", evidence
    )


def _time(token: JudgedToken) -> dt.datetime:
    return token.verdict.at or dt.datetime.min.replace(tzinfo=dt.UTC)
