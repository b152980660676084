# SPDX-License-Identifier: Apache-2.0
"""Takes the log's sequence back out of the store, for a rebuild: what is logged keeps its place.

Entry bundles are stored before any tile or checkpoint is made of them. So the order of all that
was ever signed or shown to anybody is in the bundles, and what is in none may come in any order:
in that of the digests.
"""

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from archive.catalog import log
from archive.errors import MalformedEvidence
from archive.model.log_entry import LogEntry
from archive.proofs.keyset import Keyset
from archive.proofs.merkle import EMPTY_ROOT, leaf_hash, root_of
from archive.services.context import Archive
from archive.services.log.stored import Published, stored_checkpoints, stored_entries
from archive.services.log.transparency import newest_log_of
from archive.storage.layout import read_key

Fault = tuple[str, str, str]


def relog(
    archive: Archive, keyset: Keyset, connection: Connection, left_out: Sequence[Fault]
) -> list[Fault]:
    """Begin the log anew in this transaction, after every statement was taken in.

    What does not hold is named as `(object, code, detail)`, but for entries of statements that
    were left out and named. Where published checkpoints are contradicted the log stands still.
    Raises StorageError.
    """
    log.forget(connection)
    written_to = newest_log_of(archive, keyset)
    if written_to is None:
        return []
    log.begin(connection, EMPTY_ROOT)
    checkpoints = stored_checkpoints(archive.store, written_to.key)
    newest = checkpoints.newest
    due = {entry.statement_sha256: entry for entry in log.every_due_entry(connection)}
    entries = stored_entries(archive.store)
    named = {read_key(key).name for key, _, _ in left_out}
    kept, faults = _kept(entries, newest.size if newest else 0, due, named)
    log.append_logged(connection, kept)
    log.append(connection, log.unlogged(connection))
    log.note_checkpoints(connection, sorted({item.size for item in checkpoints.found}))
    if newest is not None:
        fault = _contradiction([entry for _, entry in kept], newest)
        if fault is None:
            _note_published(connection, newest)
        else:
            faults.append(fault)
            log.stop(connection, f"{fault[0]}: {fault[2]}")
    return [*checkpoints.faults, *faults]


def _kept(
    entries: Sequence[bytes], published: int, due: dict[str, LogEntry], named: set[str]
) -> tuple[list[tuple[str, bytes]], list[Fault]]:
    """The entries that keep their place, each with the digest of its statement.

    What is published keeps it in any case. Behind that, bundles count as far as each entry is
    that of a statement which was taken in: whoever can add a file must not add to the log.
    """
    kept: list[tuple[str, bytes]] = []
    faults: list[Fault] = []
    seen: set[str] = set()
    for index, data in enumerate(entries):
        try:
            entry = LogEntry.from_bytes(data)
        except MalformedEvidence as error:
            faults.append((_named(index), error.code, str(error)))
            break
        digest = entry.statement_sha256
        is_due = due.get(digest) == entry
        if digest in seen or not (is_due or index < published):
            faults.append((_named(index), "LOG_ENTRY_MISMATCH", "it is of no statement taken in"))
            break
        if digest not in due and not named & {digest, entry.record_id}:
            detail = f"there is no statement {digest}: it was taken away after it was logged"
            faults.append((_named(index), "OBJECT_MISSING", detail))
        elif digest in due and not is_due:
            detail = f"it differs from what statement {digest} and its envelope give"
            faults.append((_named(index), "LOG_ENTRY_MISMATCH", detail))
        seen.add(digest)
        kept.append((digest, data))
    return kept, faults


def _named(index: int) -> str:
    return f"log entry {index}"


def _contradiction(kept: Sequence[bytes], newest: Published) -> Fault | None:
    if len(kept) < newest.size:
        detail = f"{newest.size} entries are published, and {len(kept)} can be read"
        return newest.key, "LOG_TRUNCATED", detail
    if root_of([leaf_hash(entry) for entry in kept[: newest.size]]) != newest.checkpoint.head.root:
        return newest.key, "LOG_INCONSISTENT", "the entries have another root than was published"
    return None


def _note_published(connection: Connection, newest: Published) -> None:
    head, note = newest.checkpoint.head, newest.checkpoint.to_bytes()
    log.note_integrated(connection, 0, head.size, head.root)
    log.note_signed(connection, 0, head.size, note)
    log.note_published(connection, head.size, note)
