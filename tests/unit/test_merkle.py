# SPDX-License-Identifier: Apache-2.0
"""Merkle trees: the printed constants, all published vectors, and proofs of every small tree."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from archive.proofs.merkle import (
    EMPTY_ROOT,
    Frontier,
    TreeHead,
    complete_subtrees,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    node_hash,
    root_of,
)

VECTORS = Path(os.environ.get("MUNIMENT_TEST_DATA", "../shared/data")) / "vectors/merkle"
# The inputs and roots of the reference tree of RFC 6962's authors, of one to eight leaves.
INPUTS = [
    bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")
] + [bytes(range(0x60, 0x70))]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(leaves: list[bytes]) -> bytes:
    """The definition, word for word (RFC 6962, 2.1), over leaf hashes."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(mth(leaves[:split]), mth(leaves[split:]))


def a_tree(size: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(size)]


def node_of(leaves: list[bytes]) -> Any:
    return lambda level, place: mth(leaves[place << level : (place + 1) << level])


def test_the_printed_roots_of_one_to_eight_leaves() -> None:
    leaves = [leaf_hash(item) for item in INPUTS]
    assert [root_of(leaves[: size + 1]).hex() for size in range(8)] == ROOTS
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of([]) == EMPTY_ROOT


def test_three_ways_to_a_root_agree() -> None:
    leaves, frontier = a_tree(300), Frontier()
    for size in range(301):
        assert root_of(leaves[:size]) == mth(leaves[:size]) == frontier.root
        if size < 300:
            frontier.append(leaves[size])


def test_every_proof_of_every_tree_of_up_to_33_leaves_holds_and_no_neighbour_of_it_does() -> None:
    leaves, count = a_tree(34), 0
    for size in range(1, 34):
        head = TreeHead(size, mth(leaves[:size]))
        for index in range(size):
            proof = inclusion_proof(index, size, node_of(leaves))
            assert is_included(leaves[index], index, head, proof)
            count += 1
            assert not is_included(leaves[index], index, head, [*proof, proof[0] if proof else b""])
            assert not is_included(leaves[index], index, head, [*proof, bytes(32)])
            assert not is_included(leaves[index + 1], index, head, proof)
            assert not is_included(leaves[index], size, head, proof)
            assert not is_included(leaves[index], -1, head, proof)
            if proof:
                assert not is_included(leaves[index], index, head, proof[:-1])
                assert not is_included(leaves[index], index, head, proof[1:])
                assert not is_included(leaves[index], index, head, [proof[0][:31], *proof[1:]])
            for other in range(size):
                is_same = other == index
                assert is_included(leaves[index], other, head, proof) == is_same
    assert count == 33 * 34 // 2


def test_every_growth_up_to_33_leaves_is_shown_and_no_other() -> None:
    leaves = a_tree(34)
    heads = [TreeHead(size, mth(leaves[:size])) for size in range(34)]
    for old in range(1, 34):
        for new in range(old, 34):
            proof = consistency_proof(old, new, node_of(leaves))
            assert is_consistent(heads[old], heads[new], proof)
            assert not is_consistent(heads[old], heads[new], [*proof, bytes(32)])
            assert not is_consistent(TreeHead(old, bytes(32)), heads[new], proof)
            assert not is_consistent(heads[old], TreeHead(new, bytes(32)), proof)
            if proof:
                assert not is_consistent(heads[old], heads[new], proof[:-1])
                assert not is_consistent(heads[old], heads[new], proof[1:])
                assert not is_consistent(heads[new], heads[old], proof)
                flipped = [bytes([proof[-1][0] ^ 1]) + proof[-1][1:]]
                assert not is_consistent(heads[old], heads[new], proof[:-1] + flipped)


def test_nothing_is_consistent_with_an_empty_tree() -> None:
    head = TreeHead(3, mth(a_tree(3)))
    assert not is_consistent(TreeHead(0, EMPTY_ROOT), head, [])
    assert not is_consistent(TreeHead(0, EMPTY_ROOT), TreeHead(0, EMPTY_ROOT), [])


def test_what_cannot_be_asked_for_is_refused() -> None:
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="no leaf"):
            inclusion_proof(index, size, node_of([]))
    for old, new in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="no growth"):
            consistency_proof(old, new, node_of([]))


def test_a_span_is_cut_into_the_fewest_complete_subtrees() -> None:
    assert list(complete_subtrees(0, 13)) == [(3, 0), (2, 2), (0, 12)]
    assert list(complete_subtrees(8, 13)) == [(2, 2), (0, 12)]
    assert list(complete_subtrees(3, 4)) == [(0, 3)]
    assert list(complete_subtrees(5, 5)) == []


def vectors(kind: str) -> list[tuple[str, dict[str, Any]]]:
    paths = sorted((VECTORS / kind).rglob("*.json"))
    return [(str(path.relative_to(VECTORS)), json.loads(path.read_text())) for path in paths]


def hashes(texts: list[str] | None) -> list[bytes]:
    return [base64.b64decode(text) for text in texts or []]


@pytest.mark.realdata
@pytest.mark.skipif(not VECTORS.is_dir(), reason="no vectors in MUNIMENT_TEST_DATA")
class TestVectors:
    def test_every_published_inclusion_vector_is_judged_as_it_says(self) -> None:
        found = vectors("inclusion")
        assert len(found) == 98
        for name, row in found:
            head = TreeHead(row["treeSize"], base64.b64decode(row["root"]))
            leaf, proof = base64.b64decode(row["leafHash"]), hashes(row["proof"])
            assert is_included(leaf, row["leafIdx"], head, proof) != row["wantErr"], name

    def test_every_published_consistency_vector_but_one_is_judged_as_it_says(self) -> None:
        found = vectors("consistency")
        assert len(found) == 98
        differing = []
        for name, row in found:
            old = TreeHead(row["size1"], base64.b64decode(row["root1"]))
            new = TreeHead(row["size2"], base64.b64decode(row["root2"]))
            if is_consistent(old, new, hashes(row["proof"])) == row["wantErr"]:
                differing.append(name)
        # Its two equal roots are texts of twelve bytes, and ours must be SHA-256 hashes.
        name = "consistency/additional/sizes-are-equal-one-and-proof-is-empty.json"
        assert differing == [name]
