# SPDX-License-Identifier: Apache-2.0
"""Claim key.chain: a chain of keysets leads from a pinned root to the key that signed."""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.errors import MalformedEvidence
from archive.model.claim import Finding
from archive.proofs.keyset_chain import BrokenChain, KeysetNotAtHand, RolledBack, UnpinnedRoot

CLAIM = Claim(
    "key.chain",
    "Does a trusted root key vouch for the key that signed?",
    ("envelope.form",),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about the signing key."""
    keyid = evidence.envelope.keyid
    try:
        keyset = evidence.keyset
    except (UnpinnedRoot, KeysetNotAtHand) as error:
        yield CLAIM.unknown("key", error.code, str(error))
        return
    except RolledBack as error:
        yield CLAIM.fails("key", "KEYSET_ROLLBACK", str(error))
        return
    except MalformedEvidence as error:
        yield CLAIM.fails("key", BrokenChain.code, str(error))
        return
    if keyid not in keyset.keys:
        yield CLAIM.fails(
            "key", "KEY_UNKNOWN", f"key {keyid} is in no keyset that the trusted root vouches for"
        )
        return
    kind = "development root" if keyset.is_development else "root"
    yield CLAIM.passes(
        "key", f"key {keyid[:8]} is in keyset {keyset.version}, signed by a trusted {kind} key"
    )
