# SPDX-License-Identifier: Apache-2.0
"""Reads RFC 3161 tokens strictly, and checks what one is over, by whom it is made, and when.

The library trusts every certificate that it is given, so it never gets a self-issued one that
came with the token, and the chain is followed here as well.
"""

import datetime as dt
import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

from archive.errors import MalformedEvidence
from archive.libraries import needed
from archive.proofs.certificates import is_self_issued, leads_to, read_der

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

# What the library lets through of the parsers below it.
_UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    UnsupportedAlgorithm,
    UserWarning,  # what RFC 5280 forbids and the library still reads
)
_GRANTED = 0
_ALGORITHMS = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it came, and what it states: its time, the digest of what, by whose key.

    `accuracy` is by how much the time may be off, `signers` are issuer and serial number of the
    certificates that it names, `carried` those that it holds itself, whosoever they are.
    """

    der: bytes
    response: "TimeStampResponse"
    at: dt.datetime
    accuracy: dt.timedelta
    algorithm: str
    digest: bytes
    policy: str
    serial: int
    nonce: int | None
    signers: tuple[tuple[x509.Name, int], ...]
    carried: tuple[x509.Certificate, ...]


def read_token(der: bytes) -> Token:
    """The token of a TimeStampResp. Raises MalformedEvidence when it is none of strict DER.

    Raises LibraryMissing where tokens cannot be read at all.
    """
    library = _library()
    try:
        response = library.decode_timestamp_response(der)
        with warnings.catch_warnings(action="error", category=UserWarning):
            return _token(der, response)
    except _UNREADABLE as error:
        raise MalformedEvidence("the timestamp is no TimeStampResp in DER") from error


def _library() -> Any:
    return needed(
        "rfc3161_client",
        "to read timestamps: install it, or run `openssl ts -verify` as README.txt says",
    )


def _token(der: bytes, response: "TimeStampResponse") -> Token:
    # All of it now: the library reads each part when it is asked for, and may fail there.
    if response.status != _GRANTED:
        raise MalformedEvidence("the timestamp was not granted as it was asked for")
    info, signers = response.tst_info, response.signed_data.signer_infos
    at, accuracy = info.gen_time.astimezone(dt.UTC), _accuracy(info.accuracy)
    # Where the latest time that it allows cannot be written, the token says nothing of any time.
    _ = at + accuracy
    return Token(
        der=der,
        response=response,
        at=at,
        accuracy=accuracy,
        algorithm=info.message_imprint.hash_algorithm.dotted_string,
        digest=info.message_imprint.message,
        policy=info.policy.dotted_string,
        serial=info.serial_number,
        nonce=info.nonce,
        signers=tuple((one.issuer, one.serial_number) for one in signers),
        carried=tuple(read_der(one) for one in sorted(response.signed_data.certificates)),
    )


def _accuracy(stated: Any) -> dt.timedelta:
    """By how much the time may be wrong, in either direction, as the token says."""
    if stated is None:
        return dt.timedelta()
    return dt.timedelta(
        seconds=stated.seconds or 0,
        milliseconds=stated.millis or 0,
        microseconds=stated.micros or 0,
    )


def is_token_of(
    token: Token,
    message: bytes,
    chain: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
) -> bool:
    """Whether the chain's first certificate made the token over the message, under an anchor.

    The certificate must be for timestamps and nothing else (RFC 3161 2.3), and every certificate
    up to the anchor valid at the token's time. Revocation is not looked at.
    """
    if not anchors or not is_for_timestamps(chain[0]) or not leads_to(chain, anchors, token.at):
        return False
    if not is_made_by(token, chain[0]):
        return False
    # A fresh builder with lists of its own: its copies share theirs.
    library = _library()
    verifier = library.VerifierBuilder(
        tsa_certificate=chain[0],
        intermediates=[one for one in chain[1:] if not is_self_issued(one)],
        roots=list(anchors),
    ).build()
    try:
        return bool(verifier.verify_message(token.response, message))
    except (library.VerificationError, *_UNREADABLE):
        return False


def is_made_by(token: Token, leaf: x509.Certificate) -> bool:
    """Whether the token names this certificate, and no other, as its signer's.

    The library looks only when the token holds certificates itself.
    """
    return token.signers == ((leaf.issuer, leaf.serial_number),)


def is_over(token: Token, message: bytes) -> bool:
    """Whether the token states the message's digest, whoever signed that."""
    algorithm = _ALGORITHMS.get(token.algorithm)
    return algorithm is not None and hashlib.new(algorithm, message).digest() == token.digest


def is_for_timestamps(leaf: x509.Certificate) -> bool:
    """Whether the certificate is for timestamps and nothing else, and says so critically."""
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    return usage.critical and list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
