# SPDX-License-Identifier: Apache-2.0
"""Takes bytes out of the archive for good, by a signed statement that says which and why.

First it is planned: what goes with the parts that were named, which records lean on the same
bytes, and who holds the same words elsewhere. Then, in an order in which a crash at any point is
finished by `recover` or `rebuild`: the new files are stored and read back, the statement is
signed, the rows come, and last the old files are erased.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from archive.canonical import JsonValue
from archive.catalog import sequence
from archive.catalog.sequence import Reservation
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.errors import InputError, ObjectConflict, StorageRefused
from archive.ids import RecordId
from archive.model.inventory import Container
from archive.model.redaction import Cut, Redaction, Replacement
from archive.model.withdrawal import REASON_CODES
from archive.services.acts.declare import check_reason, require_record
from archive.services.acts.redaction_plan import RedactionPlan, Wanted, plan_redaction
from archive.services.context import Archive, signing_key
from archive.services.custody import note_key_use
from archive.services.effects.erase import finish_redactions
from archive.services.import_lock import sole_importer
from archive.services.ownership import REDACTION, this_process
from archive.services.statements.assertion import Assertion, state
from archive.services.trust import trusted_keyset
from archive.storage.layout import blob_key
from archive.warc.read import read_record

_CHUNK_BYTES = 1 << 20
# One redaction at a time: two that cut the same file would each keep what the other removes.
_LOCK = sha256_hex(b"redaction")


@dataclass(frozen=True, slots=True)
class Why:
    """Why bytes are removed, by code and in words; and whether locks on them are bypassed.

    `agreed` is the plan that was shown to whoever said yes: nothing else is done then.
    """

    reason_code: str
    reason: str
    bypass_lock: bool = False
    agreed: RedactionPlan | None = None


@dataclass(frozen=True, slots=True)
class Redacted:
    """What was removed, by which statement; `left` are files that could not be erased yet."""

    redaction: Redaction
    statement_sha256: str
    left: tuple[tuple[str, str], ...]

    def to_json(self) -> JsonValue:
        """The redaction as the command line and the API tell it."""
        said = self.redaction
        return {
            "id": str(said.record),
            "statement_sha256": self.statement_sha256,
            "reason_code": said.reason_code,
            "reason": said.reason,
            "at": said.at,
            "actor": said.actor,
            "removed": [part.to_json() for part in said.removed],
            "moved": [str(record) for record in said.moved],
            "replaced": [item.to_json() for item in said.replaced],
            "not_erased": [{"object": key, "detail": detail} for key, detail in self.left],
        }


def redact(archive: Archive, record_id: RecordId, wanted: Wanted, why: Why, actor: str) -> Redacted:
    """The parts removed for good, with all that goes with them.

    Raises NotFound, InputError (nothing to remove), StorageRefused before anything is done when
    what is to be erased is locked and the lock is not bypassed, SigningError, StorageError.
    """
    check_reason(why.reason)
    if why.reason_code not in REASON_CODES:
        raise InputError(f"reason_code: say one of {', '.join(REASON_CODES)}")
    with sole_importer(archive, _LOCK, lambda: None):
        plan = plan_redaction(archive, record_id, wanted)
        if why.agreed not in {None, plan}:
            raise InputError("what would be removed is not what was shown any more: look again")
        refuse_locked(archive, plan, bypass_lock=why.bypass_lock)
        intent = _intend(archive)
        replaced = [_rewritten(archive, item.old, item.spans) for item in plan.containers]
        replaced += [Replacement(source, None, ()) for source in plan.sources]
        said = Redaction(
            record=record_id,
            reason_code=why.reason_code,
            reason=why.reason,
            removed=plan.removed,
            moved=plan.moved,
            replaced=tuple(sorted(replaced, key=lambda item: item.old.sha256)),
            at=rfc3339(archive.clock.now()),
            actor=actor,
        )
        statement_sha256 = _sign(archive, said)
        left = finish_redactions(archive, bypass_lock=why.bypass_lock)
        with archive.database.writing() as connection:
            sequence.forget(connection, intent.kind, intent.number)
    return Redacted(said, statement_sha256, tuple(left))


def refuse_locked(archive: Archive, plan: RedactionPlan, *, bypass_lock: bool) -> None:
    """Raise StorageRefused when a file is locked in a way that the erasure would not get past."""
    now = archive.clock.now()
    for container in plan.erased:
        key = blob_key(container.sha256)
        lock = archive.store.lock_of(key)
        is_kept = lock.until is not None and lock.until > now
        if lock.mode == "COMPLIANCE" and is_kept and lock.until is not None:
            raise StorageRefused(
                f"{key} is locked until {rfc3339(lock.until)} so that nobody can erase it"
            )
        if (is_kept or lock.is_held) and not bypass_lock:
            raise StorageRefused(
                f"{key} is locked: to erase it all the same, bypass the lock (--bypass-lock)"
            )


def _intend(archive: Archive) -> Reservation:
    number = int.from_bytes(archive.random_bytes(6), "big")
    intent = Reservation(REDACTION, number, this_process(), rfc3339(archive.clock.now()))
    with archive.database.appending() as connection:
        sequence.intend(connection, [intent])
    return intent


def _sign(archive: Archive, said: Redaction) -> str:
    about = (require_record(archive, said.record),)
    key = signing_key(archive, trusted_keyset(archive))
    note_key_use(archive, key)
    [stated] = state(archive, key, [Assertion("redaction", said.to_json(), about)])
    return stated.row.statement_sha256


def _rewritten(archive: Archive, old: Container, spans: Sequence[tuple[int, int]]) -> Replacement:
    """The file without these ranges, stored and read back.

    Raises ObjectConflict when it is not the file that its digest names: whatever was done to it
    would be signed as what remains.
    """
    key = blob_key(old.sha256)
    cuts = tuple(_cut(archive, key, offset, length) for offset, length in spans)
    size = old.size - sum(cut.length for cut in cuts)
    with tempfile.NamedTemporaryFile(prefix="muniment-redact-") as file:
        if _write_without(archive, key, cuts, file) != old.sha256:
            raise ObjectConflict(
                f"{key} has other bytes than its digest says: put it back from a mirror first"
            )
        if size == 0:
            return Replacement(old, None, cuts)
        file.flush()
        path = Path(file.name)
        sha256 = _digest_of(path)
        archive.store.put_file(blob_key(sha256), path, sha256)
    stored = sha256_of(archive.store.stream(blob_key(sha256)))
    if stored != sha256:
        raise ObjectConflict(f"{blob_key(sha256)} reads back as other bytes than were stored")
    return Replacement(old, Container(sha256, size), cuts)


def _cut(archive: Archive, key: str, offset: int, length: int) -> Cut:
    member = archive.store.get_range(key, offset, length)
    record = read_record(member)
    return Cut(offset, length, record.record_id, record.type, sha256_hex(member))


def _write_without(archive: Archive, key: str, cuts: Sequence[Cut], file: IO[bytes]) -> str:
    """Write all but the cuts; the digest of the whole, cuts and all, as it was read for that."""
    digest, start = hashlib.sha256(), 0
    for chunk in archive.store.stream(key):
        digest.update(chunk)
        for piece in _kept(chunk, start, cuts):
            file.write(piece)
        start += len(chunk)
    return digest.hexdigest()


def _kept(chunk: bytes, start: int, cuts: Sequence[Cut]) -> Iterator[bytes]:
    """What no cut takes of the chunk that begins at `start`."""
    at, end = start, start + len(chunk)
    for cut in cuts:
        if cut.offset >= end:
            break
        if cut.offset > at:
            yield chunk[at - start : cut.offset - start]
        at = max(at, cut.offset + cut.length)
    if at < end:
        yield chunk[at - start :]


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return sha256_of(iter(lambda: file.read(_CHUNK_BYTES), b""))


def sha256_of(chunks: Iterator[bytes]) -> str:
    """The SHA-256 of a stream."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
