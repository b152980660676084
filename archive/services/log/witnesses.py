# SPDX-License-Identifier: Apache-2.0
"""Has checkpoints of the archive's log cosigned by the witnesses that its keyset trusts."""

from collections.abc import Sequence

from archive.catalog.log import LogHead
from archive.checks.log_evidence import witness_keys, witness_times
from archive.errors import MalformedNote
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.keyset import Keyset
from archive.proofs.note import NoteSignature
from archive.services.context import Archive
from archive.translog.ask_witnesses import Asked, ask_witnesses
from archive.translog.base import Log
from archive.translog.prove import Tiles
from archive.translog.publish import Cosign, missing_cosigners


def cosign_by(archive: Archive, log: Log, keyset: Keyset, head: LogHead) -> Cosign:
    """What asks every witness that has not cosigned a checkpoint yet, within bounded time."""
    guess = _size_of(head.published_note)

    def cosign(checkpoint: SignedCheckpoint) -> Sequence[NoteSignature]:
        keys = missing_cosigners(checkpoint, witness_keys(keyset))
        asked = Asked(archive.witnesses.urls, keys, archive.witnesses.seconds)
        if not keys or not asked.urls:
            return ()
        tiles = Tiles(log.files, checkpoint.head.size)
        return ask_witnesses(asked, checkpoint, guess, tiles.consistency)

    return cosign


def lacks_quorum(archive: Archive, checkpoint: SignedCheckpoint, keyset: Keyset) -> bool:
    """Whether more witnesses could be asked, and fewer have cosigned than the keyset asks for."""
    count = len(witness_times(checkpoint, keyset))
    return bool(archive.witnesses.urls) and count < keyset.witnesses.quorum


def _size_of(note: bytes | None) -> int:
    """The size that witnesses are likely to have cosigned last."""
    try:
        return 0 if note is None else SignedCheckpoint.from_bytes(note).head.size
    except MalformedNote:
        return 0
