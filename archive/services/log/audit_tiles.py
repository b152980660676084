# SPDX-License-Identifier: Apache-2.0
"""Holds every stored tile and bundle of the log against the entries that it must be made of.

Leaves are given one by one; memory holds one tile of each level.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from archive.errors import ObjectMissing, StorageError
from archive.proofs.log_layout import tile_key
from archive.proofs.merkle import leaf_hash, root_of
from archive.proofs.tiles import HEIGHT, WIDTH, Tile, levels_of, write_bundle
from archive.storage.base import Store

Place = tuple[int | None, int]


@dataclass(frozen=True, slots=True)
class TileDamage:
    """A tile or bundle that is not as the entries say. `is_certain` is as in `Damage`."""

    key: str
    code: str
    detail: str
    is_certain: bool = True


@dataclass
class _Level:
    """The tile of a level that is being filled."""

    index: int = 0
    held: list[bytes] = field(default_factory=list)


class TileAudit:
    """Compares as leaves come. `published` are the sizes of trees that must be whole."""

    def __init__(self, store: Store, stored: Iterable[Tile], published: Sequence[int]) -> None:
        self._store = store
        self._widths: dict[Place, set[int]] = {}
        for tile in stored:
            self._widths.setdefault((tile.level, tile.index), set()).add(tile.width)
        self._needed = _needed(published)
        self._largest = max(published, default=0)
        self._levels: dict[int | None, _Level] = {}
        self.damages: list[TileDamage] = []

    def add(self, entry: bytes) -> None:
        """The next leaf."""
        self._push(None, entry)
        self._push(0, leaf_hash(entry))

    def finish(self) -> None:
        """There are no more leaves: what is stored beyond them is named."""
        for level, found in self._levels.items():
            self._compare(level, found)
        for (level, index), widths in sorted(self._widths.items(), key=repr):
            for width in sorted(widths):
                if not self._is_beyond(Tile(level, index, width)):
                    continue  # a checkpoint says so of all of them at once
                detail = "it holds more entries than the catalogue does"
                self._name(Tile(level, index, width), "LOG_TRUNCATED", detail)

    def _push(self, level: int | None, item: bytes) -> None:
        found = self._levels.setdefault(level, _Level())
        found.held.append(item)
        if len(found.held) < WIDTH:
            return
        self._compare(level, found)
        if level is not None:
            self._push(level + 1, root_of(found.held))
        found.index, found.held = found.index + 1, []

    def _compare(self, level: int | None, found: _Level) -> None:
        place, width = (level, found.index), len(found.held)
        if not width:
            return
        stored = self._widths.pop(place, set())
        for there in sorted(stored):
            tile = Tile(level, found.index, there)
            if there > width and not self._is_beyond(tile):
                continue
            if there > width:
                detail = "it holds more entries than the catalogue does"
                self._name(tile, "LOG_TRUNCATED", detail)
            else:
                self._compare_bytes(tile, found.held[:there])
        needed = self._needed.get(place, set()) if WIDTH not in stored else set()
        is_whole = width == WIDTH and (found.index + 1) * WIDTH <= self._largest >> HEIGHT * (
            level or 0
        )
        for missing in (needed | ({WIDTH} if is_whole else set())) - stored:
            self._name(Tile(level, found.index, missing), "OBJECT_MISSING", "not in the store")

    def _is_beyond(self, tile: Tile) -> bool:
        """Whether the tile holds more than the largest tree that is published."""
        return tile.start + tile.width > self._largest >> HEIGHT * (tile.level or 0)

    def _compare_bytes(self, tile: Tile, held: Sequence[bytes]) -> None:
        wanted = write_bundle(held) if tile.level is None else b"".join(held)
        try:
            if self._store.get(tile_key(tile)) != wanted:
                self._name(tile, "LOG_INCONSISTENT", "it is not what the entries make of it")
        except ObjectMissing as error:
            self._name(tile, error.code, "not in the store")
        except StorageError as error:
            self._name(tile, error.code, str(error), is_certain=False)

    def _name(self, tile: Tile, code: str, detail: str, *, is_certain: bool = True) -> None:
        self.damages.append(TileDamage(tile_key(tile), code, detail, is_certain))


def _needed(published: Sequence[int]) -> dict[Place, set[int]]:
    """The partial tiles that trees of these sizes have."""
    needed: dict[Place, set[int]] = {}
    for size in published:
        for level in (None, *levels_of(size)):
            index, width = divmod(size >> HEIGHT * (level or 0), WIDTH)
            if width:
                needed.setdefault((level, index), set()).add(width)
    return needed
