# SPDX-License-Identifier: Apache-2.0
"""The claims about the log, one attack each: what is given is bent, and one claim must say so."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.archives import captured, new_archive, page, settings_at
from support.notes import (
    TIME,
    log_line,
    private_key,
    witness_key,
    witness_line,
)
from support.origin import Origin

from archive.checks.evidence import Absent, Evidence
from archive.checks.log_evidence import LogEvidence
from archive.checks.runner import run_checks
from archive.model.claim import Finding, Status
from archive.model.log_entry import LogEntry
from archive.proofs.checkpoint import Checkpoint, SignedCheckpoint
from archive.proofs.keys import public_key
from archive.proofs.keyset import ACTIVE, LOG, REVOKED, Keyset
from archive.proofs.keyset_chain import KeysetChain
from archive.proofs.keyset_trust import TrustedLog, Witnesses
from archive.proofs.merkle import TreeHead
from archive.proofs.tlog_proof import LogProof
from archive.services.context import Archive
from archive.services.trust import keyset_chain
from archive.services.verifying.evidence import capture_evidence

LOG_CLAIMS = frozenset(
    {"log.entry", "log.checkpoint", "log.inclusion", "log.witness", "log.consistency"}
)


class Trusting(KeysetChain):
    """A chain whose newest keyset is the one given, so that the log can be anybody's."""

    def __init__(self, chain: KeysetChain, keyset: Keyset) -> None:
        super().__init__(chain.versions, chain.pinned_roots)
        self.__dict__["newest"] = keyset


@dataclass
class Bent:
    """Evidence of one capture, and the log's part of it, to be bent."""

    evidence: Evidence
    log: LogEvidence
    keyset: Keyset
    sound: LogProof

    def proof(self, **changes: object) -> None:
        self.log = replace(self.log, proof=replace(self.sound, **changes).to_bytes())

    def checkpoint(self, whole: SignedCheckpoint) -> None:
        self.proof(checkpoint=whole)

    def witnesses(self, quorum: int, *numbers: int) -> None:
        keys = tuple(witness_key(number) for number in numbers)
        self.keyset = replace(self.keyset, witnesses=Witnesses(quorum, keys))

    def cosigned(self, *lines: object) -> None:
        note = self.sound.checkpoint.note
        self.checkpoint(SignedCheckpoint.of(self.body, [*note.signatures, *lines]))  # type: ignore[list-item]

    @property
    def body(self) -> Checkpoint:
        return self.sound.checkpoint.checkpoint

    def findings(self) -> tuple[Finding, ...]:
        chain = Trusting(self.evidence.chain, self.keyset)
        needed = LOG_CLAIMS | {"envelope.form", "key.chain", "statement.canonical"}
        found = run_checks(replace(self.evidence, chain=chain, log=self.log), needed)
        return tuple(f for f in found if f.claim in LOG_CLAIMS)

    def causes(self) -> set[tuple[str, str, str]]:
        """Claim, status and code of all that is not proven, skipped or without meaning."""
        fine = {Status.PASS, Status.SKIPPED, Status.NOT_APPLICABLE}
        return {(f.claim, f.status.value, f.code) for f in self.findings() if f.status not in fine}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, Evidence]]:
    folder: Path = tmp_path_factory.mktemp("log")
    archive = new_archive(settings_at(folder / "data"))
    with Origin() as origin:
        origin.page("/terms", page())
        for _ in range(3):
            signed = captured(archive, origin.url("/terms")).signed
    assert signed.look.capture_id is not None
    chain = keyset_chain(archive)
    yield archive, capture_evidence(archive, signed.look.capture_id, signed.envelope_key, chain)
    archive.close()


@pytest.fixture
def bent(kept: tuple[Archive, Evidence]) -> Bent:
    """The capture's log as if a log of the tests' own keys had it."""
    _, evidence = kept
    assert evidence.log is not None
    assert isinstance(evidence.log.proof, bytes)
    proof, keyset = LogProof.from_bytes(evidence.log.proof), evidence.keyset
    body = proof.checkpoint.checkpoint
    key = public_key(private_key(1).public_key())
    listed = next(item for item in keyset.keys.values() if item.role == LOG)
    own = replace(listed, key=key, state=ACTIVE)
    keyset = replace(
        keyset,
        keys={**keyset.keys, key.keyid: own},
        logs=(TrustedLog(body.origin, key.keyid),),
    )
    sound = replace(proof, checkpoint=SignedCheckpoint.of(body, [log_line(body)]))
    return Bent(evidence, replace(evidence.log, proof=sound.to_bytes()), keyset, sound)


def test_what_is_sound_has_no_cause(bent: Bent) -> None:
    assert bent.causes() == set()
    found = {f.claim: f.status for f in bent.findings()}
    assert found == {
        "log.entry": Status.PASS,
        "log.checkpoint": Status.PASS,
        "log.inclusion": Status.PASS,
        "log.witness": Status.NOT_APPLICABLE,
        "log.consistency": Status.PASS,
    }


def other_entry(bent: Bent, **changes: str) -> None:
    assert isinstance(bent.log.entry, bytes)
    entry = replace(LogEntry.from_bytes(bent.log.entry), **changes)
    bent.log = replace(bent.log, entry=entry.to_bytes())


def other_origin(bent: Bent) -> None:
    body = replace(bent.body, origin="other.example/log")
    bent.checkpoint(SignedCheckpoint.of(body, [log_line(body)]))


def same_key_for_another_log(bent: Bent) -> None:
    """The key signs for two logs, and the checkpoint is of the other one."""
    body = replace(bent.body, origin="other.example/log")
    bent.checkpoint(SignedCheckpoint.of(body, [log_line(body), log_line(bent.body)]))


def forged_checkpoint(bent: Bent) -> None:
    bent.checkpoint(SignedCheckpoint.of(bent.body, [log_line(bent.body, 9)]))


def other_tree_under_the_signature(bent: Bent) -> None:
    body = replace(bent.body, head=TreeHead(bent.body.head.size, bytes(32)))
    bent.checkpoint(SignedCheckpoint.of(body, [log_line(bent.body)]))


def other_tree_signed(bent: Bent) -> None:
    body = replace(bent.body, head=TreeHead(bent.body.head.size, bytes(32)))
    bent.checkpoint(SignedCheckpoint.of(body, [log_line(body)]))


def revoked_log_key(bent: Bent) -> None:
    keyid = bent.keyset.logs[0].keyid
    listed = replace(bent.keyset.keys[keyid], state=REVOKED)
    bent.keyset = replace(bent.keyset, keys={**bent.keyset.keys, keyid: listed})


def extra_hash(bent: Bent) -> None:
    bent.proof(hashes=(*bent.sound.hashes, bytes(32)))


def missing_hash(bent: Bent) -> None:
    bent.proof(hashes=bent.sound.hashes[:-1])


def index_too_high(bent: Bent) -> None:
    bent.proof(index=bent.sound.checkpoint.head.size)


def index_of_another(bent: Bent) -> None:
    bent.proof(index=bent.sound.index - 1)


def leading_zeros(bent: Bent) -> None:
    assert isinstance(bent.log.proof, bytes)
    changed = bent.log.proof.replace(b"index ", b"index 0", 1)
    bent.log = replace(bent.log, proof=changed)


def extra_line_that_names_the_leaf(bent: Bent) -> None:
    """The proof is of another leaf, and says in the line that nobody signs that it is of this."""
    bent.proof(index=bent.sound.index - 1)
    assert isinstance(bent.log.proof, bytes)
    extra = b"\nextra aW5kZXggMw==\nindex"
    bent.log = replace(bent.log, proof=bent.log.proof.replace(b"\nindex", extra, 1))


def too_few_witnesses(bent: Bent) -> None:
    bent.witnesses(2, 2, 3)
    bent.cosigned(witness_line(bent.body, 2))


def one_witness_twice(bent: Bent) -> None:
    bent.witnesses(2, 2, 3)
    bent.cosigned(witness_line(bent.body, 2), witness_line(bent.body, 2, TIME + 1))


def an_unknown_witness(bent: Bent) -> None:
    bent.witnesses(2, 2, 3)
    bent.cosigned(witness_line(bent.body, 2), witness_line(bent.body, 7))


def an_unknown_witness_under_a_known_name(bent: Bent) -> None:
    bent.witnesses(2, 2, 3)
    line = witness_line(bent.body, 7, name="witness3.example")
    bent.cosigned(witness_line(bent.body, 2), line)


def a_cosignature_of_another_tree(bent: Bent) -> None:
    bent.witnesses(2, 2, 3)
    other = replace(bent.body, head=TreeHead(1, bytes(32)))
    bent.cosigned(witness_line(bent.body, 2), witness_line(other, 3))


def a_cosignature_with_another_time(bent: Bent) -> None:
    bent.witnesses(1, 2)
    line = witness_line(bent.body, 2)
    moved = replace(line, signature=(TIME - 9999).to_bytes(8, "big") + line.signature[8:])
    bent.cosigned(moved)


def a_split_view(bent: Bent) -> None:
    body = replace(bent.body, head=TreeHead(bent.body.head.size, bytes(32)))
    pinned = SignedCheckpoint.of(body, [log_line(body)]).to_bytes()
    bent.log = replace(bent.log, pinned=(pinned,))


def an_earlier_split_view(bent: Bent) -> None:
    body = replace(bent.body, head=TreeHead(bent.body.head.size - 1, bytes(32)))
    pinned = SignedCheckpoint.of(body, [log_line(body)]).to_bytes()
    bent.log = replace(bent.log, pinned=(pinned,))


def a_later_checkpoint_that_nothing_leads_to(bent: Bent) -> None:
    body = replace(bent.body, head=TreeHead(bent.body.head.size + 5, bytes(32)))
    pinned = SignedCheckpoint.of(body, [log_line(body)]).to_bytes()
    bent.log = replace(bent.log, pinned=(pinned,))


def a_pinned_checkpoint_by_nobody(bent: Bent) -> None:
    pinned = SignedCheckpoint.of(bent.body, [log_line(bent.body, 9)]).to_bytes()
    bent.log = replace(bent.log, pinned=(pinned,))


def an_entry_before_its_own_anchor(bent: Bent) -> None:
    body = replace(bent.body, head=TreeHead(1, b"\1" * 32))
    assert isinstance(bent.log.entry, bytes)
    from archive.proofs.merkle import leaf_hash

    body = replace(body, head=TreeHead(1, leaf_hash(bent.log.entry)))
    whole = SignedCheckpoint.of(body, [log_line(body)])
    bent.log = replace(bent.log, proof=LogProof(0, (), whole).to_bytes())


def without(name: str, code: str, *, is_certain: bool) -> Callable[[Bent], None]:
    def bend(bent: Bent) -> None:
        absent = Absent(code, "it is not at hand", is_certain=is_certain)
        newest = bent.sound.checkpoint.to_bytes()
        bent.log = replace(bent.log, newest=newest, **{name: absent})

    return bend


ROWS: dict[str, tuple[Callable[[Bent], object], tuple[str, str, str]]] = {
    "another statement": (
        lambda b: other_entry(b, statement_sha256="0" * 64),
        ("log.entry", "fail", "LOG_ENTRY_MISMATCH"),
    ),
    "another envelope": (
        lambda b: other_entry(b, envelope_sha256="0" * 64),
        ("log.entry", "fail", "LOG_ENTRY_MISMATCH"),
    ),
    "another record": (
        lambda b: other_entry(b, record_id="CA-C-0000001-39"),
        ("log.entry", "fail", "LOG_ENTRY_MISMATCH"),
    ),
    "no leaf": (
        without("entry", "LOG_NOT_INCLUDED", is_certain=True),
        ("log.entry", "fail", "LOG_NOT_INCLUDED"),
    ),
    "pending": (
        without("proof", "LOG_PENDING", is_certain=False),
        ("log.inclusion", "unknown", "LOG_PENDING"),
    ),
    "a checkpoint of another log": (other_origin, ("log.checkpoint", "fail", "CHECKPOINT_ORIGIN")),
    "a checkpoint of another log by the same key": (
        same_key_for_another_log,
        ("log.checkpoint", "fail", "CHECKPOINT_ORIGIN"),
    ),
    "a forged checkpoint": (
        forged_checkpoint,
        ("log.checkpoint", "fail", "CHECKPOINT_SIGNATURE"),
    ),
    "another tree under the signature": (
        other_tree_under_the_signature,
        ("log.checkpoint", "fail", "CHECKPOINT_SIGNATURE"),
    ),
    "a revoked key": (revoked_log_key, ("log.checkpoint", "fail", "CHECKPOINT_SIGNATURE")),
    "a hash too many": (extra_hash, ("log.inclusion", "fail", "LOG_PROOF_INVALID")),
    "a hash too few": (missing_hash, ("log.inclusion", "fail", "LOG_PROOF_INVALID")),
    "an index beyond the tree": (index_too_high, ("log.inclusion", "fail", "LOG_PROOF_INVALID")),
    "leading zeros": (leading_zeros, ("log.checkpoint", "fail", "PROOF_MALFORMED")),
    "too few witnesses": (too_few_witnesses, ("log.witness", "unknown", "WITNESS_QUORUM")),
    "one witness twice": (one_witness_twice, ("log.witness", "unknown", "WITNESS_QUORUM")),
    "an unknown witness": (an_unknown_witness, ("log.witness", "unknown", "WITNESS_QUORUM")),
    "an unknown witness under a known name": (
        an_unknown_witness_under_a_known_name,
        ("log.witness", "unknown", "WITNESS_QUORUM"),
    ),
    "a cosignature of another tree": (
        a_cosignature_of_another_tree,
        ("log.witness", "fail", "WITNESS_SIGNATURE"),
    ),
    "a cosignature with another time": (
        a_cosignature_with_another_time,
        ("log.witness", "fail", "WITNESS_SIGNATURE"),
    ),
    "a split view": (a_split_view, ("log.consistency", "fail", "LOG_INCONSISTENT")),
    "an earlier split view": (
        an_earlier_split_view,
        ("log.consistency", "fail", "LOG_INCONSISTENT"),
    ),
    "an end that was cut off": (
        a_later_checkpoint_that_nothing_leads_to,
        ("log.consistency", "fail", "LOG_TRUNCATED"),
    ),
    "a pinned checkpoint by nobody": (
        a_pinned_checkpoint_by_nobody,
        ("log.consistency", "unknown", "CHECKPOINT_SIGNATURE"),
    ),
    "an entry before its own anchor": (
        an_entry_before_its_own_anchor,
        ("log.consistency", "fail", "LOG_INCONSISTENT"),
    ),
}


@pytest.mark.parametrize(("bend", "cause"), list(ROWS.values()), ids=list(ROWS))
def test_one_attack_has_one_root_cause(
    bent: Bent, bend: Callable[[Bent], object], cause: tuple[str, str, str]
) -> None:
    bend(bent)
    assert bent.causes() == {cause}


@pytest.mark.parametrize("bend", [index_of_another, extra_line_that_names_the_leaf])
def test_a_proof_of_another_leaf_proves_nothing(bent: Bent, bend: Callable[[Bent], None]) -> None:
    bend(bent)
    assert ("log.inclusion", "fail", "LOG_PROOF_INVALID") in bent.causes()


def test_another_tree_by_the_logs_own_key_contains_nothing(bent: Bent) -> None:
    other_tree_signed(bent)
    assert bent.causes() == {("log.inclusion", "fail", "LOG_PROOF_INVALID")}


def test_a_quorum_of_known_witnesses_is_proven_with_their_times(bent: Bent) -> None:
    bent.witnesses(2, 2, 3, 4)
    bent.cosigned(witness_line(bent.body, 4, TIME + 60), witness_line(bent.body, 2))
    assert bent.causes() == set()
    [finding] = [f for f in bent.findings() if f.claim == "log.witness"]
    assert finding.status is Status.PASS
    assert "witness2.example at 2023-11-14T22:13:20Z" in finding.detail


def test_a_keyset_without_a_log_asks_nothing_of_one(bent: Bent) -> None:
    bent.keyset = replace(bent.keyset, logs=())
    assert {f.status for f in bent.findings()} == {Status.NOT_APPLICABLE}


def test_a_verifier_without_anything_of_the_log_says_so(bent: Bent) -> None:
    chain = Trusting(bent.evidence.chain, bent.keyset)
    needed = LOG_CLAIMS | {"envelope.form", "key.chain", "statement.canonical"}
    found = run_checks(replace(bent.evidence, chain=chain, log=None), needed)
    codes = {(f.claim, f.status, f.code) for f in found if f.claim in LOG_CLAIMS}
    assert ("log.entry", Status.UNKNOWN, "LOG_UNASKED") in codes
    assert ("log.checkpoint", Status.UNKNOWN, "LOG_UNASKED") in codes
    assert not any(status is Status.FAIL for _, status, _ in codes)
