# SPDX-License-Identifier: Apache-2.0
"""The small witness: it cosigns growth of logs that it knows, and nothing else, whoever races."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import pytest
from support.notes import (
    ORIGIN,
    TIME,
    head_of,
    log_key,
    node_of,
    private_key,
    signed,
    witness_key,
)
from support.witnessing import add_apart

from archive.errors import MalformedNote
from archive.proofs.add_checkpoint import SIZE_TYPE, AddCheckpoint
from archive.proofs.checkpoint import Checkpoint, SignedCheckpoint, cosigned_at
from archive.proofs.merkle import TreeHead, consistency_proof, leaf_hash
from archive.proofs.note import signature_lines
from archive.translog.witness import Answer, Memory, Witness

LEAVES = [leaf_hash(b"%d" % number) for number in range(40)]
OTHER = [leaf_hash(b"other %d" % number) for number in range(40)]


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    logs = {ORIGIN: [log_key()]}
    return Witness(witness_key(2), private_key(2).sign, logs, Memory(tmp_path), lambda: TIME)


def tree(size: int, leaves: list[bytes] = LEAVES) -> SignedCheckpoint:
    return signed(Checkpoint(ORIGIN, head_of(leaves[:size])))


def growth(old: int, new: int, leaves: list[bytes] = LEAVES) -> AddCheckpoint:
    proof = consistency_proof(old, new, node_of(leaves)) if old else []
    return AddCheckpoint(old, tuple(proof), tree(new, leaves))


def ask(witness: Witness, request: AddCheckpoint) -> Answer:
    return witness.add_checkpoint(request.to_bytes())


def is_cosigned(answer: Answer, checkpoint: SignedCheckpoint) -> bool:
    [line] = signature_lines(answer.body.decode())
    return cosigned_at(line, witness_key(2), checkpoint.note.text) == TIME


def test_growth_is_cosigned_step_by_step(witness: Witness) -> None:
    for old, new in ((0, 3), (3, 3), (3, 8), (8, 31), (31, 40)):
        answer = ask(witness, growth(old, new))
        assert answer.status == HTTPStatus.OK
        assert is_cosigned(answer, tree(new))


def test_a_request_is_written_as_it_is_read() -> None:
    request = growth(3, 31)
    assert AddCheckpoint.from_bytes(request.to_bytes()) == request
    assert request.to_bytes().startswith(b"old 3\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("old 3", "old 03"),
        ("old 3", "old"),
        ("old 3", "old -3"),
        ("old 3", "Old 3"),
        ("old 3", " old 3"),
        ("old 3\n", ""),
        ("old 3\n", "old 3\nAAAA\n"),
        ("\n\n", "\n"),
        ("\u2014", "-"),
        ("old 3\n", "old 3\n" + ("A" * 43 + "=\n") * 64),
    ],
)
def test_what_is_no_request_is_refused(witness: Witness, old: str, new: str) -> None:
    changed = growth(3, 31).to_bytes().decode().replace(old, new, 1).encode()
    with pytest.raises(MalformedNote):
        AddCheckpoint.from_bytes(changed)
    assert witness.add_checkpoint(changed).status == HTTPStatus.BAD_REQUEST


def test_a_log_that_it_does_not_know_is_not_found(witness: Witness) -> None:
    other = signed(Checkpoint("other.example/log", head_of(LEAVES[:3])))
    assert ask(witness, AddCheckpoint(0, (), other)).status == HTTPStatus.NOT_FOUND


def test_a_checkpoint_without_a_signature_by_the_logs_key_is_forbidden(witness: Witness) -> None:
    body = Checkpoint(ORIGIN, head_of(LEAVES[:3]))
    unsigned = SignedCheckpoint.of(body, signed(body, 3).note.signatures[1:])
    assert ask(witness, AddCheckpoint(0, (), unsigned)).status == HTTPStatus.FORBIDDEN
    forged = SignedCheckpoint.of(body, tree(4).note.signatures)
    assert ask(witness, AddCheckpoint(0, (), forged)).status == HTTPStatus.FORBIDDEN


def test_an_old_size_above_the_new_one_is_a_bad_request(witness: Witness) -> None:
    request = AddCheckpoint(9, (), tree(3))
    assert ask(witness, request).status == HTTPStatus.BAD_REQUEST
    nothing = signed(Checkpoint(ORIGIN, TreeHead(0, bytes(32))))
    assert ask(witness, AddCheckpoint(0, (), nothing)).status == HTTPStatus.BAD_REQUEST


def test_another_old_size_than_it_cosigned_last_is_told_the_right_one(witness: Witness) -> None:
    first = ask(witness, AddCheckpoint(2, (), tree(5)))
    assert (first.status, first.media_type, first.body) == (409, SIZE_TYPE, b"0\n")
    ask(witness, growth(0, 5))
    for old in (0, 4):
        answer = ask(witness, growth(old, 9))
        assert (answer.status, answer.media_type, answer.body) == (409, SIZE_TYPE, b"5\n")


def test_an_older_tree_is_never_cosigned_after_a_newer_one(witness: Witness) -> None:
    ask(witness, growth(0, 9))
    answer = ask(witness, growth(3, 5))
    assert (answer.status, answer.body) == (HTTPStatus.CONFLICT, b"9\n")


def test_another_tree_of_the_same_size_is_a_conflict(witness: Witness) -> None:
    ask(witness, growth(0, 5))
    answer = ask(witness, AddCheckpoint(5, (), tree(5, OTHER)))
    assert (answer.status, answer.body) == (HTTPStatus.CONFLICT, b"5\n")


def test_growth_that_is_not_shown_is_not_cosigned(witness: Witness) -> None:
    assert ask(witness, AddCheckpoint(0, (bytes(32),), tree(5))).status == 422
    ask(witness, growth(0, 5))
    assert ask(witness, growth(5, 9, OTHER)).status == 422
    assert ask(witness, AddCheckpoint(5, (), tree(9))).status == 422
    assert ask(witness, AddCheckpoint(5, (bytes(32),), tree(5))).status == 422
    assert ask(witness, growth(5, 9)).status == HTTPStatus.OK


def test_what_it_cosigned_outlives_the_process(witness: Witness, tmp_path: Path) -> None:
    ask(witness, growth(0, 9))
    again = Witness(witness.key, witness.sign, witness.logs, Memory(tmp_path), lambda: TIME)
    assert ask(again, growth(0, 9)).status == HTTPStatus.CONFLICT
    assert ask(again, growth(9, 20)).status == HTTPStatus.OK


def test_a_damaged_memory_cosigns_nothing(witness: Witness, tmp_path: Path) -> None:
    ask(witness, growth(0, 9))
    [path] = tmp_path.glob("*.checkpoint")
    path.write_bytes(b"damaged")
    with pytest.raises(MalformedNote):
        ask(witness, growth(0, 9))


def test_of_two_histories_at_once_one_is_cosigned_and_never_both(witness: Witness) -> None:
    requests = [growth(0, 9, leaves) for leaves in (LEAVES, OTHER)] * 8
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda request: ask(witness, request), requests))
    cosigned = {
        request.checkpoint.head.root
        for request, answer in zip(requests, answers, strict=True)
        if answer.status == HTTPStatus.OK
    }
    assert len(cosigned) == 1


def test_of_two_histories_by_two_processes_one_is_cosigned_and_never_both(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    for round_ in range(5):
        folder = tmp_path / str(round_)
        requests = [growth(0, 9, leaves).to_bytes() for leaves in (LEAVES, OTHER)] * 2
        with context.Pool(4) as pool:
            statuses = pool.starmap(add_apart, [(folder, request) for request in requests])
        won = {request for request, status in zip(requests, statuses, strict=True) if status == 200}
        assert len(won) == 1
