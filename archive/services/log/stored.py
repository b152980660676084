# SPDX-License-Identifier: Apache-2.0
"""Reads the log out of the store as anybody can: entries from bundles, notes by its key."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from archive.errors import MalformedEvidence, MalformedNote
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.log_layout import (
    CHECKPOINTS,
    TILES,
    read_checkpoint_key,
    read_tile_key,
    tile_key,
)
from archive.proofs.note import VerifierKey
from archive.proofs.tiles import WIDTH, Tile, read_bundle
from archive.storage.base import Store

_BUNDLES = f"{TILES}entries/"


@dataclass(frozen=True, slots=True)
class Published:
    """One note under `log/checkpoints/`; `number` is above 1 for one with more cosignatures."""

    key: str
    size: int
    number: int
    checkpoint: SignedCheckpoint


@dataclass
class Checkpoints:
    """Every published note that is the log's, by size and number; and what is none, and why."""

    found: list[Published] = field(default_factory=list)
    faults: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def newest(self) -> Published | None:
        """That of the largest tree, with the most cosignatures."""
        return self.found[-1] if self.found else None


def stored_checkpoints(store: Store, key: VerifierKey, size: int | None = None) -> Checkpoints:
    """The published notes, all or those of one size. Raises StorageError."""
    checkpoints = Checkpoints()
    for item in store.list(CHECKPOINTS if size is None else f"{CHECKPOINTS}{size}/"):
        named = read_checkpoint_key(item.key)
        if named is None:
            continue
        try:
            read = SignedCheckpoint.from_bytes(store.get(item.key))
        except MalformedNote as error:
            checkpoints.faults.append((item.key, error.code, str(error)))
            continue
        fault = _fault(read, key, named[0])
        if fault is None:
            checkpoints.found.append(Published(item.key, *named, read))
        else:
            checkpoints.faults.append((item.key, *fault))
    checkpoints.found.sort(key=lambda item: (item.size, item.number))
    return checkpoints


def _fault(read: SignedCheckpoint, key: VerifierKey, size: int) -> tuple[str, str] | None:
    if read.checkpoint.origin != key.name:
        return "CHECKPOINT_ORIGIN", f"it is of the log {read.checkpoint.origin}"
    if not read.judged(key).is_valid:
        return "CHECKPOINT_SIGNATURE", "it is not signed by the log's key"
    if read.head.size != size:
        return "LOG_INCONSISTENT", f"it is of a tree of {read.head.size}"
    return None


def stored_entries(store: Store) -> list[bytes]:
    """The entries that bundles hold, from the first up to the first that is in none.

    Raises StorageError. A bundle that cannot be read ends them.
    """
    entries: list[bytes] = []
    for tile in _widest_bundles(store):
        if tile.start != len(entries):
            break
        try:
            entries += read_bundle(store.get(tile_key(tile)), tile.width)
        except MalformedEvidence:
            break
        if tile.width < WIDTH:
            break
    return entries


def _widest_bundles(store: Store) -> Iterator[Tile]:
    widest: dict[int, Tile] = {}
    for item in store.list(_BUNDLES):
        tile = read_tile_key(item.key)
        if tile is not None and tile.level is None:
            known = widest.get(tile.index)
            if known is None or known.width < tile.width:
                widest[tile.index] = tile
    return (widest[index] for index in sorted(widest))
