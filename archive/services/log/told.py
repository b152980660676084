# SPDX-License-Identifier: Apache-2.0
"""What the archive's own log tells of a statement: leaf, proof, and growth, out of its tiles."""

from collections.abc import Callable, Sequence
from functools import cached_property

from archive.catalog import log as rows
from archive.catalog import time_tokens
from archive.checks.evidence import Absent
from archive.checks.log_evidence import PENDING, LogEvidence, witness_times
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, ObjectMissing, StorageError
from archive.model.anchor import Anchor
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.keyset import Keyset
from archive.proofs.log_layout import LATEST, checkpoint_key
from archive.proofs.tlog_proof import LogProof
from archive.services.context import Archive
from archive.services.trust import trusted_keyset
from archive.translog.prove import Tiles

_NOTES_LIMIT = 100
# So many are looked at for the first that witnesses cosigned, who may have been away for a while.
_CHECKPOINTS_LIMIT = 100


class LogReader:
    """Tells of many statements by one checkpoint, the newest when this is made."""

    def __init__(self, archive: Archive, pinned: Sequence[bytes] = ()) -> None:
        self._archive = archive
        self._pinned = tuple(pinned)
        self._trees: dict[int, Tiles] = {}
        self._cosigned: dict[int, SignedCheckpoint | None] = {}

    def told(self, statement_sha256: str) -> LogEvidence:
        """What the log has of a statement, by its digest."""
        with self._archive.database.reading() as connection:
            head = rows.log_head_of(connection)
            found = rows.entry_of(connection, statement_sha256)
        if found is None:
            detail = "the log has no entry of this statement"
            if head is None:
                detail = "the log is not in the catalogue: run `muniment rebuild`"
            missing = Absent("LOG_NOT_INCLUDED", detail, is_certain=head is not None)
            return self._evidence(missing, missing)
        index, entry = found
        return self._evidence(entry, self._proof(index))

    def covering(self, statement_sha256: str) -> dict[int, bytes]:
        """The first checkpoints, published, stamped and cosigned, that have the statement's entry.

        By size, each the proof file of the entry in it; what cannot be read is left out.
        """
        with self._archive.database.reading() as connection:
            found = rows.entry_of(connection, statement_sha256)
            if found is None:
                return {}
            sizes = rows.checkpoints_covering(connection, found[0], _CHECKPOINTS_LIMIT)
            stamped = time_tokens.stamped_covering(connection, found[0])
        notes = {size: self._note(size) for size in (*sizes[:1], stamped) if size is not None}
        cosigned = next((note for size in sizes if (note := self._cosigned_note(size))), None)
        # Tokens are over the note as it was published first.
        if cosigned is not None and cosigned.head.size != stamped:
            notes[cosigned.head.size] = cosigned
        proofs = {size: self._proof_in(note, found[0]) for size, note in notes.items() if note}
        return {size: proof for size, proof in proofs.items() if proof is not None}

    def _proof_in(self, note: SignedCheckpoint, index: int) -> bytes | None:
        hashes = self._asked(lambda: self._tree(note.head.size).inclusion(index))
        return None if isinstance(hashes, Absent) else LogProof(index, hashes, note).to_bytes()

    def _note(self, size: int, number: int = 1) -> SignedCheckpoint | None:
        key = checkpoint_key(size, number)
        try:
            note = SignedCheckpoint.from_bytes(self._archive.store.get(key))
        except (MalformedEvidence, StorageError):
            return None  # which the audit names
        return note if note.head.size == size else None

    def _cosigned_note(self, size: int) -> SignedCheckpoint | None:
        """The first note of this size that as many witnesses cosigned as the keyset asks for."""
        if self._keyset is None or not self._keyset.witnesses.keys:
            return None
        if size not in self._cosigned:
            self._cosigned[size] = None
            for number in range(1, _NOTES_LIMIT):
                note = self._note(size, number)
                if note is None:
                    break
                times = witness_times(note, self._keyset)
                if len(times) >= max(1, self._keyset.witnesses.quorum):
                    self._cosigned[size] = note
                    break
        return self._cosigned[size]

    @cached_property
    def _keyset(self) -> Keyset | None:
        try:
            return trusted_keyset(self._archive)
        except (MalformedEvidence, StorageError):
            return None  # which has its own claim

    def _evidence(self, entry: bytes | Absent, proof: bytes | Absent) -> LogEvidence:
        return LogEvidence(
            entry=entry,
            proof=proof,
            newest=self._newest,
            anchor=self._anchor,
            growth=self._growth,
            pinned=self._pinned,
        )

    @cached_property
    def _newest(self) -> bytes | Absent:
        # What everybody else is shown, and not what the catalogue remembers of it.
        try:
            return self._archive.log_store.newest(LATEST)
        except ObjectMissing:
            return Absent(PENDING, "no checkpoint is published yet", is_certain=False)
        except StorageError as error:
            return Absent(error.code, f"{LATEST} cannot be read: {error}", is_certain=False)

    def _proof(self, index: int) -> bytes | Absent:
        newest = self._newest
        if isinstance(newest, Absent):
            return newest
        try:
            checkpoint = SignedCheckpoint.from_bytes(newest)
        except MalformedEvidence as error:
            return Absent(error.code, f"{LATEST} is no checkpoint: {error}", is_certain=True)
        size = checkpoint.head.size
        if index >= size:
            detail = f"entry {index} is not published yet: the checkpoint has {size} entries"
            return Absent(PENDING, detail, is_certain=False)
        hashes = self._asked(lambda: self._tree(size).inclusion(index))
        if isinstance(hashes, Absent):
            return hashes
        return LogProof(index, hashes, checkpoint).to_bytes()

    def _growth(self, old: int, new: int) -> tuple[bytes, ...] | Absent:
        return self._asked(lambda: self._tree(new).consistency(old))

    def _asked(self, proof: Callable[[], list[bytes]]) -> tuple[bytes, ...] | Absent:
        try:
            return tuple(proof())
        except ObjectMissing as error:
            return Absent("LOG_TRUNCATED", f"a tile of the log is gone: {error}", is_certain=True)
        except MalformedEvidence as error:
            return Absent("LOG_PROOF_INVALID", f"a tile cannot be read: {error}", is_certain=True)
        except StorageError as error:
            return Absent(error.code, f"the tiles cannot be read: {error}", is_certain=False)

    def _tree(self, size: int) -> Tiles:
        return self._trees.setdefault(size, Tiles(self._archive.log_store, size))

    def _anchor(self, anchor: Anchor) -> bytes | Absent:
        try:
            for number in range(1, _NOTES_LIMIT):
                note = self._archive.store.get(checkpoint_key(anchor.size, number))
                if sha256_hex(note) == anchor.note_sha256:
                    return note
        except ObjectMissing:
            pass
        except StorageError as error:
            return Absent(error.code, f"the checkpoint cannot be read: {error}", is_certain=False)
        detail = f"the checkpoint of {anchor.size} entries that the statement names is not there"
        return Absent(ObjectMissing.code, detail, is_certain=True)
