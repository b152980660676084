# SPDX-License-Identifier: Apache-2.0
"""Audits the log: its rows against the statements, its files and checkpoints against its rows.

Whoever has root in database and store can make all of these agree on another history. What that
cannot do is make it agree with a checkpoint that somebody else kept; so give it one.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from archive.catalog import log as rows
from archive.catalog.log import LogHead
from archive.checks.log_evidence import is_trusted
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, ObjectMissing, StorageError
from archive.model.log_entry import LogEntry
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.keyset import Keyset
from archive.proofs.log_layout import LATEST, TILES, checkpoint_key, read_tile_key
from archive.proofs.merkle import EMPTY_ROOT, Frontier, leaf_hash
from archive.proofs.note import VerifierKey
from archive.proofs.tiles import Tile
from archive.services.context import Archive
from archive.services.log.audit_tiles import TileAudit
from archive.services.log.stored import Checkpoints, stored_checkpoints, stored_entries
from archive.services.log.transparency import newest_log_of
from archive.services.trust import trusted_keyset

CHECKPOINT = "log.checkpoint"
ENTRY = "log.entry"
INCLUSION = "log.inclusion"
CONSISTENCY = "log.consistency"
GIVEN = "the checkpoint that was given"
_HEAD = "catalogue row of the log"
_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True)
class LogDamage:
    """Something of the log that is not sound, the claim that says so, and how.

    `names` are record ID and statement's digest where it is about one statement.
    """

    key: str
    claim: str
    code: str
    detail: str
    is_certain: bool = True
    names: tuple[str, ...] = ()


@dataclass
class _Found:
    """What one audit of the log has before it.

    `listed` are the sizes listed as published, read before the head and again behind it.
    """

    keyset: Keyset
    key: VerifierKey
    head: LogHead
    listed: tuple[frozenset[int], frozenset[int]]
    checkpoints: Checkpoints
    tiles: list[Tile]
    damages: list[LogDamage] = field(default_factory=list)
    roots: dict[int, bytes] = field(default_factory=dict)

    def name(self, key: str, claim: str, code: str, detail: str, *names: str) -> None:
        self.damages.append(LogDamage(key, claim, code, detail, names=names))

    def is_named(self, key: str) -> bool:
        return any(damage.key == key for damage in self.damages)


def audit_log(archive: Archive, pinned: Sequence[bytes] = ()) -> list[LogDamage]:
    """What is not sound, with checkpoints from elsewhere to hold the log against.

    Raises StorageError, CatalogError.
    """
    try:
        keyset = trusted_keyset(archive)
    except (MalformedEvidence, StorageError):
        return []  # the keyset's own damage is named already
    log = newest_log_of(archive, keyset)
    if log is None:
        detail = "the keyset names no log to hold it against"
        return [LogDamage(GIVEN, CONSISTENCY, "CHECKPOINT_ORIGIN", detail, False) for _ in pinned]
    # Files are listed first and rows read later, so that what is made meanwhile is no surplus.
    checkpoints = stored_checkpoints(archive.store, log.key)
    tiles = [tile for item in archive.store.list(TILES) if (tile := read_tile_key(item.key))]
    with archive.database.reading() as connection:
        before = frozenset(rows.every_checkpoint(connection))
        head = rows.log_head_of(connection)
        after = frozenset(rows.every_checkpoint(connection))
    if head is None:
        detail = "the keyset names a log, and the catalogue has none: run `muniment rebuild`"
        return [LogDamage(_HEAD, ENTRY, "NOT_CATALOGUED", detail)]
    found = _Found(keyset, log.key, head, (before, after), checkpoints, tiles)
    if head.fault is not None:
        found.name(_HEAD, CONSISTENCY, "LOG_STOPPED", f"nothing is published since: {head.fault}")
    others = _read_pinned(found, pinned)
    is_whole = _audit_rows(archive, found, [other.head.size for other in others])
    _audit_checkpoints(found, is_whole=is_whole)
    _audit_listed(archive, found)
    _audit_head(archive, found, is_whole=is_whole)
    _audit_anchors(archive, found)
    _hold_against(archive, found, others)
    return found.damages


def _read_pinned(found: _Found, pinned: Sequence[bytes]) -> list[SignedCheckpoint]:
    read = []
    for data in pinned:
        try:
            other = SignedCheckpoint.from_bytes(data)
        except MalformedEvidence as error:
            found.damages.append(LogDamage(GIVEN, CONSISTENCY, error.code, str(error), False))
            continue
        if is_trusted(other, found.keyset):
            read.append(other)
        else:
            detail = "it is not signed by the key of a log that the keyset names"
            found.damages.append(
                LogDamage(GIVEN, CONSISTENCY, "CHECKPOINT_SIGNATURE", detail, False)
            )
    return read


def _audit_rows(archive: Archive, found: _Found, sizes: Sequence[int]) -> bool:
    """Compare rows with statements, and tiles with rows; whether the rows are a whole sequence."""
    with archive.database.reading() as connection:
        due = {entry.statement_sha256: entry for entry in rows.every_due_entry(connection)}
    published = [item.size for item in found.checkpoints.found]
    wanted = {*published, *sizes, found.head.integrated, found.head.signed}
    tiles = TileAudit(archive.store, found.tiles, published)
    frontier, is_whole = Frontier(), True
    found.roots[0] = EMPTY_ROOT
    logged: set[str] = set()
    for index, digest, data in _rows(archive, found.head.appended):
        logged.add(digest)
        if index != frontier.size and is_whole:
            is_whole = False
            detail = f"the sequence has no entry {frontier.size}: run `muniment rebuild`"
            found.name(f"log entry {frontier.size}", ENTRY, "LOG_TRUNCATED", detail)
        entry = _audit_row(found, (index, digest, data), due.get(digest))
        if is_whole:
            frontier.append(leaf_hash(entry))
            tiles.add(entry)
            if frontier.size in wanted:
                found.roots[frontier.size] = frontier.root
    if is_whole:
        tiles.finish()
        for item in tiles.damages:
            found.damages.append(
                LogDamage(item.key, INCLUSION, item.code, item.detail, item.is_certain)
            )
        if frontier.size != found.head.appended:
            detail = f"it counts {found.head.appended} entries, and there are {frontier.size}"
            found.name(_HEAD, ENTRY, "CATALOG_DISAGREES", f"{detail}: run `muniment rebuild`")
    _audit_unlogged(archive, found, due, logged)
    return is_whole


def _rows(archive: Archive, end: int) -> Iterator[tuple[int, str, bytes]]:
    for start in range(0, end, _AT_ONCE):
        with archive.database.reading() as connection:
            found = rows.rows_between(connection, start, min(end, start + _AT_ONCE))
        yield from found


def _audit_row(found: _Found, row: tuple[int, str, bytes], due: LogEntry | None) -> bytes:
    """The entry as it must be: as logged, unless the row alone was altered."""
    index, digest, data = row
    name = f"log entry {index}"
    if due is not None and due.to_bytes() == data:
        return data
    if due is not None:
        detail = "the catalogue's entry is not that of the statement: run `muniment rebuild`"
        found.name(name, ENTRY, "LOG_ENTRY_MISMATCH", detail, digest)
        return due.to_bytes()
    try:
        entry = LogEntry.from_bytes(data)
    except MalformedEvidence as error:
        found.name(name, ENTRY, error.code, str(error), digest)
        return data
    if entry.statement_sha256 != digest:
        detail = "the catalogue lists it under another statement: run `muniment rebuild`"
        found.name(name, ENTRY, "LOG_ENTRY_MISMATCH", detail, digest)
        return data
    what = entry.record_id or f"the {entry.kind} {digest}"
    detail = f"{what} was logged, and the catalogue has no such statement"
    found.name(name, ENTRY, "OBJECT_MISSING", detail, digest, entry.record_id or digest)
    return data


def _audit_unlogged(
    archive: Archive, found: _Found, due: dict[str, LogEntry], logged: set[str]
) -> None:
    missing = [digest for digest in due if digest not in logged]
    with archive.database.reading() as connection:
        # What was recorded while this audit ran has its entry behind those that were read.
        late = rows.logged_among(connection, missing)
    for digest in sorted(set(missing) - late):
        detail = "the statement has no entry in the log: run `muniment rebuild`"
        what = due[digest].record_id or f"{due[digest].kind} {digest}"
        found.name(f"log entry of {what}", ENTRY, "LOG_NOT_INCLUDED", detail, digest)


def _audit_checkpoints(found: _Found, *, is_whole: bool) -> None:
    for key, code, detail in found.checkpoints.faults:
        found.name(key, CHECKPOINT, code, detail)
    for item in found.checkpoints.found:
        root = found.roots.get(item.size)
        if root is None and is_whole:
            detail = f"{item.size} entries are published, and the catalogue has fewer"
            found.name(item.key, CONSISTENCY, "LOG_TRUNCATED", detail)
        elif root is not None and root != item.checkpoint.head.root:
            detail = f"the first {item.size} entries have another root than was published"
            found.name(item.key, CONSISTENCY, "LOG_INCONSISTENT", detail)


def _audit_listed(archive: Archive, found: _Found) -> None:
    """Each checkpoint that the catalogue lists as published is there."""
    there = {item.size for item in found.checkpoints.found if item.number == 1}
    for size in sorted(found.listed[0] - there):
        key = checkpoint_key(size)
        if found.is_named(key):
            continue
        try:
            archive.store.get(key)  # which was published while this audit ran
        except ObjectMissing as error:
            found.name(key, CHECKPOINT, error.code, "not in the store, and listed as published")
        except StorageError as error:
            found.damages.append(LogDamage(key, CHECKPOINT, error.code, str(error), False))


def _audit_signed(found: _Found) -> None:
    """The marks in the head follow from each other: integrated, then signed, then published."""
    head, fault = found.head, ""
    try:
        signed = None if head.signed_note is None else SignedCheckpoint.from_bytes(head.signed_note)
    except MalformedEvidence:
        signed, fault = None, "its last signed checkpoint cannot be read"
    root = found.roots.get(head.signed)
    if signed is None:
        fault = fault or ("its last signed checkpoint is not there" if head.signed else "")
    elif not signed.judged(found.key).is_valid or signed.head.size != head.signed:
        fault = f"its last signed checkpoint is not the log's own of {head.signed} entries"
    elif root is not None and root != signed.head.root:
        fault = "its last signed checkpoint is of another tree"
    if not fault and not head.integrated >= head.signed >= head.published:
        fault = "it is further with signing than with tiles, or with publishing than with signing"
    before, after = found.listed
    is_listed = head.published in {0, *after} and head.published >= max(before, default=0)
    if not fault and head.fault is None and not is_listed:
        fault = f"it says that {head.published} entries are published, and the list says otherwise"
    if fault:
        found.name(_HEAD, CHECKPOINT, "CATALOG_DISAGREES", f"{fault}: run `muniment rebuild`")


def _audit_head(archive: Archive, found: _Found, *, is_whole: bool) -> None:
    head = found.head
    _audit_signed(found)
    if is_whole and found.roots.get(head.integrated) != head.root:
        detail = "the root of the integrated tree is another: run `muniment rebuild`"
        found.name(_HEAD, CONSISTENCY, "CATALOG_DISAGREES", detail)
    same = [item for item in found.checkpoints.found if item.size == head.published]
    notes = {item.checkpoint.to_bytes() for item in same}
    if head.published and head.published_note not in notes:
        key = checkpoint_key(head.published)
        if notes:
            detail = "the newest checkpoint is another in the catalogue: run `muniment rebuild`"
            found.name(_HEAD, CHECKPOINT, "CATALOG_DISAGREES", detail)
        elif not found.is_named(key):
            found.name(key, CHECKPOINT, "OBJECT_MISSING", "not in the store")
    if head.published:
        _audit_latest(archive, found)


def _audit_latest(archive: Archive, found: _Found) -> None:
    try:
        latest = SignedCheckpoint.from_bytes(archive.log_store.newest(LATEST))
    except ObjectMissing as error:
        found.name(LATEST, CHECKPOINT, error.code, "not in the store")
    except MalformedEvidence as error:
        found.name(LATEST, CHECKPOINT, error.code, str(error))
    except StorageError as error:
        found.damages.append(LogDamage(LATEST, CHECKPOINT, error.code, str(error), False))
    else:
        if not latest.judged(found.key).is_valid:
            detail = "it is not signed by the key of a log that the keyset names"
            found.name(LATEST, CHECKPOINT, "CHECKPOINT_SIGNATURE", detail)
        elif latest.head.size < found.head.published:
            detail = f"it has {latest.head.size} entries; {found.head.published} are published"
            found.name(LATEST, CONSISTENCY, "LOG_STALE", detail)
        elif not found.is_named(checkpoint_key(latest.head.size)):
            _hold_pointer(archive, found, latest)


def _hold_pointer(archive: Archive, found: _Found, latest: SignedCheckpoint) -> None:
    """What is pointed at is one of the checkpoints that were stored for good before."""
    size = latest.head.size
    same = [item.checkpoint for item in found.checkpoints.found if item.size == size]
    if latest in same:
        return
    try:
        # What was published, or cosigned further, while this audit ran.
        stored = stored_checkpoints(archive.store, found.key, size).found
    except StorageError as error:
        found.damages.append(LogDamage(LATEST, CHECKPOINT, error.code, str(error), False))
        return
    there = [item.checkpoint for item in stored]
    if latest in there:
        return
    if any(item.head == latest.head for item in there):
        detail = "it has other signatures than the checkpoints of its size that were published"
        found.name(LATEST, CHECKPOINT, "OBJECT_DIGEST_MISMATCH", detail)
    else:
        detail = f"no such checkpoint of {size} entries was published: a split view"
        found.name(LATEST, CONSISTENCY, "LOG_INCONSISTENT", detail)


def _audit_anchors(archive: Archive, found: _Found) -> None:
    """Each checkpoint that a capture names as published when it was signed is there."""
    there = {sha256_hex(item.checkpoint.to_bytes()) for item in found.checkpoints.found}
    named = {damage.key for damage in found.damages}
    with archive.database.reading() as connection:
        anchors = rows.every_anchor(connection)
        # Read behind them: what a capture could name was listed before.
        listed = set(rows.every_checkpoint(connection))
    known = {size for size, note_sha256 in anchors if note_sha256 in there}
    for size in sorted(known - listed):
        if found.head.fault is None and not found.is_named(checkpoint_key(size)):
            detail = f"it does not list the checkpoint of {size} entries that captures name"
            found.name(_HEAD, CHECKPOINT, "CATALOG_DISAGREES", f"{detail}: run `muniment rebuild`")
    for size in sorted(size for size, note_sha256 in anchors if note_sha256 not in there):
        key = checkpoint_key(size)
        if key not in named:
            named.add(key)
            detail = "captures name it as published when they were signed, and it is not there"
            found.name(key, CHECKPOINT, "OBJECT_MISSING", detail)


def _hold_against(archive: Archive, found: _Found, others: Sequence[SignedCheckpoint]) -> None:
    """Compare with checkpoints from elsewhere; where rows are gone, by the entries in bundles."""
    roots = found.roots
    beyond = {other.head.size for other in others} - roots.keys()
    if beyond:
        roots = {**_roots_of_bundles(archive, beyond), **roots}
    for other in others:
        size, root = other.head.size, roots.get(other.head.size)
        if root is None:
            detail = f"it has {size} entries, and neither catalogue nor store has so many"
            found.name(GIVEN, CONSISTENCY, "LOG_TRUNCATED", f"{detail}: the end is gone")
        elif root != other.head.root:
            detail = f"the first {size} entries are others than it commits to"
            found.name(GIVEN, CONSISTENCY, "LOG_INCONSISTENT", f"{detail}: the past was changed")


def _roots_of_bundles(archive: Archive, sizes: Collection[int]) -> dict[int, bytes]:
    frontier, roots = Frontier(), {}
    for entry in stored_entries(archive.store):
        frontier.append(leaf_hash(entry))
        if frontier.size in sizes:
            roots[frontier.size] = frontier.root
    return roots
