# SPDX-License-Identifier: Apache-2.0
"""RFC 3161 responses made by hand, at any time and wrong in any one way.

`openssl ts` knows only the machine's own time. What is made here is held against it in a test.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.authorities import Holder

POLICY = "1.2.3.4.1"
_DIGESTS = {"sha256": "2.16.840.1.101.3.4.2.1", "sha512": "2.16.840.1.101.3.4.2.3"}
_SEQUENCE, _SET, _INTEGER, _OCTETS, _OID, _TIME = 0x30, 0x31, 0x02, 0x04, 0x06, 0x18
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
_ECDSA_SHA256 = "1.2.840.10045.4.3.2"


@dataclass(frozen=True)
class TokenWish:
    """What a token is to state, and which certificates it holds beside the signer's."""

    at: dt.datetime
    algorithm: str = "sha256"
    policy: str = POLICY
    serial: int = 1
    nonce: int | None = None
    accuracy_seconds: int | None = None
    others: tuple[Holder, ...] = ()
    holds_signer: bool = True
    is_sorted: bool = True
    status: int = 0
    named: Holder | None = field(default=None)
    sworn: Holder | None = field(default=None)


def token_over(message: bytes, signer: Holder, wish: TokenWish) -> bytes:
    """A TimeStampResp over the message."""
    return token_of_digest(hashlib.new(wish.algorithm, message).digest(), signer, wish)


def token_of_digest(digest: bytes, signer: Holder, wish: TokenWish) -> bytes:
    """A TimeStampResp over the digest."""
    info = _tst_info(digest, wish)
    held = ([signer] if wish.holds_signer else []) + list(wish.others)
    certificates = [one.certificate.public_bytes(serialization.Encoding.DER) for one in held]
    ordered = sorted(certificates) if wish.is_sorted else sorted(certificates, reverse=True)
    signed = _tlv(
        _SEQUENCE,
        _integer(3),
        _tlv(_SET, _algorithm(_DIGESTS["sha256"])),
        _tlv(_SEQUENCE, _oid(_TST_INFO), _tlv(0xA0, _tlv(_OCTETS, info))),
        _tlv(0xA0, *ordered) if ordered else b"",
        _tlv(_SET, _signer_info(info, signer, wish)),
    )
    token = _tlv(_SEQUENCE, _oid(_SIGNED_DATA), _tlv(0xA0, signed))
    return _tlv(_SEQUENCE, _tlv(_SEQUENCE, _integer(wish.status)), token)


def rejection() -> bytes:
    """A TimeStampResp that grants nothing."""
    return _tlv(_SEQUENCE, _tlv(_SEQUENCE, _integer(2)))


def _tst_info(digest: bytes, wish: TokenWish) -> bytes:
    text = wish.at.astimezone(dt.UTC).strftime("%Y%m%d%H%M%S")
    if wish.at.microsecond:
        text += f".{wish.at.microsecond:06}".rstrip("0")
    imprint = _tlv(_SEQUENCE, _algorithm(_DIGESTS[wish.algorithm]), _tlv(_OCTETS, digest))
    nonce = b"" if wish.nonce is None else _integer(wish.nonce)
    return _tlv(
        _SEQUENCE,
        _integer(1),
        _oid(wish.policy),
        imprint,
        _integer(wish.serial),
        _tlv(_TIME, f"{text}Z".encode()),
        b"" if wish.accuracy_seconds is None else _tlv(_SEQUENCE, _integer(wish.accuracy_seconds)),
        nonce,
    )


def _signer_info(info: bytes, signer: Holder, wish: TokenWish) -> bytes:
    named = wish.named or signer
    sworn = wish.sworn or named
    der = sworn.certificate.public_bytes(serialization.Encoding.DER)
    certificate_id = _tlv(_SEQUENCE, _tlv(_OCTETS, hashlib.sha256(der).digest()))
    attributes = sorted(
        [
            _attribute(_CONTENT_TYPE, _oid(_TST_INFO)),
            _attribute(_MESSAGE_DIGEST, _tlv(_OCTETS, hashlib.sha256(info).digest())),
            _attribute(_SIGNING_CERTIFICATE, _tlv(_SEQUENCE, _tlv(_SEQUENCE, certificate_id))),
        ]
    )
    signature = signer.key.sign(_tlv(_SET, *attributes), ec.ECDSA(hashes.SHA256()))
    issuer: x509.Name = named.certificate.issuer
    return _tlv(
        _SEQUENCE,
        _integer(1),
        _tlv(_SEQUENCE, issuer.public_bytes(), _integer(named.certificate.serial_number)),
        _algorithm(_DIGESTS["sha256"]),
        _tlv(0xA0, *attributes),
        _tlv(_SEQUENCE, _oid(_ECDSA_SHA256)),
        _tlv(_OCTETS, signature),
    )


def _attribute(kind: str, value: bytes) -> bytes:
    return _tlv(_SEQUENCE, _oid(kind), _tlv(_SET, value))


def _algorithm(kind: str) -> bytes:
    return _tlv(_SEQUENCE, _oid(kind))


def _integer(value: int) -> bytes:
    return _tlv(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _oid(text: str) -> bytes:
    first, second, *rest = (int(part) for part in text.split("."))
    content = bytearray()
    for arc in (first * 40 + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(arc & 0x7F | 0x80)
        content += bytes(reversed(septets))
    return _tlv(_OID, bytes(content))


def _tlv(tag: int, *content: bytes) -> bytes:
    data = b"".join(content)
    if len(data) < 0x80:
        return bytes([tag, len(data)]) + data
    length = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + data
