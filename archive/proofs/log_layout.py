# SPDX-License-Identifier: Apache-2.0
"""Where the files of a log lie in a store: the names, as functions, and read back.

All are written once, but for `log/checkpoint`, which holds the newest checkpoint.
"""

import re

from archive.errors import MalformedProof
from archive.proofs.tiles import Tile

PREFIX = "log/"
TILES = f"{PREFIX}tile/"
LATEST = f"{PREFIX}checkpoint"
CHECKPOINTS = f"{PREFIX}checkpoints/"
_CHECKPOINT = re.compile(rf"{CHECKPOINTS}([1-9][0-9]{{0,18}})/checkpoint(?:\.([2-9]|[1-9][0-9]))?")


def tile_key(tile: Tile) -> str:
    """The key of a tile or a bundle."""
    return f"{PREFIX}{tile.path}"


def checkpoint_key(size: int, number: int = 1) -> str:
    """The key of a published note; with a number above 1, of one with more cosignatures."""
    further = "" if number == 1 else f".{number}"
    return f"{CHECKPOINTS}{size}/checkpoint{further}"


def read_tile_key(key: str) -> Tile | None:
    """The tile or bundle that a key names, or None."""
    try:
        return Tile.from_path(key.removeprefix(PREFIX)) if key.startswith(TILES) else None
    except MalformedProof:
        return None


def read_checkpoint_key(key: str) -> tuple[int, int] | None:
    """Size and number of the published note that a key names, or None."""
    match = _CHECKPOINT.fullmatch(key)
    return None if match is None else (int(match[1]), int(match[2] or 1))
