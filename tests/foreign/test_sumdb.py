# SPDX-License-Identifier: Apache-2.0
"""Go's own checksum database code accepts our proofs and notes, and refuses each mutation."""

from pathlib import Path

import pytest
from support.golang import build_sumdb, sumdb_says
from support.notes import ORIGIN, head_of, log_key, node_of, signed

from archive.proofs.checkpoint import Checkpoint
from archive.proofs.merkle import (
    TreeHead,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
)

SIZES = (1, 2, 3, 7, 8, 9, 64, 100, 257)
LEAVES = [leaf_hash(b"%d" % number) for number in range(260)]


@pytest.fixture(scope="module")
def sumdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_sumdb(tmp_path_factory.mktemp("go"))


def mutations(proof: list[bytes]) -> list[list[bytes]]:
    """The proof with a bit turned in each hash, one hash less, one more, two changed places."""
    flipped = [
        [*proof[:n], bytes([proof[n][0] ^ 0x40]) + proof[n][1:], *proof[n + 1 :]]
        for n in range(len(proof))
    ]
    swapped = [[proof[1], proof[0], *proof[2:]]] if len(proof) > 1 else []
    return [*flipped, *swapped, [*proof, bytes(32)], *([proof[:-1]] if proof else [])]


def test_inclusion_proofs_are_judged_as_we_judge_them(sumdb: Path) -> None:
    questions, ours = [], []
    for size in SIZES:
        head = head_of(LEAVES[:size])
        for index in sorted({0, size // 3, size - 1}):
            sound = inclusion_proof(index, size, node_of(LEAVES))
            cases = [(index, sound), *((index, other) for other in mutations(sound))]
            cases += [(index ^ 1, sound), (size, sound)]
            for place, proof in cases:
                leaf = LEAVES[index]
                questions.append(
                    {
                        "ask": "record",
                        "index": place,
                        "size": size,
                        "root": head.root,
                        "leaf": leaf,
                        "proof": proof,
                    }
                )
                ours.append(is_included(leaf, place, head, proof))
    assert sumdb_says(sumdb, questions) == ours
    assert ours.count(True) == sum(len({0, size // 3, size - 1}) for size in SIZES)
    assert ours.count(False) > 150


def test_consistency_proofs_are_judged_as_we_judge_them(sumdb: Path) -> None:
    questions, ours = [], []
    for new in SIZES:
        for old in [size for size in SIZES if size <= new]:
            sound = consistency_proof(old, new, node_of(LEAVES))
            before, after = head_of(LEAVES[:old]), head_of(LEAVES[:new])
            cases = [(before, sound), *((before, other) for other in mutations(sound))]
            cases += [(TreeHead(old, bytes(32)), sound), (head_of(LEAVES[: old + 1]), sound)]
            for head, proof in cases:
                questions.append(
                    {
                        "ask": "tree",
                        "size": new,
                        "root": after.root,
                        "old_size": head.size,
                        "old": head.root,
                        "proof": proof,
                    }
                )
                ours.append(is_consistent(head, after, proof))
    assert sumdb_says(sumdb, questions) == ours
    assert ours.count(True) >= len(SIZES) * (len(SIZES) + 1) // 2
    assert ours.count(False) > 200


def test_a_signed_checkpoint_is_a_note_that_it_opens(sumdb: Path) -> None:
    # Witnesses' lines are of a type that it does not know, and passes over.
    sound = signed(Checkpoint(ORIGIN, head_of(LEAVES)), 2, 3).to_bytes().decode()
    keys = [log_key().to_text()]
    changed = [
        sound.replace("\n260\n", "\n261\n"),
        sound.replace(ORIGIN, "archive.example/lag", 1),
        sound.replace("\u2014 ", "- ", 1),
        sound.removesuffix("\n"),
        sound.replace("\n\n", "\n\n\n", 1),
    ]
    questions = [{"ask": "note", "note": note, "keys": keys} for note in (sound, *changed)]
    questions.append({"ask": "note", "note": sound, "keys": [log_key(9).to_text()]})
    assert sumdb_says(sumdb, questions) == [True] + [False] * 6
