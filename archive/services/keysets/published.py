# SPDX-License-Identifier: Apache-2.0
"""What the archive publishes of its keys: keyset files, a JWK set, and a list for people.

All of it is made of the trusted chain in the store, so that no two of them say different things.
"""

import base64
from dataclasses import dataclass
from typing import Any

from archive.canonical import JsonValue
from archive.errors import NotFound, ObjectMissing
from archive.proofs.keyset import ACTIVE, REVOKED, Keyset
from archive.proofs.keyset_bundle import KeysetBundle
from archive.services.context import Archive
from archive.services.keysets.words import key_words, keyset_json
from archive.services.trust import TrustedVersion, trusted_versions
from archive.storage.layout import blob_key


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """The trusted versions, in order, and the root keys that are pinned here."""

    archive: Archive
    versions: tuple[TrustedVersion, ...]

    @property
    def newest(self) -> Keyset:
        """The keyset in force."""
        return self.versions[-1].keyset

    def bundle(self, version: int | None = None) -> bytes:
        """The file of a version, of the newest when none is named. Raises NotFound."""
        number = self.newest.version if version is None else version
        if not 1 <= number <= len(self.versions):
            raise NotFound(f"there is no keyset {number}: the newest is {self.newest.version}")
        found = self.versions[number - 1]
        roots = {root for item in found.keyset.authorities for root in item.roots}
        certificates = [_certificate(self.archive, root) for root in sorted(roots)]
        return KeysetBundle.of(found.signed, [each for each in certificates if each]).to_bytes()

    def jwks(self) -> JsonValue:
        """The signing keys that are not revoked, as a JWK set (RFC 7517, RFC 8037)."""
        return {
            "keys": [
                {
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "x": base64.urlsafe_b64encode(item.key.raw).rstrip(b"=").decode("ascii"),
                    "kid": keyid,
                    "use": "sig",
                }
                for keyid, item in self.newest.keys.items()
                if item.state != REVOKED
            ]
        }

    def to_json(self) -> dict[str, Any]:
        """Everything that is told of keys and keysets, as `muniment keys list --json` has it."""
        return {
            **keyset_json(self.newest),
            "pinned_roots": list(self.archive.pinned_roots),
            "versions": [version.to_json() for version in self.versions],
        }

    def rows(self) -> list[dict[str, Any]]:
        """The signing keys for people: ID, whether it signs now, and the rest in words."""
        return [
            {"keyid": keyid, "is_active": item.state == ACTIVE, "words": key_words(item)}
            for keyid, item in self.newest.keys.items()
        ]


def published_keys(archive: Archive) -> PublishedKeys:
    """What the store holds now. Raises MalformedEvidence, StorageError."""
    return PublishedKeys(archive, trusted_versions(archive))


def _certificate(archive: Archive, sha256: str) -> bytes | None:
    try:
        return archive.store.get(blob_key(sha256))
    except ObjectMissing:
        return None  # audit names it; the keyset is sound without
