# SPDX-License-Identifier: Apache-2.0
"""The transparency log for people and programs: its state, a proof of one entry, its files.

What is told here is told by the files that anybody can read, and not by the catalogue.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from archive.canonical import JsonValue
from archive.catalog import evidence
from archive.catalog import log as rows
from archive.checks.evidence import Absent
from archive.checks.log_evidence import key_of_log, witness_times
from archive.errors import LogError, NotFound
from archive.ids import RecordId
from archive.proofs.checkpoint import SignedCheckpoint, cosigned_moment
from archive.proofs.log_layout import LATEST, TILES, read_tile_key
from archive.proofs.log_policy import policy_text
from archive.services.context import Archive
from archive.services.log.told import LogReader
from archive.services.trust import trusted_keyset


@dataclass(frozen=True, slots=True)
class LogShown:
    """The newest checkpoint and who vouches for it. `pending` entries are not published yet.

    `vkey` is the log's verifier key, `policy` the file by which others verify its checkpoints;
    `fault` says why nothing is published any more, and is None while all is well.
    """

    note: bytes
    checkpoint: SignedCheckpoint
    vkey: str
    policy: str
    witnesses: tuple[tuple[str, str | None], ...]
    quorum: int
    pending: int
    fault: str | None

    @property
    def root(self) -> str:
        """The root hash in hex."""
        return self.checkpoint.head.root.hex()

    def to_json(self) -> JsonValue:
        """The members that the command line prints."""
        checkpoint = self.checkpoint.checkpoint
        return {
            "origin": checkpoint.origin,
            "size": checkpoint.head.size,
            "root": self.root,
            "note": self.note.decode("utf-8"),
            "vkey": self.vkey,
            "witnesses": [{"name": name, "cosigned_at": at} for name, at in self.witnesses],
            "quorum": self.quorum,
            "pending": self.pending,
            "fault": self.fault,
        }


def show_log(archive: Archive) -> LogShown:
    """The log as it is published now.

    Raises NotFound when there is none, or nothing in it; MalformedEvidence, StorageError.
    """
    keyset = trusted_keyset(archive)
    with archive.database.reading() as connection:
        head = rows.log_head_of(connection)
    if not keyset.logs or head is None:
        raise NotFound("this archive has no log: `muniment keys rotate` gives it one")
    if head.published == 0:
        raise NotFound("nothing is published in the log yet")
    note = archive.log_store.newest(LATEST)
    checkpoint = SignedCheckpoint.from_bytes(note)
    key = key_of_log(keyset, checkpoint.checkpoint.origin)
    if key is None:
        raise LogError(f"the keyset names no log {checkpoint.checkpoint.origin}: `muniment audit`")
    times = witness_times(checkpoint, keyset)
    return LogShown(
        note=note,
        checkpoint=checkpoint,
        vkey=key.to_text(),
        policy=policy_text(keyset),
        witnesses=tuple(
            (listed.name, _time(times.get(listed.name))) for listed in keyset.witnesses.keys
        ),
        quorum=keyset.witnesses.quorum,
        pending=max(head.appended - checkpoint.head.size, 0),
        fault=head.fault,
    )


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else cosigned_moment(seconds)


@dataclass(frozen=True, slots=True)
class Proven:
    """The proof that a statement is in the log: its leaf, and the proof file."""

    statement_sha256: str
    entry: bytes
    proof: bytes


def prove_logged(archive: Archive, target: RecordId | str) -> Proven:
    """The proof for a record, or for a statement by its digest.

    Raises NotFound when there is no such thing, or nothing of it is published yet.
    """
    digest = target if isinstance(target, str) else _statement_of(archive, target)
    told = LogReader(archive).told(digest)
    if isinstance(told.entry, Absent):
        raise NotFound(f"{told.entry.detail} {digest}")
    if isinstance(told.proof, Absent):
        raise NotFound(told.proof.detail)
    return Proven(digest, told.entry, told.proof)


def _statement_of(archive: Archive, record_id: RecordId) -> str:
    with archive.database.reading() as connection:
        row = evidence.capture_by_id(connection, str(record_id))
    if row is None:
        raise NotFound(f"there is no record {record_id}")
    return str(row.statement_sha256)


def log_index(archive: Archive, statement_sha256: str) -> int | None:
    """The index of a statement in the log, or None."""
    with archive.database.reading() as connection:
        found = rows.entry_of(connection, statement_sha256)
    return None if found is None else found[0]


def log_checkpoint(archive: Archive) -> bytes:
    """The newest checkpoint's note. Raises ObjectMissing, StorageError."""
    return archive.log_store.newest(LATEST)


def log_tile(archive: Archive, path: str) -> bytes:
    """A tile or bundle by its path below `tile/`. Raises NotFound, StorageError."""
    key = f"{TILES}{path}"
    if read_tile_key(key) is None:
        raise NotFound("that is not the name of a tile: see c2sp.org/tlog-tiles")
    return archive.store.get(key)


def read_notes(files: Sequence[bytes]) -> tuple[bytes, ...]:
    """Checkpoints from elsewhere, read once to see that they are some. Raises MalformedNote."""
    return tuple(SignedCheckpoint.from_bytes(data).to_bytes() for data in files)
