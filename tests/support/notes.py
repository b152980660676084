# SPDX-License-Identifier: Apache-2.0
"""Keys, checkpoints and trees for tests of the log, each made from a number."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archive.proofs.checkpoint import Checkpoint, SignedCheckpoint, cosignature, cosigned_text
from archive.proofs.keys import public_key
from archive.proofs.merkle import Node, TreeHead, root_of
from archive.proofs.note import COSIGNATURE, ED25519, NoteSignature, VerifierKey

ORIGIN = "archive.example/log"
TIME = 1_700_000_000


def private_key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))


def log_key(number: int = 1, origin: str = ORIGIN) -> VerifierKey:
    return VerifierKey(origin, ED25519, public_key(private_key(number).public_key()))


def witness_key(number: int, name: str = "") -> VerifierKey:
    name = name or f"witness{number}.example"
    return VerifierKey(name, COSIGNATURE, public_key(private_key(number).public_key()))


def log_line(checkpoint: Checkpoint, number: int = 1) -> NoteSignature:
    key = log_key(number, checkpoint.origin)
    return NoteSignature(key.name, key.key_id, private_key(number).sign(checkpoint.to_text()))


def witness_line(
    checkpoint: Checkpoint, number: int, time: int = TIME, name: str = ""
) -> NoteSignature:
    signed = private_key(number).sign(cosigned_text(checkpoint.to_text(), time))
    return cosignature(witness_key(number, name), time, signed)


def signed(checkpoint: Checkpoint, *witnesses: int) -> SignedCheckpoint:
    lines = [log_line(checkpoint), *(witness_line(checkpoint, number) for number in witnesses)]
    return SignedCheckpoint.of(checkpoint, lines)


def head_of(leaves: list[bytes]) -> TreeHead:
    return TreeHead(len(leaves), root_of(leaves))


def node_of(leaves: list[bytes]) -> Node:
    return lambda level, place: root_of(leaves[place << level : (place + 1) << level])
