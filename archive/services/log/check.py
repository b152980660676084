# SPDX-License-Identifier: Apache-2.0
"""Checks the log by its files alone, as anybody outside can: entries, tiles, every checkpoint.

The catalogue is not asked. With a checkpoint that was kept elsewhere it shows, too, whether this
is the log of that day grown longer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from archive.canonical import JsonValue
from archive.checks.log_evidence import is_trusted, key_of_log
from archive.errors import MalformedEvidence, NotFound, ObjectMissing
from archive.model.log_entry import LogEntry
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.log_layout import LATEST, TILES, read_tile_key
from archive.proofs.merkle import EMPTY_ROOT, Frontier, leaf_hash
from archive.services.context import Archive
from archive.services.log.audit_tiles import TileAudit
from archive.services.log.stored import stored_checkpoints, stored_entries
from archive.services.trust import trusted_keyset

Progress = Callable[[int, int], None]
GIVEN = "given checkpoint"


@dataclass(frozen=True, slots=True)
class LogFault:
    """Something of the log that does not hold. `is_certain` is false when it was not readable."""

    key: str
    code: str
    detail: str
    is_certain: bool = True


@dataclass
class LogChecked:
    """What was read, and what does not hold."""

    origin: str = ""
    size: int = 0
    root: str = ""
    checkpoints: int = 0
    tiles: int = 0
    given: int = 0
    faults: list[LogFault] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 all holds, 1 something does not, 2 something could not be read."""
        if any(fault.is_certain for fault in self.faults):
            return 1
        return 2 if self.faults else 0

    def name(self, key: str, code: str, detail: str) -> None:
        """Note a fault."""
        self.faults.append(LogFault(key, code, detail))

    def to_json(self) -> JsonValue:
        """The members that the command line prints."""
        return {
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "checkpoints": self.checkpoints,
            "tiles": self.tiles,
            "given": self.given,
            "faults": [
                {
                    "object": fault.key,
                    "code": fault.code,
                    "detail": fault.detail,
                    "is_certain": fault.is_certain,
                }
                for fault in self.faults
            ],
            "is_sound": not self.faults,
        }


def check_log(archive: Archive, given: Sequence[bytes], progress: Progress) -> LogChecked:
    """Read the whole log; `given` are checkpoints from elsewhere.

    Raises NotFound without a log, MalformedEvidence for a note that is none (given, or the
    newest), StorageError.
    """
    keyset = trusted_keyset(archive)
    others = [SignedCheckpoint.from_bytes(data) for data in given]
    checked = LogChecked(given=len(others))
    try:
        latest = SignedCheckpoint.from_bytes(archive.log_store.newest(LATEST))
    except ObjectMissing as error:
        raise NotFound("there is no checkpoint in the store: nothing was published") from error
    key = key_of_log(keyset, latest.checkpoint.origin)
    if key is None or not is_trusted(latest, keyset):
        checked.name(LATEST, "CHECKPOINT_SIGNATURE", "it is not signed by a log of the keyset")
        return checked
    checked.origin, checked.size = key.name, latest.head.size
    checked.root = latest.head.root.hex()
    checkpoints = stored_checkpoints(archive.store, key)
    for fault in checkpoints.faults:
        checked.name(*fault)
    checked.checkpoints = len(checkpoints.found)
    heads = {
        LATEST: latest.head,
        **{item.key: item.checkpoint.head for item in checkpoints.found},
    }
    for number, other in enumerate(others, start=1):
        name = GIVEN if len(others) == 1 else f"{GIVEN} {number}"
        if other.checkpoint.origin == key.name and is_trusted(other, keyset):
            heads[name] = other.head
        else:
            detail = f"it is not signed by the key of the log {key.name}"
            checked.faults.append(LogFault(name, "CHECKPOINT_SIGNATURE", detail, False))
    newest = checkpoints.newest
    if newest is not None and newest.size > latest.head.size:
        # Or another process publishes just now.
        detail = f"it has {latest.head.size} entries; {newest.size} are published"
        checked.faults.append(LogFault(LATEST, "LOG_STALE", detail, False))
    roots = _roots(archive, checked, [item.size for item in checkpoints.found], progress)
    for name, head in heads.items():
        if head.size not in roots:
            detail = f"it has {head.size} entries, and the bundles have fewer"
            checked.name(name, "LOG_TRUNCATED", detail)
        elif roots[head.size] != head.root:
            detail = f"the first {head.size} entries are others than it commits to"
            checked.name(name, "LOG_INCONSISTENT", detail)
    return checked


def _roots(
    archive: Archive, checked: LogChecked, published: Sequence[int], progress: Progress
) -> dict[int, bytes]:
    """The root of each tree that the entries make, from the first entry to the last."""
    listed = [tile for item in archive.store.list(TILES) if (tile := read_tile_key(item.key))]
    entries = stored_entries(archive.store)
    tiles, frontier = TileAudit(archive.store, listed, published), Frontier()
    roots = {0: EMPTY_ROOT}
    for index, data in enumerate(entries):
        try:
            LogEntry.from_bytes(data)
        except MalformedEvidence as error:
            checked.name(f"log entry {index}", error.code, str(error))
        tiles.add(data)
        frontier.append(leaf_hash(data))
        roots[frontier.size] = frontier.root
        progress(frontier.size, len(entries))
    tiles.finish()
    checked.tiles = len(listed)
    checked.faults += [
        LogFault(item.key, item.code, item.detail, item.is_certain) for item in tiles.damages
    ]
    return roots
