# SPDX-License-Identifier: Apache-2.0
"""Claim key.valid_at_time: the key had the role and was valid when it signed.

A time that only the signer claims counts for nothing once the key is revoked. While no trusted
time (RFC 3161, witness) is at hand, an unrevoked key is judged at the claimed time, and the
finding says so.
"""

import datetime as dt
from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.checks.trusted_time import trusted_not_after
from archive.clock import parse_rfc3339
from archive.errors import MalformedEvidence
from archive.model.claim import Finding
from archive.proofs.key_state import Signing, key_fault
from archive.proofs.keyset import MANIFEST, KeysetKey

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
    claimed, trusted = parse_rfc3339(look.claimed_time), trusted_not_after(evidence)
    fault = key_fault(key, Signing(MANIFEST, claimed, trusted))
    if fault is not None:
        yield CLAIM.fails("key", fault.code, fault.detail)
        return
    yield CLAIM.passes(
        "key",
        f"role {key.role}, valid {key.valid_from:%Y-%m-%d} to {key.valid_until:%Y-%m-%d}; "
        + _judged_at(key, trusted),
    )


def _judged_at(key: KeysetKey, trusted: dt.datetime | None) -> str:
    """By which time the key was judged, and how far that carries."""
    if trusted is None:
        return "judged at the claimed time, for no trusted time is at hand"
    shown = f"{trusted:%Y-%m-%d %H:%M:%S} UTC"
    if trusted >= key.valid_until:
        return f"judged at the claimed time, for the earliest trusted time, {shown}, is after that"
    if key.invalid_since is not None:
        return f"revoked as of {key.invalid_since:%Y-%m-%d}; signed before, at the latest {shown}"
    return f"signed at the latest {shown}, as others vouch"
