# SPDX-License-Identifier: Apache-2.0
"""Keysets for tests: keys from seeds, rows, and chains whose every version can be bent."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archive import canonical
from archive.clock import rfc3339
from archive.digests import sha256_hex
from archive.model.statement import CONTENT, KEYSET_V1, Statement
from archive.proofs.dsse import Envelope
from archive.proofs.keys import ED25519
from archive.proofs.keyset_chain import SignedKeyset
from archive.signing.file import FileSigner

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def signer(seed: int) -> FileSigner:
    """A signer whose key follows from a small number."""
    return FileSigner(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def root_row(of: FileSigner) -> dict[str, Any]:
    """The keyset's row of a root key."""
    key = of.public_key
    return {"keyid": key.keyid, "alg": ED25519, "spki": key.spki_base64}


def key_row(of: FileSigner, **changes: Any) -> dict[str, Any]:
    """The keyset's row of a manifest key that is valid for ten years, unless changed."""
    return {
        **root_row(of),
        "role": "manifest",
        "valid_from": rfc3339(START),
        "valid_until": rfc3339(START + dt.timedelta(days=3650)),
        "state": "active",
        "invalid_since": None,
        "state_at": None,
        "reason": None,
        **changes,
    }


@dataclass(frozen=True)
class Draft:
    """What a keyset version says, before it is signed."""

    version: int
    previous: str | None
    roots: Sequence[FileSigner]
    keys: Sequence[dict[str, Any]]
    threshold: int = 1

    def content(self, **changes: Any) -> dict[str, Any]:
        """The content, some members changed."""
        return {
            "v": 2,
            "version": self.version,
            "previous": self.previous,
            "issued_at": rfc3339(START),
            "development": False,
            "root": {"threshold": self.threshold, "keys": [root_row(root) for root in self.roots]},
            "keys": list(self.keys),
            "logs": [],
            "witnesses": {"quorum": 0, "keys": []},
            "authorities": [],
            **changes,
        }

    def signed(self, *by: FileSigner, content: dict[str, Any] | None = None) -> SignedKeyset:
        """The version as stored, with a signature of each signer (the roots when none is named)."""
        data = canonical.dumps(self.content() if content is None else content)
        predicate = {"version": self.version, "previous": self.previous}
        payload = Statement({CONTENT: sha256_hex(data)}, KEYSET_V1, predicate).to_bytes()
        return SignedKeyset(tuple(sealed(one, payload) for one in by or self.roots), data)


def sealed(by: FileSigner, payload: bytes) -> Envelope:
    """An envelope over a payload."""
    unsigned = Envelope(payload, by.public_key.keyid, b"")
    return Envelope(payload, by.public_key.keyid, by.sign(unsigned.signed_bytes()))
