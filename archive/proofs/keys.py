# SPDX-License-Identifier: Apache-2.0
"""Public keys: read from SPKI, named by their digest, used to verify. No secret comes here.

OpenSSL accepts Ed25519 keys of low order and non-canonical encodings, under which a signature
can hold for many messages; such a key is refused when it is read.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from archive.digests import sha256_hex
from archive.errors import MalformedKeyset

ED25519 = "ed25519"

_PEM = re.compile(
    rb"\s*-----BEGIN PUBLIC KEY-----\s([A-Za-z0-9+/=\s]{1,1000})-----END PUBLIC KEY-----\s*"
)
_PRIME = 2**255 - 19
_ORDER_8_Y = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_LOW_ORDER_Y = frozenset({0, 1, _PRIME - 1, _ORDER_8_Y, _PRIME - _ORDER_8_Y})


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key; `keyid` is the SHA-256 of its DER SubjectPublicKeyInfo in hex."""

    keyid: str
    spki: bytes
    _key: Ed25519PublicKey

    @property
    def keyid8(self) -> str:
        """The first eight hex digits of the key ID, as file names use them."""
        return self.keyid[:8]

    @property
    def spki_base64(self) -> str:
        """The SubjectPublicKeyInfo in base64."""
        return base64.b64encode(self.spki).decode("ascii")

    @property
    def pem(self) -> bytes:
        """The SubjectPublicKeyInfo as PEM (RFC 7468), as openssl reads it."""
        return (
            f"-----BEGIN PUBLIC KEY-----\n{self.spki_base64}\n-----END PUBLIC KEY-----\n"
        ).encode("ascii")

    @property
    def raw(self) -> bytes:
        """The 32 bytes of the key itself."""
        return self._key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether the signature over the data is by this key (RFC 8032)."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def public_key(key: Ed25519PublicKey) -> PublicKey:
    """The key under its ID. Raises MalformedKeyset for a key that no honest owner makes."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _PRIME or y in _LOW_ORDER_Y:
        raise MalformedKeyset("the public key is of low order or not in its one encoding")
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(sha256_hex(spki), spki, key)


def public_key_of_raw(raw: bytes) -> PublicKey:
    """The key of 32 bytes. Raises MalformedKeyset when they are no usable Ed25519 key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise MalformedKeyset("the public key cannot be read") from error
    return public_key(key)


def read_public_key(spki_base64: str) -> PublicKey:
    """The key in base64 DER SPKI. Raises MalformedKeyset when it is no usable Ed25519 key."""
    try:
        spki = base64.b64decode(spki_base64, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedKeyset("the public key cannot be read") from error
    return read_spki(spki)


def read_public_pem(data: bytes) -> PublicKey:
    """The key in a PEM file of one public key. Raises MalformedKeyset as `read_public_key`."""
    found = _PEM.fullmatch(data)
    if found is None:
        raise MalformedKeyset("this is no PEM file of one public key")
    return read_public_key(b"".join(found[1].split()).decode("ascii"))


def read_spki(spki: bytes) -> PublicKey:
    """The key in DER SubjectPublicKeyInfo. Raises MalformedKeyset as `read_public_key`."""
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MalformedKeyset("the public key cannot be read") from error
    if not isinstance(key, Ed25519PublicKey):
        raise MalformedKeyset("the public key is of an algorithm that is not allowed")
    found = public_key(key)
    if found.spki != spki:
        raise MalformedKeyset("the public key is not in its one DER form")
    return found
