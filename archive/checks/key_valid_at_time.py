# SPDX-License-Identifier: Apache-2.0
"""Claim key.valid_at_time: the key had the role and was valid when it signed.

A time that only the signer claims counts for nothing once the key is revoked. While no trusted
time (RFC 3161, witness) is at hand, an unrevoked key is judged at the claimed time, and the
finding says so.
"""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.clock import parse_rfc3339
from archive.errors import MalformedEvidence
from archive.model.claim import Finding

CLAIM = Claim(
    "key.valid_at_time",
    "Was the key allowed to sign captures at that time?",
    ("statement.canonical", "key.chain"),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about the key's role and span of validity."""
    keyid = evidence.envelope.keyid
    try:
        key = evidence.keyset.keys[keyid]
    except MalformedEvidence as error:
        yield CLAIM.unknown("key", error.code, "no trusted keyset lists the key")
        return
    look = evidence.look
    newest = evidence.keyset.version
    if look.signer.keyset_version > newest:
        yield CLAIM.fails(
            "key",
            "KEYSET_ROLLBACK",
            f"it was signed under keyset {look.signer.keyset_version}, and {newest} is the newest "
            "at hand: what came after it is withheld",
        )
        return
    if look.signer.keyid != keyid:
        yield CLAIM.fails(
            "key", "KEYID_BINDING", f"the statement names key {look.signer.keyid[:8]} as its signer"
        )
        return
    if key.role != "manifest":
        yield CLAIM.fails("key", "KEY_ROLE_MISMATCH", f"the key's role is {key.role}")
        return
    if key.state == "revoked":
        yield CLAIM.fails(
            "key", "KEY_REVOKED_TIME_UNPROVEN", "the key is revoked and no trusted time is at hand"
        )
        return
    claimed = parse_rfc3339(look.claimed_time)
    if claimed < key.valid_from:
        yield CLAIM.fails("key", "KEY_NOT_YET_VALID", f"the key is valid from {key.valid_from}")
        return
    if claimed >= key.valid_until:
        yield CLAIM.fails("key", "KEY_EXPIRED", f"the key was valid until {key.valid_until}")
        return
    yield CLAIM.passes(
        "key",
        f"role {key.role}, valid {key.valid_from:%Y-%m-%d} to {key.valid_until:%Y-%m-%d}; "
        "judged at the claimed time, for no trusted time is at hand",
    )
