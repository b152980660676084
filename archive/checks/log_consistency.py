# SPDX-License-Identifier: Apache-2.0
"""Claim log.consistency: the log's tree grew out of each other checkpoint that is known of it.

Known is the one that the statement names as published when it was signed, and each that the
verifier got elsewhere: kept from an earlier day, or asked from a witness. A log that shows
different people different histories, or that lost its tail, cannot show growth from all of them.
"""

from collections.abc import Iterator

from archive.checks.evidence import Absent, Claim, Evidence
from archive.checks.log_evidence import LogEvidence, is_trusted
from archive.errors import MalformedEvidence
from archive.model.claim import Finding
from archive.proofs.checkpoint import Checkpoint, SignedCheckpoint
from archive.proofs.merkle import TreeHead, is_consistent, leaf_hash
from archive.proofs.tlog_proof import LogProof

CLAIM = Claim(
    "log.consistency",
    "Is this the same log as in every other checkpoint that is known of it?",
    ("log.checkpoint", "statement.canonical", "signature"),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding for each other checkpoint."""
    given = evidence.log
    if given is None or not evidence.keyset.logs or isinstance(given.note, Absent):
        yield CLAIM.not_applicable("log", "the keyset names no log")
        return
    mine = SignedCheckpoint.from_bytes(given.note).checkpoint
    findings = [*_with_anchor(evidence, given, mine), *_with_pinned(evidence, given, mine)]
    if not findings:
        detail = "no other checkpoint is given, and the statement names none"
        findings = [CLAIM.not_applicable("log", detail)]
    yield from findings


def _with_anchor(evidence: Evidence, given: LogEvidence, mine: Checkpoint) -> Iterator[Finding]:
    anchor = evidence.look.anchor
    if anchor is None:
        return
    if anchor.origin != mine.origin:
        detail = f"the statement names a checkpoint of the log {anchor.origin}"
        yield CLAIM.fails("anchor", "CHECKPOINT_ORIGIN", detail)
        return
    if not isinstance(given.proof, Absent) and not isinstance(given.entry, Absent):
        proof = LogProof.from_bytes(given.proof)
        if not proof.includes(leaf_hash(given.entry)):
            return  # tiles that do not lead to the leaf say nothing of growth either
        if proof.index < anchor.size:
            detail = f"entry {proof.index} comes before the {anchor.size} that its statement names"
            yield CLAIM.fails("anchor", "LOG_INCONSISTENT", detail)
            return
    yield _grown("anchor", given, TreeHead(anchor.size, bytes.fromhex(anchor.root)), mine.head)


def _with_pinned(evidence: Evidence, given: LogEvidence, mine: Checkpoint) -> Iterator[Finding]:
    for data in given.pinned:
        try:
            other = SignedCheckpoint.from_bytes(data)
        except MalformedEvidence as error:
            yield CLAIM.unknown("pinned", error.code, str(error))
            continue
        if not is_trusted(other, evidence.keyset) or other.checkpoint.origin != mine.origin:
            detail = "the checkpoint to compare with is not signed by the key of this log"
            yield CLAIM.unknown("pinned", "CHECKPOINT_SIGNATURE", detail)
            continue
        yield _grown("pinned", given, other.head, mine.head)


def _grown(target: str, given: LogEvidence, other: TreeHead, mine: TreeHead) -> Finding:
    old, new = sorted((other, mine), key=lambda head: head.size)
    shown = f"{old.size} entries and {new.size}"
    if old.size == new.size:
        if old.root == new.root:
            return CLAIM.passes(target, f"the same tree of {old.size} entries")
        return CLAIM.fails(
            target, "LOG_INCONSISTENT", f"two trees of {old.size} entries: a split view"
        )
    if old.size == 0:
        return CLAIM.passes(target, "a checkpoint of the empty log")
    proof = given.growth(old.size, new.size)
    if isinstance(proof, Absent) and proof.is_certain:
        return CLAIM.fails(target, "LOG_TRUNCATED", proof.detail)
    if isinstance(proof, Absent):
        return CLAIM.unknown(target, proof.code, proof.detail)
    if not is_consistent(old, new, proof):
        detail = f"the trees of {shown} have no common history: a split view"
        return CLAIM.fails(target, "LOG_INCONSISTENT", detail)
    return CLAIM.passes(target, f"the trees of {shown} have one history")
