# SPDX-License-Identifier: Apache-2.0
"""Claim log.checkpoint: the checkpoint is signed by the key of a log that the keyset names."""

from collections.abc import Iterator

from archive.checks.evidence import Absent, Claim, Evidence
from archive.checks.log_evidence import is_revoked, key_of_log
from archive.errors import MalformedEvidence
from archive.model.claim import Finding
from archive.proofs.checkpoint import SignedCheckpoint

CLAIM = Claim(
    "log.checkpoint",
    "Did the archive's log sign the checkpoint?",
    ("key.chain",),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about the note's signature and origin."""
    keyset, given = evidence.keyset, evidence.log
    if not keyset.logs:
        yield CLAIM.not_applicable("checkpoint", "the keyset names no log")
        return
    if given is None:
        yield CLAIM.unknown("checkpoint", "LOG_UNASKED", "no evidence of the log is at hand")
        return
    try:
        note = given.note
        if isinstance(note, Absent):
            yield CLAIM.absent("checkpoint", note)
            return
        checkpoint = SignedCheckpoint.from_bytes(note)
    except MalformedEvidence as error:
        yield CLAIM.fails("checkpoint", error.code, str(error))
        return
    origin = checkpoint.checkpoint.origin
    key = key_of_log(keyset, origin)
    if key is None:
        detail = f"it is of the log {origin}, which the keyset does not name"
        yield CLAIM.fails("checkpoint", "CHECKPOINT_ORIGIN", detail)
        return
    judged = checkpoint.judged(key)
    if not judged.is_valid or is_revoked(keyset, origin):
        what = "no signature by" if not judged.is_present else "no valid signature by"
        what = "a revoked key of" if judged.is_valid else what
        yield CLAIM.fails("checkpoint", "CHECKPOINT_SIGNATURE", f"it has {what} the log {origin}")
        return
    detail = f"{origin}, {checkpoint.head.size} entries, root {checkpoint.head.root.hex()}"
    yield CLAIM.passes("checkpoint", detail, ("log.checkpoint", note))
