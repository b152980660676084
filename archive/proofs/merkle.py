# SPDX-License-Identifier: Apache-2.0
"""Merkle trees as RFC 6962 (section 2.1) hashes them, and their proofs.

Verifying takes nothing on trust: a proof has exactly as many hashes as its sizes demand, an index
is below the size, every hash has 32 bytes. The order of hashes is that of RFC 9162 (2.1.3.2 and
2.1.4.2), whose verification these functions follow step by step.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Node = Callable[[int, int], bytes]
"""Gives the hash of the n-th complete subtree of 2^level leaves: `node(level, n)`."""


@dataclass(frozen=True, slots=True)
class TreeHead:
    """How many leaves a tree has, and its root hash."""

    size: int
    root: bytes


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf; its first byte keeps it apart from every node's."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over these leaf hashes."""
    hashes = list(leaves)
    if not hashes:
        return EMPTY_ROOT
    while len(hashes) > 1:
        hashes = level_above(hashes)
    return hashes[0]


def level_above(hashes: Sequence[bytes]) -> list[bytes]:
    """The hashes one level up; one that stands alone at the end goes up as it is."""
    sha256 = hashlib.sha256
    pairs = zip(hashes[::2], hashes[1::2], strict=False)
    above = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return [*above, hashes[-1]] if len(hashes) % 2 else above


def is_included(leaf: bytes, index: int, head: TreeHead, proof: Sequence[bytes]) -> bool:
    """Whether the proof leads from this leaf hash at this index to the root."""
    if not 0 <= index < head.size or not _are_hashes(leaf, head.root, *proof):
        return False
    place, last, found = index, head.size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == head.root


def is_consistent(old: TreeHead, new: TreeHead, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the new tree begins with all leaves of the old one.

    Of an empty tree nothing can be shown, so that it is consistent with none.
    """
    if not 0 < old.size <= new.size or not _are_hashes(old.root, new.root, *proof):
        return False
    if old.size == new.size:
        return not proof and old.root == new.root
    # The hash of an old tree that is one complete subtree is known and not repeated.
    path = [old.root, *proof] if old.size & (old.size - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = old.size - 1, new.size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old.root and after == new.root


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """The hashes that lead from a leaf to the root. Raises ValueError unless index < size."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    return [span_hash(start, end, node) for start, end in _siblings(index, 0, size)]


def consistency_proof(old_size: int, new_size: int, node: Node) -> list[bytes]:
    """The hashes that show growth from one size to the other; none when they are equal.

    Raises ValueError unless 0 < old_size <= new_size.
    """
    if not 0 < old_size <= new_size:
        raise ValueError(f"no growth from {old_size} to {new_size}")
    if old_size == new_size:
        return []
    spans = _subproof(old_size, 0, new_size, is_known=True)
    return [span_hash(start, end, node) for start, end in spans]


def span_hash(start: int, end: int, node: Node) -> bytes:
    """The hash of the leaves from start to end, which are a subtree of some tree."""
    found: bytes | None = None
    for level, place in reversed(list(complete_subtrees(start, end))):
        hashed = node(level, place)
        found = hashed if found is None else node_hash(hashed, found)
    return EMPTY_ROOT if found is None else found


def complete_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Level and place of the complete subtrees that together are this span, from the left."""
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


class Frontier:
    """The root of a tree that grows leaf by leaf, in memory of the order of its height."""

    def __init__(self) -> None:
        self.size = 0
        self._complete: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Grow by one leaf hash."""
        self.size += 1
        found, size = leaf, self.size
        while not size & 1:
            found = node_hash(self._complete.pop(), found)
            size >>= 1
        self._complete.append(found)

    @property
    def root(self) -> bytes:
        """The root hash of what was appended."""
        if not self._complete:
            return EMPTY_ROOT
        found = self._complete[-1]
        for left in reversed(self._complete[:-1]):
            found = node_hash(left, found)
        return found


def _are_hashes(*hashes: bytes) -> bool:
    return all(len(item) == HASH_BYTES for item in hashes)


def _split(start: int, end: int) -> int:
    """Where RFC 6962 splits a tree: after the largest power of two below its size."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def _siblings(index: int, start: int, end: int) -> list[tuple[int, int]]:
    path = []
    while end - start > 1:
        middle = _split(start, end)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def _subproof(old_end: int, start: int, end: int, *, is_known: bool) -> list[tuple[int, int]]:
    """RFC 6962's SUBPROOF: what is needed beside the old tree's own root, which is known."""
    if old_end == end:
        return [] if is_known else [(start, end)]
    middle = _split(start, end)
    if old_end <= middle:
        return [*_subproof(old_end, start, middle, is_known=is_known), (middle, end)]
    return [*_subproof(old_end, middle, end, is_known=False), (start, middle)]
