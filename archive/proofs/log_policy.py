# SPDX-License-Identifier: Apache-2.0
"""A keyset's trust in logs and witnesses as a policy file (c2sp.org/tlog-policy), in one form."""

from archive.proofs.keyset import Keyset
from archive.proofs.note import COSIGNATURE, ED25519, VerifierKey


def policy_text(keyset: Keyset) -> str:
    """The file: its logs, its witnesses, and how many of these must have cosigned."""
    lines = [
        f"log {VerifierKey(log.origin, ED25519, keyset.keys[log.keyid].key).to_text()}"
        for log in keyset.logs
    ]
    named = [f"w{number}" for number in range(1, len(keyset.witnesses.keys) + 1)]
    for name, listed in zip(named, keyset.witnesses.keys, strict=True):
        key = VerifierKey(listed.name, COSIGNATURE, listed.key)
        lines.append(f"witness {name} {key.to_text()}")
    if keyset.witnesses.quorum:
        lines.append(f"group witnesses {keyset.witnesses.quorum} {' '.join(named)}")
    lines.append(f"quorum {'witnesses' if keyset.witnesses.quorum else 'none'}")
    return "".join(f"{line}\n" for line in lines)
