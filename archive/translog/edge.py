# SPDX-License-Identifier: Apache-2.0
"""The right edge of a tree: all that is needed to grow it, in a few hundred hashes.

Growing gives the tiles that the larger tree has and the smaller has not, and nothing else: they
are a function of the leaves alone, however often and in whatever steps the tree is grown.
"""

from collections.abc import Sequence

from archive.errors import MalformedProof, ObjectMissing
from archive.proofs.log_layout import tile_key
from archive.proofs.merkle import (
    EMPTY_ROOT,
    TreeHead,
    complete_subtrees,
    leaf_hash,
    node_hash,
    root_of,
)
from archive.proofs.tiles import HEIGHT, WIDTH, Tile, levels_of, read_tile
from archive.translog.base import EntrySequence, Files

_AT_ONCE = WIDTH * WIDTH


class Edge:
    """For each level the hashes of the tile that is not full yet."""

    def __init__(self) -> None:
        self.size = 0
        self._partial: list[list[bytes]] = []

    @classmethod
    def of_tiles(cls, files: Files, size: int) -> "Edge":
        """The edge that the stored tiles of a tree of this size have.

        Raises ObjectMissing, MalformedProof, and StorageError when they cannot be read.
        """
        edge = cls()
        edge.size = size
        for level in levels_of(size):
            count = size >> HEIGHT * level
            index, width = divmod(count, WIDTH)
            stored = files.get(tile_key(Tile(level, index, width))) if width else b""
            edge._partial.append(read_tile(stored, width))
        return edge

    @classmethod
    def of_entries(cls, sequence: EntrySequence, size: int) -> "Edge":
        """The edge of a tree of this size, out of all of its entries."""
        edge = cls()
        for start in range(0, size, _AT_ONCE):
            entries = sequence.entries(start, min(size, start + _AT_ONCE))
            edge.grow([leaf_hash(entry) for entry in entries])
        return edge

    @property
    def unfinished(self) -> list[bytes]:
        """The leaf hashes of the tile that is not full yet."""
        return self._partial[0] if self._partial else []

    @property
    def head(self) -> TreeHead:
        """The tree's size and root."""
        found: bytes | None = None
        for hashes in self._partial:
            parts = list(complete_subtrees(0, len(hashes)))
            for level, place in reversed(parts):
                part = root_of(hashes[place << level : (place + 1) << level])
                found = part if found is None else node_hash(part, found)
        return TreeHead(self.size, EMPTY_ROOT if found is None else found)

    def grow(self, leaves: Sequence[bytes]) -> list[tuple[Tile, bytes]]:
        """The tiles that are new when these leaf hashes come on."""
        made: list[tuple[Tile, bytes]] = []
        level, new, before = 0, list(leaves), self.size
        while new:
            if level == len(self._partial):
                self._partial.append([])
            first = (before >> HEIGHT * level) // WIDTH
            hashes = self._partial[level] + new
            full, above = len(hashes) // WIDTH, []
            for number in range(full):
                tile = hashes[number * WIDTH : (number + 1) * WIDTH]
                made.append((Tile(level, first + number), b"".join(tile)))
                above.append(root_of(tile))
            rest = hashes[full * WIDTH :]
            if rest:
                made.append((Tile(level, first + full, len(rest)), b"".join(rest)))
            self._partial[level] = rest
            level, new = level + 1, above
        self.size += len(leaves)
        return made


def edge_at(files: Files, sequence: EntrySequence, head: TreeHead) -> Edge | None:
    """The edge of the tree with this head, or None when neither tiles nor entries have its root.

    A tile that somebody damaged is no reason to stand still: the entries say the same.
    """
    try:
        edge = Edge.of_tiles(files, head.size)
    except (ObjectMissing, MalformedProof):
        edge = None
    if edge is None or edge.head != head:
        edge = Edge.of_entries(sequence, head.size)
    return edge if edge.head == head else None
