# SPDX-License-Identifier: Apache-2.0
"""How a log's tree and entries are cut into files (c2sp.org/tlog-tiles): names and contents.

A tile holds 256 hashes of one level, or fewer at the right edge of a tree (a partial tile); each
hash of a level is that of a full tile below. Entry bundles are cut the same way.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from archive.errors import MalformedProof
from archive.proofs.merkle import HASH_BYTES

WIDTH = 256
HEIGHT = 8
ENTRY_LIMIT = 2**16 - 1
_PATH = re.compile(
    r"tile/(entries|0|[1-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/([1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?"
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One file of the tree; `level` is None for a bundle of entries."""

    level: int | None
    index: int
    width: int = WIDTH

    @classmethod
    def from_path(cls, path: str) -> Self:
        """The tile that a path names, in its one spelling. Raises MalformedProof."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise MalformedProof(f"not the path of a tile: {path[:80]!r}")
        level = None if match[1] == "entries" else int(match[1])
        index = int(match[2].replace("x", "").replace("/", ""))
        tile = cls(level, index, int(match[3]) if match[3] else WIDTH)
        if tile.path != path:
            raise MalformedProof(f"not the path of a tile: {path[:80]!r}")
        return tile

    @property
    def path(self) -> str:
        """The path below the log's prefix."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
        named = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        kind = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{kind}/{named}{partial}"

    @property
    def start(self) -> int:
        """The place of its first hash among those of its level."""
        return self.index * WIDTH


def tiles_between(old: int, new: int, level: int | None) -> Iterator[Tile]:
    """The tiles of a level that a tree of the new size has, and one of the old size has not."""
    shift = HEIGHT * (level or 0)
    before, after = old >> shift, new >> shift
    for index in range(before // WIDTH, -(-after // WIDTH)):
        width = min(WIDTH, after - index * WIDTH)
        if index * WIDTH + width > before:
            yield Tile(level, index, width)


def levels_of(size: int) -> range:
    """The levels in which a tree of this size has a tile."""
    count = 0
    while size >> (HEIGHT * count):
        count += 1
    return range(count)


def read_tile(data: bytes, width: int) -> list[bytes]:
    """The hashes of a tile of this width. Raises MalformedProof."""
    if len(data) != width * HASH_BYTES:
        raise MalformedProof(f"a tile of {len(data)} bytes has not {width} hashes")
    return [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]


def write_bundle(entries: Sequence[bytes]) -> bytes:
    """The bundle of these entries."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def read_bundle(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle of this width. Raises MalformedProof."""
    entries: list[bytes] = []
    place = 0
    while place < len(data):
        end = place + 2 + int.from_bytes(data[place : place + 2], "big")
        if place + 2 > len(data) or end > len(data) or len(entries) == width:
            raise MalformedProof("a bundle of entries that ends early, or goes on")
        entries.append(data[place + 2 : end])
        place = end
    if len(entries) != width:
        raise MalformedProof(f"a bundle of {len(entries)} entries, not {width}")
    return entries
