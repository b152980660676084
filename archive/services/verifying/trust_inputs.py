# SPDX-License-Identifier: Apache-2.0
"""What a verifier took as given, as its report tells it."""

from archive.checks.evidence import Evidence
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence
from archive.model.claim import TrustInputs
from archive.proofs.log_policy import policy_text


def trust_inputs(gathered: Evidence, roots: tuple[str, ...], source: str) -> TrustInputs:
    """The root fingerprints and where they came from, and what the keyset adds to that."""
    try:
        keyset = gathered.keyset
    except MalformedEvidence:
        return TrustInputs(roots, source, None)
    pinned = gathered.log.pinned if gathered.log else ()
    return TrustInputs(
        roots,
        source,
        keyset.version,
        log_policy_sha256=sha256_hex(policy_text(keyset).encode()) if keyset.logs else None,
        pinned_checkpoint=sha256_hex(pinned[0]) if pinned else None,
    )
