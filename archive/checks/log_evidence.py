# SPDX-License-Identifier: Apache-2.0
"""What a verifier has of the transparency log about one statement, and whom it trusts there.

Nothing in it is believed because it was given: the leaf is held against the statement, the proof
against the checkpoint, and the checkpoint against the keys that the keyset lists.
"""

from collections.abc import Callable
from dataclasses import dataclass

from archive.errors import MalformedEvidence
from archive.model.absent import Absent
from archive.model.anchor import Anchor
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.keyset import REVOKED, Keyset
from archive.proofs.note import COSIGNATURE, ED25519, VerifierKey
from archive.proofs.tlog_proof import LogProof

PENDING = "LOG_PENDING"
"""Code of what is logged and not yet published."""

Growth = Callable[[int, int], tuple[bytes, ...] | Absent]
"""Gives the proof that the tree of one size grew into that of another."""


@dataclass(frozen=True, slots=True)
class LogEvidence:
    """The leaf, its proof file, and what else the log has to do with a statement.

    `newest` is the newest checkpoint at hand, for a leaf that no proof is at hand of. `anchor`
    gives the note that the statement names as known when it was signed. `pinned` are notes that
    the verifier got elsewhere, such as an earlier checkpoint, or one that a witness kept.
    """

    entry: bytes | Absent
    proof: bytes | Absent
    newest: bytes | Absent
    anchor: Callable[[Anchor], bytes | Absent]
    growth: Growth
    pinned: tuple[bytes, ...] = ()

    @property
    def note(self) -> bytes | Absent:
        """The checkpoint to judge: that of the proof, else the newest. Raises MalformedEvidence."""
        if isinstance(self.proof, Absent):
            return self.newest
        return LogProof.from_bytes(self.proof).checkpoint.to_bytes()


def key_of_log(keyset: Keyset, origin: str) -> VerifierKey | None:
    """The key by which the keyset knows this log; None for a log that it does not know."""
    for log in keyset.logs:
        if log.origin == origin:
            return VerifierKey(origin, ED25519, keyset.keys[log.keyid].key)
    return None


def is_revoked(keyset: Keyset, origin: str) -> bool:
    """Whether the key of this log is revoked, so that nothing shows when it signed."""
    keyids = (log.keyid for log in keyset.logs if log.origin == origin)
    return any(keyset.keys[keyid].state == REVOKED for keyid in keyids)


def witness_keys(keyset: Keyset) -> tuple[VerifierKey, ...]:
    """The witnesses that the keyset trusts."""
    return tuple(
        VerifierKey(listed.name, COSIGNATURE, listed.key) for listed in keyset.witnesses.keys
    )


def is_trusted(checkpoint: SignedCheckpoint, keyset: Keyset) -> bool:
    """Whether a log that the keyset names signed this, by a key that is good."""
    origin = checkpoint.checkpoint.origin
    key = key_of_log(keyset, origin)
    if key is None or is_revoked(keyset, origin):
        return False
    return checkpoint.judged(key).is_valid


def witness_times(checkpoint: SignedCheckpoint, keyset: Keyset) -> dict[str, int]:
    """When each trusted witness cosigned this, by name, in seconds since 1970."""
    judged = {key.name: checkpoint.judged(key) for key in witness_keys(keyset)}
    return {name: found.time for name, found in judged.items() if found.time is not None}


def readable(data: bytes | Absent) -> SignedCheckpoint | None:
    """The checkpoint in a note, or None when there is none that can be read."""
    if isinstance(data, Absent):
        return None
    try:
        return SignedCheckpoint.from_bytes(data)
    except MalformedEvidence:
        return None
