# SPDX-License-Identifier: Apache-2.0
"""Verifier keys of signed notes (C2SP signed-note): one line that names a key and holds it.

The line is `<name>+<hash>+<key>`: the name, the first four bytes of SHA-256(name, LF, type, key)
in hex, and type and key in base64.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from archive.digests import sha256_hex
from archive.errors import MalformedKeyset
from archive.proofs.keys import PublicKey, public_key

SIGNED_NOTE = 0x01
"""Type of the Ed25519 key of a log."""
COSIGNATURE = 0x04
"""Type of the Ed25519 key of a witness (cosignature/v1)."""

NAME_LIMIT = 200
_KINDS = frozenset({SIGNED_NOTE, COSIGNATURE})
_HASH = re.compile(r"[0-9a-f]{8}")
_RAW_BYTES = 32
# C2SP lets names be any UTF-8 without space and plus; ASCII has no two names that look alike.
_NAME = re.compile(rf"[!-*,-~]{{1,{NAME_LIMIT}}}")


def is_note_name(name: str) -> bool:
    """Whether this can be the name of a key, and the origin of a log."""
    return _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 key under the name and for the use (`kind`) that its signatures state."""

    name: str
    kind: int
    key: PublicKey

    @property
    def key_hash(self) -> bytes:
        """The four bytes that stand before each of its signatures."""
        named = self.name.encode("ascii") + b"\n" + bytes([self.kind]) + self.key.raw
        return bytes.fromhex(sha256_hex(named))[:4]

    @property
    def text(self) -> str:
        """The line."""
        key = base64.b64encode(bytes([self.kind]) + self.key.raw).decode("ascii")
        return f"{self.name}+{self.key_hash.hex()}+{key}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The key that a line holds, in its one spelling. Raises MalformedKeyset."""
        name, _, rest = text.partition("+")
        key_hash, _, encoded = rest.partition("+")
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise MalformedKeyset("a verifier key holds bad base64") from error
        if not is_note_name(name) or not _HASH.fullmatch(key_hash):
            raise MalformedKeyset("a verifier key is not <name>+<hash>+<key>")
        if len(data) != 1 + _RAW_BYTES or data[0] not in _KINDS:
            raise MalformedKeyset("a verifier key is of a type that is not allowed")
        found = cls(name, data[0], public_key(Ed25519PublicKey.from_public_bytes(data[1:])))
        if found.text != text:
            raise MalformedKeyset("a verifier key has another hash or spelling than its own")
        return found
