# SPDX-License-Identifier: Apache-2.0
"""Verifies the signature of a WACZ (wacz-auth 0.1.0) strictly: who signed which datapackage.json.

The format signs a digest as text. So a good signature says nothing until that digest is the one
of the package, the key is one that was pinned or that a pinned authority vouches for at a trusted
time, and there is no member that a reader could take for another.
"""

import base64
import binascii
import datetime as dt
import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from archive.canonical import JsonValue
from archive.clock import Precision, read_time
from archive.errors import MalformedEvidence, MalformedTime
from archive.proofs.certificates import is_self_issued, read_pem_chain
from archive.proofs.time_token import Token, is_made_by, is_over, is_token_of, read_token

SIGNATURE_INVALID = "WACZ_SIG"
SIGNATURE_REPLAYED = "WACZ_SIG_REPLAYED"
SIGNATURE_ABSENT = "WACZ_UNSIGNED"
SIGNATURE_UNTRUSTED = "WACZ_SIG_UNTRUSTED"

_VERSION = "0.1.0"
_TOKEN_WITHIN = dt.timedelta(minutes=10)
_COMMON = frozenset({"hash", "created", "software", "version", "signature"})
_ANONYMOUS = _COMMON | {"publicKey"}
_DOMAIN = _COMMON | {"domain", "domainCert", "timeSignature", "timestampCert"}
_CROSS = "crossSignedCert"
_TEXT_LIMIT = 128 * 1024


class Verdict(enum.StrEnum):
    """What is known of the signature; `untrusted` is good by a key that nobody here vouches for."""

    VALID = "valid"
    INVALID = "invalid"
    ABSENT = "absent"
    UNTRUSTED = "untrusted"


@dataclass(frozen=True, slots=True)
class WaczTrust:
    """Whom the archive's operator trusts; by default nobody.

    `keys` are SHA-256 digests (hex) of the DER public keys of anonymous signers.
    """

    domain_roots: tuple[x509.Certificate, ...] = ()
    timestamp_roots: tuple[x509.Certificate, ...] = ()
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SignedPackage:
    """What the signature must be about: `hash` is `sha256:` and hex of datapackage.json's bytes."""

    hash: str
    created: str | None


@dataclass(frozen=True, slots=True)
class SignatureAnswer:
    """The verdict, its stable code (empty when valid), and who signed, as far as it is known.

    `signer` is `domain:` and a name or `key:` and a digest; `signed_at` is the token's time.
    """

    verdict: Verdict
    code: str
    detail: str
    signer: str | None = None
    signed_at: dt.datetime | None = None


class _Refused(Exception):
    """The signature is not good; the message says why. Never leaves this module."""


def verify_signature(
    signed: JsonValue, package: SignedPackage, trust: WaczTrust
) -> SignatureAnswer:
    """The answer about a `signedData` value (None when there is none).

    Nothing is raised for what stands in the value: it is outside data, and `invalid` then.
    """
    if signed is None:
        return SignatureAnswer(Verdict.ABSENT, SIGNATURE_ABSENT, "the package is not signed")
    try:
        data = _SignedData(signed)
        answer = _anonymous(data, trust) if data.is_anonymous else _domain(data, trust)
        if data["hash"] != package.hash:
            detail = "the signature is good, and is over another package's digest"
            return SignatureAnswer(Verdict.INVALID, SIGNATURE_REPLAYED, detail, answer.signer)
        if data["created"] != package.created:
            detail = "the time of signing is not that of the package (`created`)"
            return SignatureAnswer(Verdict.INVALID, SIGNATURE_INVALID, detail, answer.signer)
    except (_Refused, MalformedEvidence) as error:
        return SignatureAnswer(Verdict.INVALID, SIGNATURE_INVALID, str(error))
    return answer


class _SignedData:
    """The members, checked to be exactly those of one form, and all of them text."""

    def __init__(self, value: JsonValue) -> None:
        if type(value) is not dict or not all(type(item) is str for item in value.values()):
            raise _Refused("signedData is no object of texts")
        names = frozenset(value)
        if names not in {_ANONYMOUS, _DOMAIN, _DOMAIN | {_CROSS}}:
            odd = sorted(names ^ (_ANONYMOUS if "publicKey" in names else _DOMAIN) - {_CROSS})
            raise _Refused(
                f"signedData has not the members of one form: see {', '.join(odd)}"[:300]
            )
        self._members: Mapping[str, str] = value
        self.is_anonymous = names == _ANONYMOUS
        if value["version"] != _VERSION:
            raise _Refused(f"the signature's version is not {_VERSION}")
        if any(len(item) > _TEXT_LIMIT for item in value.values()):
            raise _Refused(f"a member is longer than {_TEXT_LIMIT} characters")

    def __getitem__(self, name: str) -> str:
        return self._members[name]

    def has(self, name: str) -> bool:
        return name in self._members

    def decoded(self, name: str) -> bytes:
        try:
            data = base64.b64decode(self[name], validate=True)
        except (binascii.Error, ValueError) as error:
            raise _Refused(f"{name} is no base64") from error
        if base64.b64encode(data).decode("ascii") != self[name]:
            raise _Refused(f"{name} is base64 in another spelling than its own")
        return data

    @cached_property
    def created(self) -> dt.datetime:
        try:
            time = read_time(self["created"])
        except MalformedTime as error:
            raise _Refused("`created` is no time") from error
        if time.precision not in {Precision.SECOND, Precision.FRACTION}:
            raise _Refused("`created` is no time to the second")
        # Tokens of most authorities have no fraction of a second.
        return time.start.replace(microsecond=0)


def _anonymous(data: _SignedData, trust: WaczTrust) -> SignatureAnswer:
    der = data.decoded("publicKey")
    try:
        key = serialization.load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _Refused("publicKey is no public key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(
        key.curve, ec.SECP256R1 | ec.SECP384R1
    ):
        raise _Refused("publicKey is not on the curve P-256 or P-384")
    signature = data.decoded("signature")
    forms = [_from_raw(signature, key), signature]
    if not any(form and _is_signed(key, form, data["hash"].encode("utf-8")) for form in forms):
        raise _Refused("the signature is not by that key over that digest")
    keyid = hashlib.sha256(der).hexdigest()
    signer = f"key:{keyid}"
    if keyid in trust.keys:
        return SignatureAnswer(Verdict.VALID, "", f"signed by the trusted key {keyid}", signer)
    detail = f"signed by the key {keyid}, which nobody vouches for"
    return SignatureAnswer(Verdict.UNTRUSTED, SIGNATURE_UNTRUSTED, detail, signer)


def _domain(data: _SignedData, trust: WaczTrust) -> SignatureAnswer:
    chain = read_pem_chain(data["domainCert"])
    key = chain[0].public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _Refused("the domain's key is not on the curve P-256")
    if not _is_signed(key, data.decoded("signature"), data["hash"].encode("utf-8")):
        raise _Refused("the signature is not by the domain's key over that digest")
    domain = data["domain"]
    if domain != domain.lower():
        raise _Refused("the domain is not in lower case")
    token = read_token(data.decoded("timeSignature"))
    is_time_trusted = _is_time_trusted(data, token, trust)
    if not dt.timedelta(0) <= token.at - data.created <= _TOKEN_WITHIN:
        raise _Refused("the timestamp is not of the ten minutes after `created`")
    is_domain_trusted = _is_domain_trusted(data, chain, token, trust)
    signer = f"domain:{domain}"
    if is_time_trusted and is_domain_trusted:
        detail = f"signed by {domain}, with a timestamp of a trusted authority"
        return SignatureAnswer(Verdict.VALID, "", detail, signer, token.at)
    missing = [
        *([] if is_domain_trusted else ["the certificate of the domain"]),
        *([] if is_time_trusted else ["the timestamp"]),
    ]
    detail = f"signed in the name of {domain}; no trusted authority stands behind "
    return SignatureAnswer(
        Verdict.UNTRUSTED, SIGNATURE_UNTRUSTED, detail + " and ".join(missing), signer, token.at
    )


def _is_time_trusted(data: _SignedData, token: Token, trust: WaczTrust) -> bool:
    """Whether a pinned root stands behind the token; refused when it is not even its own."""
    chain = read_pem_chain(data["timestampCert"])
    message = data["signature"].encode("ascii")
    if is_token_of(token, message, chain, trust.timestamp_roots):
        return True
    root = chain[-1]
    if is_self_issued(root):
        is_possible = is_token_of(token, message, chain, (root,))
    else:
        # Its root is left out, so that nobody can tell more.
        is_possible = is_over(token, message) and is_made_by(token, chain[0])
    if is_possible:
        return False
    raise _Refused("the timestamp is not over this signature by the authority that is named")


def _is_domain_trusted(
    data: _SignedData, given: tuple[x509.Certificate, ...], token: Token, trust: WaczTrust
) -> bool:
    """Whether a pinned root stands behind the domain; refused when its own chain does not hold."""
    domain = data["domain"]
    crossed = read_pem_chain(data[_CROSS]) if data.has(_CROSS) else ()
    chain = (*given, *crossed)
    if _is_chain_good(domain, chain, trust.domain_roots, token):
        return True
    # The authority that the package itself names proves nothing, but must not contradict it.
    if len(given) == 1 or _is_chain_good(domain, chain, given[-1:], token):
        return False
    raise _Refused("the certificates do not make one chain for that domain at that time")


def _is_chain_good(
    domain: str,
    chain: tuple[x509.Certificate, ...],
    anchors: tuple[x509.Certificate, ...],
    token: Token,
) -> bool:
    if not anchors:
        return False
    leaf, *between = chain
    try:
        name = x509.DNSName(domain)
        policy = PolicyBuilder().store(Store(list(anchors))).time(token.at)
        policy.build_server_verifier(name).verify(leaf, between)
    except (VerificationError, ValueError):
        return False
    return True


def _from_raw(signature: bytes, key: ec.EllipticCurvePublicKey) -> bytes | None:
    """The DER form of r and s, one behind the other, as WebCrypto writes them."""
    half = (key.curve.key_size + 7) // 8
    if len(signature) != 2 * half:
        return None
    r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
    return encode_dss_signature(r, s)


def _is_signed(key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
    try:
        # Only the shortest DER form, so that a signature has one spelling.
        if encode_dss_signature(*decode_dss_signature(signature)) != signature:
            return False
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True
