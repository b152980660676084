# SPDX-License-Identifier: Apache-2.0
"""Integrates entries into the tree: bundles and tiles are stored, then the new head is noted.

Any number of processes may do so at once, and any of them may die at any point: all write the
same bytes. Other bytes under a key of the log mean that there are two logs under one name; then
it stands still (`LOG_FORK_DETECTED`).
"""

from archive.errors import LogForkDetected, LogStopped, ObjectConflict
from archive.proofs.log_layout import tile_key
from archive.proofs.merkle import TreeHead, leaf_hash
from archive.proofs.tiles import WIDTH, tiles_between, write_bundle
from archive.translog.base import Log, State
from archive.translog.edge import Edge, edge_at

# A step ends where the tiles of two levels are full, so that few partial ones are made.
STEP = WIDTH * WIDTH


def integrate(log: Log) -> State:
    """The log's state with every entry that there was integrated.

    Raises LogForkDetected, LogStopped, StorageError, CatalogError.
    """
    edge: Edge | None = None
    while True:
        state = going(log)
        if state.integrated.size >= state.appended:
            return state
        if edge is None or edge.head != state.integrated:
            edge = edge_at(log.files, log.sequence, state.integrated)
        if edge is None:
            size = state.integrated.size
            raise halted(log, f"neither tiles nor entries give the root of the tree of {size}")
        end = min(state.appended, (state.integrated.size // STEP + 1) * STEP)
        _take(log, edge, end)
        # Another integrator may have gone another way to here: then its mark is read again.
        if not log.sequence.integrated(state.integrated, edge.head):
            edge = None


def going(log: Log) -> State:
    """The log's state, when it goes on. Raises LogStopped."""
    state = log.sequence.state()
    if state.fault is not None:
        raise LogStopped(f"the log stands still: {state.fault}; run `muniment audit`")
    return state


def halted(log: Log, fault: str) -> LogForkDetected:
    """The error to raise, once it is noted for everybody that the log stands still."""
    log.sequence.stop(fault)
    return LogForkDetected(f"{fault}: nothing is published any more; run `muniment audit`")


def _take(log: Log, edge: Edge, end: int) -> None:
    before: TreeHead = edge.head
    first = before.size // WIDTH * WIDTH
    entries = log.sequence.entries(first, end)
    if len(entries) != end - first:
        raise halted(log, f"the sequence lacks entries between {first} and {end}")
    begun = [leaf_hash(entry) for entry in entries[: before.size - first]]
    if begun != edge.unfinished:
        raise halted(log, f"entries before {before.size} are others than those in the tree")
    bundles = []
    for tile in tiles_between(before.size, end, None):
        start = tile.start - first
        bundle = write_bundle(entries[start : start + tile.width])
        bundles.append((tile_key(tile), bundle))
    hashes = [leaf_hash(entry) for entry in entries[before.size - first :]]
    tiles = [(tile_key(tile), data) for tile, data in edge.grow(hashes)]
    try:
        # Entries first: a rebuild then finds the order of all that ever was hashed into a tile.
        log.files.put_many(bundles)
        log.files.put_many(tiles)
    except ObjectConflict as error:
        raise halted(log, f"the log has two histories: {error}") from error
