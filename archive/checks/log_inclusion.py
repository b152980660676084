# SPDX-License-Identifier: Apache-2.0
"""Claim log.inclusion: the leaf is in the tree of the checkpoint."""

from collections.abc import Iterator

from archive.checks.evidence import Absent, Claim, Evidence
from archive.checks.log_evidence import PENDING
from archive.model.claim import Finding
from archive.proofs.merkle import leaf_hash
from archive.proofs.tlog_proof import LogProof

CLAIM = Claim(
    "log.inclusion",
    "Is the entry in the log that the checkpoint commits to?",
    ("log.entry", "log.checkpoint"),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about the proof."""
    given = evidence.log
    if not evidence.keyset.logs or given is None or isinstance(given.entry, Absent):
        yield CLAIM.not_applicable("entry", "the keyset names no log")
        return
    if isinstance(given.proof, Absent):
        if given.proof.code == PENDING:
            yield CLAIM.unknown("entry", "LOG_PENDING", given.proof.detail)
        else:
            yield CLAIM.absent("entry", given.proof)
        return
    # What cannot be read has no checkpoint either, which is judged first.
    proof = LogProof.from_bytes(given.proof)
    size = proof.checkpoint.head.size
    if not proof.includes(leaf_hash(given.entry)):
        detail = f"the proof does not lead from entry {proof.index} to the root of {size} entries"
        yield CLAIM.fails("entry", "LOG_PROOF_INVALID", detail)
        return
    yield CLAIM.passes("entry", f"entry {proof.index} of {size}", ("log.tlog-proof", given.proof))
