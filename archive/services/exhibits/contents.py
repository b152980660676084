# SPDX-License-Identifier: Apache-2.0
"""What may lie in an exhibit: a file that no claim looks at would be believed all the same.

So each file is one that the claims judge, one that follows from those and is held against them,
or one of the few that are known to prove nothing.
"""

from collections.abc import Iterator, Mapping, Sequence

from archive.checks.evidence import Evidence, StoredBatch
from archive.checks.package_form import CLAIM
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, MunimentError
from archive.model import exhibit as names
from archive.model.claim import Finding, Status
from archive.model.proof_batch import PROOFS
from archive.proofs.bag import Bag
from archive.proofs.log_policy import policy_text
from archive.proofs.tlog_proof import LogProof

_PROVE_NOTHING = (
    names.README,
    names.VERIFIER,
    names.PAGE,
    names.RECORD,
    names.REPORT_JSON,
    names.REPORT_TEXT,
)
_OF_THE_BAG = (names.BAGIT, names.BAG_INFO, names.MANIFEST, names.TAG_MANIFEST)


def with_contents(findings: Sequence[Finding], bag: Bag, gathered: Evidence) -> tuple[Finding, ...]:
    """The findings, and one for each file that has no place in an exhibit of this evidence.

    Only where nothing else fails: of what is false already, the rest follows from another cause.
    """
    if any(finding.status is Status.FAIL for finding in findings):
        return tuple(findings)
    try:
        faults = tuple(_faults(bag, dict(_expected(gathered))))
    except MunimentError:
        return tuple(findings)  # a claim that every policy requires says what cannot be read
    kept = findings
    if faults:
        kept = [f for f in findings if f.claim != CLAIM.id or f.status is not Status.PASS]
    return (*kept, *faults)


def _faults(bag: Bag, expected: Mapping[str, str | None]) -> Iterator[Finding]:
    for name in bag.names:
        if name not in expected:
            detail = "no exhibit of this record has such a file, and no claim looks at it"
            yield CLAIM.fails(name, "FILE_UNKNOWN", detail)
            continue
        follows = expected[name]
        if follows is not None and bag.digests[name][1] != follows:
            detail = "it is not what the signed files in the exhibit give"
            yield CLAIM.fails(name, "FILE_DIFFERS", detail)


def _expected(gathered: Evidence) -> Iterator[tuple[str, str | None]]:
    """Each path, and the SHA-256 that other files give it. Raises MalformedEvidence."""
    yield from ((name, None) for name in (*_OF_THE_BAG, *_PROVE_NOTHING))
    yield from ((name, None) for name in (names.ENVELOPE_FILE, names.INVENTORY_FILE))
    envelope = gathered.envelope
    yield names.STATEMENT_FILE, sha256_hex(envelope.payload)
    yield names.SIGNED_BYTES_FILE, sha256_hex(envelope.signed_bytes())
    yield names.SIGNATURE_FILE, sha256_hex(envelope.signature)
    yield from ((name, None) for name in _objects(gathered))
    yield from _of_log(gathered)
    yield from ((name, None) for name in _of_stamps(gathered))
    yield from _of_trust(gathered)
    for one in gathered.custody() if gathered.custody else ():
        yield from ((name, None) for name in names.custody_files(one.statement_sha256))


def _objects(gathered: Evidence) -> Iterator[str]:
    """The files with the bytes, as the redactions that the exhibit carries leave them."""
    for container in gathered.inventory.containers:
        left = gathered.remaining(container)
        if left is not None:
            yield names.container_file(left.sha256)
    for part in gathered.inventory.parts:
        placed = gathered.place(part.span)
        if placed is None:
            continue
        if gathered.is_foreign(part.span.container_sha256):
            yield names.member_file(placed.container_sha256, placed.offset)
        if part.sha256 is not None:
            yield names.part_file(part.role, part.media_type)


def _of_log(gathered: Evidence) -> Iterator[tuple[str, str | None]]:
    yield names.ENTRY_FILE, None
    yield names.LOG_PROOF_FILE, None
    yield names.POLICY_FILE, sha256_hex(policy_text(gathered.keyset).encode())
    if gathered.look.anchor is not None:
        yield names.ANCHOR_FILE, gathered.look.anchor.note_sha256
        yield names.GROWTH_FILE, None


def _of_stamps(gathered: Evidence) -> Iterator[str]:
    if gathered.stamps is None:
        return
    yield from _of_batches(gathered.stamps.batches, None)
    for covering in gathered.stamps.covering:
        try:
            size = LogProof.from_bytes(covering.proof).checkpoint.head.size
        except MalformedEvidence:
            continue  # so its file is one that nobody knows
        yield names.covering_file(size)
        yield from _of_batches(covering.batches, size)
    for authority in gathered.keyset.authorities:
        yield from map(names.authority_file, authority.roots)


def _of_batches(batches: Sequence[StoredBatch], size: int | None) -> Iterator[str]:
    for batch in batches:
        for name in (PROOFS, *batch.files):
            yield names.batch_file(batch.number, name, size)


def _of_trust(gathered: Evidence) -> Iterator[tuple[str, str | None]]:
    for number, signed in enumerate(gathered.chain.versions, start=1):
        yield names.keyset_content_file(number), None
        for envelope in signed.envelopes:
            yield names.keyset_envelope_file(number, envelope.keyid[:8]), None
        keyset = signed.open()
        for keyid, key in keyset.roots.items():
            yield names.public_key_file(keyid), sha256_hex(key.pem)
        for keyid, listed in keyset.keys.items():
            yield names.public_key_file(keyid), sha256_hex(listed.key.pem)
