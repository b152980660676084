# SPDX-License-Identifier: Apache-2.0
"""Claim signature: the signature over the exact payload bytes and their type holds."""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.errors import MalformedEvidence
from archive.model.claim import Finding

CLAIM = Claim(
    "signature",
    "Is the statement signed, unchanged, by the key it names?",
    ("envelope.form", "key.chain"),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about the statement's signature (DSSE over Ed25519)."""
    envelope = evidence.envelope
    try:
        listed = evidence.keyset.keys.get(envelope.keyid)
    except MalformedEvidence as error:
        yield CLAIM.unknown("statement", error.code, "no trusted keyset gives the public key")
        return
    if listed is None:
        yield CLAIM.unknown("statement", "KEY_UNKNOWN", "no trusted keyset lists the key")
        return
    payload = ("statement.json", envelope.payload)
    if not listed.key.verifies(envelope.signature, envelope.signed_bytes()):
        yield CLAIM.fails(
            "statement",
            "SIGNATURE_INVALID",
            f"the bytes are not what key {envelope.keyid[:8]} signed",
            payload,
        )
        return
    yield CLAIM.passes("statement", f"Ed25519 by key {envelope.keyid[:8]}", payload)
