# SPDX-License-Identifier: Apache-2.0
"""Attacks by or on the log: entries, proofs, checkpoints, cosignatures, growth."""

import base64
from collections.abc import Callable

from attacks.forge import COSIGNED, Forged
from support.keysets import signer

from archive import canonical
from archive.model import exhibit as names
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.dsse import Envelope, read_envelope
from archive.proofs.merkle import TreeHead, leaf_hash, root_of
from archive.proofs.note import COSIGNATURE, Note, NoteSignature, VerifierKey
from archive.proofs.tlog_proof import LogProof

STRANGER, WITNESS = signer(111), signer(112)
WITNESS_NAME = "witness.example"
LOG_FILES = (names.ENTRY_FILE, names.LOG_PROOF_FILE, names.GROWTH_FILE)
Attack = Callable[[Forged], None]


def with_witness(f: Forged) -> None:
    """The keyset asks for one witness, who cosigns each checkpoint."""
    content = f.keyset()
    vkey = VerifierKey(WITNESS_NAME, COSIGNATURE, WITNESS.public_key).to_text()
    content["witnesses"] = {"quorum": 1, "keys": [{"name": WITNESS_NAME, "vkey": vkey}]}
    f.sign_keyset(content)
    f.witnesses = ((WITNESS_NAME, WITNESS),)
    f.enter()


def proof_of(f: Forged) -> LogProof:
    return LogProof.from_bytes(f.files[names.LOG_PROOF_FILE])


def proof(change: Callable[[bytes], bytes]) -> Attack:
    """The proof's file has other bytes."""

    def attack(f: Forged) -> None:
        f.files[names.LOG_PROOF_FILE] = change(f.files[names.LOG_PROOF_FILE])

    return attack


def signed_anew_and_not_logged(f: Forged) -> None:
    kept = {name: f.files[name] for name in LOG_FILES if name in f.files}
    f.say(lambda it: it["predicate"]["agent"].update(version="9"))
    f.files.update(kept)


def entry_of_another_statement(f: Forged) -> None:
    f.files[names.ENTRY_FILE] = f.others["other"].files[names.ENTRY_FILE]


def entry_changed(f: Forged) -> None:
    entry = canonical.loads(f.files[names.ENTRY_FILE])
    entry["statement_sha256"] = "0" * 64
    f.files[names.ENTRY_FILE] = canonical.dumps(entry)


def entry_that_names_another_envelope(f: Forged) -> None:
    f.enter(envelope_sha256="0" * 64)


def no_proof(f: Forged) -> None:
    for name in LOG_FILES:
        f.files.pop(name, None)


def hash_too_many(f: Forged) -> None:
    given = proof_of(f)
    longer = LogProof(given.index, (*given.hashes, bytes(32)), given.checkpoint)
    f.files[names.LOG_PROOF_FILE] = longer.to_bytes()


def hash_too_few(f: Forged) -> None:
    given = proof_of(f)
    shorter = LogProof(given.index, given.hashes[:-1], given.checkpoint)
    f.files[names.LOG_PROOF_FILE] = shorter.to_bytes()


def index_beyond_the_tree(f: Forged) -> None:
    given = proof_of(f)
    beyond = LogProof(given.checkpoint.head.size + 4, given.hashes, given.checkpoint)
    f.files[names.LOG_PROOF_FILE] = beyond.to_bytes()


def tree_without_the_entry(f: Forged) -> None:
    """A checkpoint by the log's own key, over a tree that lost its tail."""
    given = proof_of(f)
    leaves = [leaf_hash(entry) for entry in f.logged]
    old = f.checkpoint(TreeHead(len(leaves), root_of(leaves)))
    f.files[names.LOG_PROOF_FILE] = LogProof(given.index, given.hashes, old).to_bytes()


def history_written_anew(f: Forged) -> None:
    """The log shows a tree in which an entry from before the statement is another."""
    f.prove([b"{}", *f.logged[1:], f.files[names.ENTRY_FILE]])


def checkpoint_by_a_stranger(f: Forged) -> None:
    head = proof_of(f).checkpoint.head
    f.prove([*f.logged, f.files[names.ENTRY_FILE]], f.checkpoint(head, by=STRANGER))


def checkpoint_of_another_log_by_the_same_key(f: Forged) -> None:
    head = proof_of(f).checkpoint.head
    other = f.checkpoint(head, origin="elsewhere.example/log")
    f.prove([*f.logged, f.files[names.ENTRY_FILE]], other)


def with_lines(change: Callable[[Forged, SignedCheckpoint], list[NoteSignature]]) -> Attack:
    """The checkpoint has other signature lines."""

    def attack(f: Forged) -> None:
        given = proof_of(f).checkpoint
        note = Note(given.note.text, tuple(change(f, given)))
        f.prove([*f.logged, f.files[names.ENTRY_FILE]], SignedCheckpoint(given.checkpoint, note))

    return attack


def only_an_unknown_witness(f: Forged) -> None:
    head = proof_of(f).checkpoint.head
    cosigned = f.checkpoint(head, cosigned_by=[("stranger.example", STRANGER)])
    f.prove([*f.logged, f.files[names.ENTRY_FILE]], cosigned)


def a_stranger_under_the_witnesss_name(f: Forged) -> None:
    head = proof_of(f).checkpoint.head
    cosigned = f.checkpoint(head, cosigned_by=[(WITNESS_NAME, STRANGER)])
    f.prove([*f.logged, f.files[names.ENTRY_FILE]], cosigned)


def one_witness_twice(f: Forged) -> None:
    content = f.keyset()
    content["witnesses"]["keys"].append(
        {
            "name": "second.example",
            "vkey": VerifierKey("second.example", COSIGNATURE, STRANGER.public_key).to_text(),
        }
    )
    content["witnesses"]["quorum"] = 2
    f.sign_keyset(content)
    head = proof_of(f).checkpoint.head
    cosigned = f.checkpoint(head, cosigned_by=[(WITNESS_NAME, WITNESS)] * 2)
    f.prove([*f.logged, f.files[names.ENTRY_FILE]], cosigned)


def cosignature_with_another_time(f: Forged, given: SignedCheckpoint) -> list[NoteSignature]:
    log, witness = given.note.signatures
    moved = (COSIGNED - 86400).to_bytes(8, "big") + witness.signature[8:]
    return [log, NoteSignature(witness.name, witness.key_id, moved)]


def extra_line_that_claims_all(f: Forged) -> None:
    data = f.files[names.LOG_PROOF_FILE]
    first, _, rest = data.partition(b"\n")
    extra = base64.b64encode(b"verified")
    f.files[names.LOG_PROOF_FILE] = first + b"\nextra " + extra + b"\n" + rest


def anchor_of_another_log(f: Forged) -> None:
    f.say(lambda it: it["predicate"]["checkpoint"].update(origin="elsewhere.example/log"))


def anchor_that_never_was(f: Forged) -> None:
    f.say(lambda it: it["predicate"]["checkpoint"].update(root="0" * 64))


def anchor_after_the_entry(f: Forged) -> None:
    """The statement names a checkpoint that is larger than its own place in the log."""
    f.say(lambda it: it["predicate"]["checkpoint"].update(size=1_000))


def second_signature_of_the_statement(f: Forged) -> None:
    """The envelope's signature is another one, made later, and the log knows the first."""
    opened = read_envelope(f.files[names.ENVELOPE_FILE])
    other = Envelope(opened.payload, opened.keyid, STRANGER.sign(opened.signed_bytes()))
    f.files[names.ENVELOPE_FILE] = other.to_bytes()


def _one_bit(data: bytes) -> bytes:
    at = data.index(b"\n\n") - 5
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


ENTRY = ("log.entry", "LOG_ENTRY_MISMATCH")
INVALID = ("log.inclusion", "LOG_PROOF_INVALID")
SIGNATURE = ("log.checkpoint", "CHECKPOINT_SIGNATURE")
ORIGIN = ("log.checkpoint", "CHECKPOINT_ORIGIN")
UNREADABLE = ("log.checkpoint", "PROOF_MALFORMED")

ATTACKS: dict[str, tuple[Attack, tuple[str, str] | None]] = {
    "log-signed-anew-and-not-logged": (signed_anew_and_not_logged, ENTRY),
    "log-entry-of-another-statement": (entry_of_another_statement, ENTRY),
    "log-entry-changed": (entry_changed, ENTRY),
    "log-entry-names-another-envelope": (entry_that_names_another_envelope, ENTRY),
    "log-no-proof": (no_proof, ("log.entry", "FILE_MISSING")),
    "log-hash-too-many": (hash_too_many, INVALID),
    "log-hash-too-few": (hash_too_few, INVALID),
    "log-index-beyond-the-tree": (index_beyond_the_tree, INVALID),
    "log-tree-without-the-entry": (tree_without_the_entry, INVALID),
    "log-history-written-anew": (history_written_anew, ("log.consistency", "LOG_INCONSISTENT")),
    "log-checkpoint-by-a-stranger": (checkpoint_by_a_stranger, SIGNATURE),
    "log-checkpoint-of-another-log": (checkpoint_of_another_log_by_the_same_key, ORIGIN),
    "log-checkpoint-without-signature": (
        with_lines(lambda _f, given: list(given.note.signatures[1:])),
        SIGNATURE,
    ),
    "log-size-with-leading-zero": (
        proof(lambda data: data.replace(b"index ", b"index 0", 1)),
        UNREADABLE,
    ),
    "log-one-bit-of-a-hash": (proof(_one_bit), INVALID),
    "log-extra-line": (extra_line_that_claims_all, None),
    "witness-unknown": (only_an_unknown_witness, ("log.witness", "WITNESS_QUORUM")),
    "witness-name-of-another": (
        a_stranger_under_the_witnesss_name,
        ("log.witness", "WITNESS_QUORUM"),
    ),
    "witness-twice": (one_witness_twice, ("log.witness", "WITNESS_QUORUM")),
    "witness-none": (
        with_lines(lambda _f, given: list(given.note.signatures[:1])),
        ("log.witness", "WITNESS_QUORUM"),
    ),
    "witness-at-another-time": (
        with_lines(cosignature_with_another_time),
        ("log.witness", "WITNESS_SIGNATURE"),
    ),
    "anchor-of-another-log": (anchor_of_another_log, ("log.consistency", "CHECKPOINT_ORIGIN")),
    "anchor-that-never-was": (anchor_that_never_was, ("log.consistency", "LOG_INCONSISTENT")),
    "anchor-after-the-entry": (anchor_after_the_entry, ("log.consistency", "LOG_INCONSISTENT")),
    "envelope-signed-again": (
        second_signature_of_the_statement,
        ("signature", "SIGNATURE_INVALID"),
    ),
}
