# SPDX-License-Identifier: Apache-2.0
"""Proofs out of tiles: a few reads for a tree of any size.

What comes out is as good as the tiles are; whoever uses it verifies it against a root.
"""

from archive.errors import ObjectMissing
from archive.proofs.log_layout import tile_key
from archive.proofs.merkle import consistency_proof, inclusion_proof, root_of
from archive.proofs.tiles import HEIGHT, WIDTH, Tile, read_tile
from archive.translog.base import Files


class Tiles:
    """The tiles of a tree of one size, each read once.

    Raises ObjectMissing, MalformedProof, StorageError from every method.
    """

    def __init__(self, files: Files, size: int) -> None:
        self._files = files
        self._size = size
        self._read: dict[tuple[int, int], list[bytes]] = {}

    def inclusion(self, index: int) -> list[bytes]:
        """The proof that the leaf with this index is in the tree."""
        return inclusion_proof(index, self._size, self._node)

    def consistency(self, old_size: int) -> list[bytes]:
        """The proof that the tree grew out of that of another size."""
        return consistency_proof(old_size, self._size, self._node)

    def _node(self, level: int, place: int) -> bytes:
        above, below = divmod(level, HEIGHT)
        first = place << below
        hashes = self._tile(above, first // WIDTH)
        start = first % WIDTH
        return root_of(hashes[start : start + (1 << below)])

    def _tile(self, level: int, index: int) -> list[bytes]:
        if (level, index) not in self._read:
            width = min(WIDTH, (self._size >> HEIGHT * level) - index * WIDTH)
            self._read[level, index] = self._stored(Tile(level, index, width))
        return self._read[level, index]

    def _stored(self, tile: Tile) -> list[bytes]:
        try:
            return read_tile(self._files.get(tile_key(tile)), tile.width)
        except ObjectMissing:
            if tile.width == WIDTH:
                raise
        # A partial tile may be gone once the full one is there.
        full = Tile(tile.level, tile.index)
        return read_tile(self._files.get(tile_key(full)), WIDTH)[: tile.width]
