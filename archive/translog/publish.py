# SPDX-License-Identifier: Apache-2.0
"""Publishes checkpoints: signed, shown to witnesses, stored once, then pointed at.

The log's key signs only a tree that grew out of the last one it signed, and what it signed is
durable before anybody sees it. So after any crash the next checkpoint agrees with every one that
anybody may have.
"""

from collections.abc import Callable, Sequence

from archive.errors import (
    LogError,
    LogKeyMissing,
    MalformedEvidence,
    MalformedNote,
    ObjectConflict,
    ObjectMissing,
)
from archive.proofs.checkpoint import Checkpoint, SignedCheckpoint
from archive.proofs.log_layout import LATEST, checkpoint_key
from archive.proofs.merkle import TreeHead, is_consistent
from archive.proofs.note import NoteSignature, VerifierKey
from archive.translog.base import Log, Sign, State
from archive.translog.edge import Edge
from archive.translog.integrate import going, halted, integrate
from archive.translog.prove import Tiles

Cosign = Callable[[SignedCheckpoint], Sequence[NoteSignature]]
"""Asks witnesses for cosignatures, within a bounded time; fewer come where some are silent."""

_RACES_LIMIT = 20
_FURTHER_LIMIT = 100


def publish(log: Log, sign: Sign, cosign: Cosign) -> SignedCheckpoint | None:
    """The newest checkpoint, published, with every entry that there was; None for an empty log.

    Raises LogForkDetected, LogStopped, LogKeyMissing, SigningError, StorageError, CatalogError.
    """
    for _ in range(_RACES_LIMIT):
        state = integrate(log)
        _refuse_older(log, state)
        if state.integrated.size == 0:
            return None
        last = read_checkpoint(log, state.published)
        if last is not None and last.head == state.integrated:
            _point(log)
            return last
        signed = _signed(log, sign, state)
        if signed is not None:
            break
    else:
        raise LogError("other processes published all the time: try again")
    lines = list(cosign(signed))
    cosigned = SignedCheckpoint.of(signed.checkpoint, [*signed.note.signatures, *lines])
    stored = _stored(log, cosigned)
    _announce(log, stored)
    return stored


def add_cosignatures(
    log: Log, published: SignedCheckpoint, lines: Sequence[NoteSignature]
) -> SignedCheckpoint:
    """The newest checkpoint with cosignatures that came later, stored beside it."""
    fuller = SignedCheckpoint.of(published.checkpoint, [*published.note.signatures, *lines])
    for number in range(2, _FURTHER_LIMIT):
        key = checkpoint_key(published.head.size, number)
        try:
            log.files.put_many([(key, fuller.to_bytes())])
        except ObjectConflict:
            continue
        _announce(log, fuller)
        return fuller
    raise LogError(f"the checkpoint of {published.head.size} is stored too often already")


def read_checkpoint(log: Log, data: bytes | None) -> SignedCheckpoint | None:
    """A checkpoint that this log itself signed and noted; None for no bytes.

    Raises LogForkDetected when it is another's, or damaged.
    """
    if data is None:
        return None
    try:
        found = SignedCheckpoint.from_bytes(data)
    except MalformedNote as error:
        raise halted(log, f"a checkpoint of the log cannot be read: {error}") from error
    if found.checkpoint.origin != log.origin or not found.judged(log.key).is_valid:
        raise halted(log, "a checkpoint of the log is not signed by its key")
    return found


def _signed(log: Log, sign: Sign, state: State) -> SignedCheckpoint | None:
    """The tree's checkpoint, signed now or before; None when another process was faster."""
    head, last = state.integrated, read_checkpoint(log, state.signed)
    if last is not None:
        if last.head == head:
            return last
        if not is_growth(log, last.head, head):
            raise halted(log, f"the tree of {head.size} does not begin with that of {last.head}")
    checkpoint = Checkpoint(log.origin, head)
    line = NoteSignature(log.key.name, log.key.key_id, sign(checkpoint.to_text()))
    signed = SignedCheckpoint.of(checkpoint, [line])
    if not signed.judged(log.key).is_valid:
        raise LogKeyMissing("the log's private key is not the one that the keyset lists")
    old = last.head.size if last else 0
    is_noted = log.sequence.signed(old, head.size, signed.to_bytes())
    return signed if is_noted else None


def is_growth(log: Log, old: TreeHead, new: TreeHead) -> bool:
    """Whether the tree of the sequence with the new head begins with that of the old one."""
    if not 0 < old.size <= new.size:
        return False
    try:
        proof = Tiles(log.files, new.size).consistency(old.size)
    except (ObjectMissing, MalformedEvidence):
        proof = []
    # Damaged tiles are the audit's to name; the entries say whether there is one history.
    return is_consistent(old, new, proof) or (
        Edge.of_entries(log.sequence, old.size).head == old
        and Edge.of_entries(log.sequence, new.size).head == new
    )


def _refuse_older(log: Log, state: State) -> None:
    """Halt when more was published than the sequence has: it comes out of an old copy."""
    latest = _pointed_at(log)
    if latest is None or latest.head.size <= state.integrated.size:
        return
    if latest.head.size > going(log).appended:
        raise halted(log, f"{latest.head.size} entries are published, and the catalogue has fewer")


def _stored(log: Log, cosigned: SignedCheckpoint) -> SignedCheckpoint:
    key = checkpoint_key(cosigned.head.size)
    try:
        log.files.put_many([(key, cosigned.to_bytes())])
    except ObjectConflict:
        # Somebody else has published the same tree, with the cosignatures that they got.
        there = read_checkpoint(log, log.files.get(key))
        if there is None or there.checkpoint != cosigned.checkpoint:
            raise halted(log, f"{key} holds the checkpoint of another tree") from None
        return there
    return cosigned


def _announce(log: Log, stored: SignedCheckpoint) -> None:
    """Point at it, then note it: whoever dies in between leaves nothing that is out of date."""
    there = _pointed_at(log)
    if there is None or there.head.size <= stored.head.size:
        log.latest.replace(LATEST, stored.to_bytes())
    log.sequence.published(stored.head.size, stored.to_bytes())
    _point(log)


def _point(log: Log) -> None:
    """Let the one key that is replaced hold what is published, also when others race for it."""
    for _ in range(_RACES_LIMIT):
        published = log.sequence.state().published
        if published is None or _newest(log) == published:
            return
        log.latest.replace(LATEST, published)


def _pointed_at(log: Log) -> SignedCheckpoint | None:
    """The checkpoint of this log that is pointed at; what is none is as good as nothing."""
    try:
        found = SignedCheckpoint.from_bytes(_newest(log) or b"")
    except MalformedNote:
        return None
    return found if found.judged(log.key).is_valid else None


def _newest(log: Log) -> bytes | None:
    try:
        return log.latest.newest(LATEST)
    except ObjectMissing:
        return None


def missing_cosigners(
    checkpoint: SignedCheckpoint, witnesses: Sequence[VerifierKey]
) -> list[VerifierKey]:
    """Those of the witnesses that have not cosigned it."""
    return [key for key in witnesses if not checkpoint.judged(key).is_valid]
