# SPDX-License-Identifier: Apache-2.0
"""The log and the tokens in an exhibit: packed, and read back as evidence.

An exhibit holds one proof of growth: from the checkpoint that the statement names to that of the
inclusion proof, in the form of a request to a witness (c2sp.org/tlog-witness).
"""

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archive.checks.evidence import (
    Absent,
    CoveringCheckpoint,
    Evidence,
    StampEvidence,
    StoredBatch,
)
from archive.checks.log_evidence import LogEvidence
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence
from archive.exports.bag import Content, content
from archive.model import exhibit as names
from archive.model.anchor import Anchor
from archive.model.proof_batch import PROOFS, ProofBatch
from archive.proofs.add_checkpoint import AddCheckpoint
from archive.proofs.bag import Bag
from archive.proofs.certificates import read_der
from archive.proofs.keyset_chain import KeysetChain
from archive.proofs.keyset_trust import Authority
from archive.proofs.log_policy import policy_text
from archive.proofs.timestamp import PinnedAuthority
from archive.proofs.tlog_proof import LogProof
from archive.storage.layout import read_key

RENEW_BEFORE = dt.timedelta(days=180)


@dataclass(frozen=True, slots=True)
class GivenLater:
    """What a verifier adds to what is packed: notes of the log from elsewhere, and the time."""

    now: dt.datetime
    checkpoints: tuple[bytes, ...] = ()


def packed_log(gathered: Evidence) -> Iterator[Content]:
    """The leaf, its proof, the checkpoint that the statement names, and how the log grew since."""
    given = gathered.log
    if given is None or isinstance(given.entry, Absent) or isinstance(given.proof, Absent):
        return
    yield content(names.ENTRY_FILE, given.entry)
    yield content(names.LOG_PROOF_FILE, given.proof)
    yield content(names.POLICY_FILE, policy_text(gathered.keyset).encode())
    anchor = gathered.look.anchor
    if anchor is None:
        return
    note = given.anchor(anchor)
    if not isinstance(note, Absent):
        yield content(names.ANCHOR_FILE, note)
    checkpoint = LogProof.from_bytes(given.proof).checkpoint
    if 0 < anchor.size < checkpoint.head.size:
        growth = given.growth(anchor.size, checkpoint.head.size)
        if not isinstance(growth, Absent):
            request = AddCheckpoint(anchor.size, growth, checkpoint)
            yield content(names.GROWTH_FILE, request.to_bytes())


def packed_stamps(gathered: Evidence) -> Iterator[Content]:
    """Every batch of proofs with all its files, and the authorities' roots."""
    stamps = gathered.stamps
    if stamps is None:
        return
    yield from _packed_batches(stamps.batches, None)
    for covering in stamps.covering:
        size = LogProof.from_bytes(covering.proof).checkpoint.head.size
        yield content(names.covering_file(size), covering.proof)
        yield from _packed_batches(covering.batches, size)
    roots = {
        sha256_hex(der): der
        for one in stamps.authorities.values()
        if not isinstance(one, Absent)
        for der in one.roots_der
    }
    for sha256, der in sorted(roots.items()):
        yield content(names.authority_file(sha256), der)


def _packed_batches(batches: Sequence[StoredBatch], size: int | None) -> Iterator[Content]:
    for batch in batches:
        for name, data in ((PROOFS, batch.listing), *batch.files.items()):
            if not isinstance(data, Absent):
                yield content(names.batch_file(batch.number, name, size), data)


def log_in(bag: Bag, later: GivenLater) -> LogEvidence:
    """What an exhibit has of the log."""

    def growth(old: int, new: int) -> tuple[bytes, ...] | Absent:
        data = given(bag, names.GROWTH_FILE)
        if isinstance(data, Absent):
            return data
        try:
            request = AddCheckpoint.from_bytes(data)
        except MalformedEvidence as error:
            return Absent(error.code, f"{names.GROWTH_FILE}: {error}", is_certain=True)
        if (request.old_size, request.checkpoint.head.size) != (old, new):
            detail = f"no proof that {old} entries grew into {new} is in the exhibit"
            return Absent("FILE_MISSING", detail, is_certain=False)
        return request.proof

    def anchor(named: Anchor) -> bytes | Absent:
        data = given(bag, names.ANCHOR_FILE)
        if isinstance(data, bytes) and sha256_hex(data) != named.note_sha256:
            detail = f"{names.ANCHOR_FILE} is not the checkpoint that the statement names"
            return Absent("OBJECT_DIGEST_MISMATCH", detail, is_certain=True)
        return data

    proof = given(bag, names.LOG_PROOF_FILE)
    return LogEvidence(
        entry=given(bag, names.ENTRY_FILE),
        proof=proof,
        newest=proof if isinstance(proof, Absent) else _note_of(proof),
        anchor=anchor,
        growth=growth,
        pinned=later.checkpoints,
    )


def _note_of(proof: bytes) -> bytes | Absent:
    try:
        return LogProof.from_bytes(proof).checkpoint.to_bytes()
    except MalformedEvidence as error:
        return Absent(error.code, str(error), is_certain=True)


def stamps_in(bag: Bag, chain: KeysetChain, later: GivenLater) -> StampEvidence:
    """The tokens in an exhibit, and the authorities that its keyset trusts."""
    try:
        trusted = chain.newest.authorities
    except MalformedEvidence:
        trusted = ()
    return StampEvidence(
        load=lambda: _batches(bag, None),
        authorities={one.name: _pinned(bag, one) for one in trusted},
        # Whether the archive asks for tokens over statements is its own affair.
        wanted=0,
        digests=lambda key: _digests(bag, key),
        renew_before=RENEW_BEFORE,
        now=later.now,
        load_covering=lambda: _covering(bag),
    )


def _pinned(bag: Bag, authority: Authority) -> PinnedAuthority | Absent:
    roots = []
    for sha256 in authority.roots:
        der = given(bag, names.authority_file(sha256))
        if isinstance(der, Absent):
            return der
        detail = f"a root of {authority.name} is not the certificate that the keyset names"
        if sha256_hex(der) != sha256:
            return Absent("OBJECT_DIGEST_MISMATCH", detail, is_certain=True)
        try:
            roots.append(read_der(der))
        except MalformedEvidence as error:
            return Absent(error.code, f"{detail}: {error}", is_certain=True)
    return PinnedAuthority(authority.name, tuple(roots), authority.policies, authority.is_qualified)


def _covering(bag: Bag) -> tuple[CoveringCheckpoint, ...]:
    found = []
    for name in bag.names:
        size = name.removeprefix(names.CHECKPOINTS).partition("/")[0]
        if not size.isdecimal() or name != names.covering_file(int(size)):
            continue
        proof = given(bag, name)
        if not isinstance(proof, Absent):
            found.append(CoveringCheckpoint(proof, _batches(bag, int(size))))
    return tuple(found)


def _batches(bag: Bag, size: int | None) -> tuple[StoredBatch, ...]:
    folder = names.batch_file(0, "", size).removesuffix("0/")
    found = []
    for name in bag.names:
        number, _, file = name.removeprefix(folder).partition("/")
        if name.startswith(folder) and file == PROOFS and number.isdecimal():
            found.append(_batch(bag, int(number), size))
    return tuple(found)


def _batch(bag: Bag, number: int, size: int | None) -> StoredBatch:
    listing = given(bag, names.batch_file(number, PROOFS, size))
    files: Mapping[str, bytes | Absent] = {}
    if not isinstance(listing, Absent):
        try:
            listed = ProofBatch.from_bytes(listing).files
        except MalformedEvidence:
            listed = ()  # which is the question of a claim
        files = {one.name: given(bag, names.batch_file(number, one.name, size)) for one in listed}
    return StoredBatch(number, listing, files)


def _digests(bag: Bag, key: str) -> tuple[int, str, str] | Absent:
    """Size, SHA-256 and SHA-512 of what lies under a key of the archive's store."""
    place = read_key(key)
    if place.role == "statement":
        found = names.ENVELOPE_FILE
    elif place.role == "inventory":
        found = names.INVENTORY_FILE
    elif place.role == "proof":
        found = names.batch_file(place.batch, place.file)
    else:
        alike = (name for name in bag.names if bag.digests[name][1] == place.name)
        found = next(alike, names.container_file(place.name))
    size, sha256 = bag.digests.get(found, (0, ""))
    digest = hashlib.sha512()
    for piece in bag.pieces(found):
        digest.update(piece)
    if not sha256 or found in bag.damaged:
        return absent_from(bag, found)
    return size, sha256, digest.hexdigest()


def given(bag: Bag, name: str) -> bytes | Absent:
    """The bytes of a file in an exhibit, or why they are not at hand."""
    data = bag.read(name)
    return absent_from(bag, name) if data is None else data


def absent_from(bag: Bag, name: str) -> Absent:
    """Why a file of an exhibit cannot be used."""
    if name in bag.damaged:
        fault = bag.damaged[name]
        return Absent(fault.code, f"{name} is damaged: see package.form", is_certain=False)
    return Absent("FILE_MISSING", f"{name} is not in the exhibit", is_certain=False)
