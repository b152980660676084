# SPDX-License-Identifier: Apache-2.0
"""Judges an RFC 3161 token over given bytes against one pinned authority, offline.

In this order, so that one fault gives one code: it can be read, it is over these bytes, its signer
is for timestamps and leads to a pinned root at the token's time and signed it, the policy is one
that was pinned, no certificate was revoked, and the time is one that can be.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from archive.clock import rfc3339
from archive.errors import MalformedEvidence
from archive.proofs.certificates import path_to_anchor, read_der
from archive.proofs.revocation import Standing, When, read_crl, standing_of
from archive.proofs.signing_certificate import names_certificate
from archive.proofs.time_token import (
    Token,
    is_for_timestamps,
    is_over,
    is_token_of,
    read_token,
)

TS_UNPARSEABLE = "TS_UNPARSEABLE"
TS_IMPRINT_MISMATCH = "TS_IMPRINT_MISMATCH"
TS_CHAIN = "TS_CHAIN"
TS_POLICY = "TS_POLICY"
TS_REVOKED = "TS_REVOKED"
TS_REVOCATION_UNKNOWN = "TS_REVOCATION_UNKNOWN"
TS_BEFORE_CAPTURE = "TS_BEFORE_CAPTURE"
TS_IN_FUTURE = "TS_IN_FUTURE"
TS_NONCE = "TS_NONCE"

# The clocks of archive and authority may differ by so much, and tokens state whole seconds. It is
# held against differences: a sum may lie beyond the last time that can be written.
SKEW = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class PinnedAuthority:
    """A timestamp authority as a verifier trusts it: pinned roots, and policies (none: any)."""

    name: str
    roots: tuple[x509.Certificate, ...]
    policies: tuple[str, ...] = ()
    is_qualified: bool = False

    @property
    def roots_der(self) -> tuple[bytes, ...]:
        """The root certificates in DER."""
        return tuple(root.public_bytes(Encoding.DER) for root in self.roots)


@dataclass(frozen=True, slots=True)
class TokenFiles:
    """A TimeStampResp in DER, and the certificates and revocation lists that were kept with it."""

    token: bytes
    certificates: tuple[bytes, ...] = ()
    lists: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """What the token must be over, and what is known of its time.

    `earliest` is when that was made by the archive's own clock, `now` the verifier's time, and
    `known_since` a trusted time from elsewhere at which the token was there already. The nonce is
    that of the request, which only whoever asked knows.
    """

    message: bytes
    now: dt.datetime
    earliest: dt.datetime | None = None
    known_since: dt.datetime | None = None
    nonce: int | None = None


@dataclass(frozen=True, slots=True)
class TokenVerdict:
    """What is known of a token. `code` is empty when it is good in every respect.

    `is_certain` is false when nothing is wrong and not all could be looked at. `at` is the time
    that it states, as soon as it can be read; `ends_at` when its signer's certificate ends.
    """

    code: str
    detail: str
    is_certain: bool = True
    at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    accuracy: dt.timedelta = dt.timedelta()

    @property
    def latest(self) -> dt.datetime:
        """The latest time at which the token can have been made, by its own word of its accuracy.

        Raises ValueError when it states none.
        """
        if self.at is None:
            raise ValueError("a token that cannot be read states no time")
        return self.at + self.accuracy

    @property
    def is_good(self) -> bool:
        """Whether the token proves its time."""
        return not self.code

    def is_due(self, now: dt.datetime, renew_before: dt.timedelta) -> bool:
        """Whether it is to be renewed: past its middle, and soon to end, or ended."""
        if self.at is None or self.ends_at is None:
            return False
        return middle(self.at, self.ends_at) <= now and self.ends_at - renew_before < now


def middle(at: dt.datetime, ends_at: dt.datetime) -> dt.datetime:
    """When half the time has gone by between a token and the end of the certificate behind it.

    Before that nothing is due: a certificate of few days would be renewed for ever.
    """
    return at + (ends_at - at) / 2


class _Refused(Exception):
    """The token is not good, by this code. Never leaves this module."""

    def __init__(self, code: str, detail: str, *, is_certain: bool = True) -> None:
        super().__init__(detail)
        self.code = code
        self.is_certain = is_certain


def judge_token(files: TokenFiles, authority: PinnedAuthority, expected: Expected) -> TokenVerdict:
    """The verdict on a token of this authority. Raises nothing for what stands in the files."""
    try:
        token = read_token(files.token)
        given = (*token.carried, *(read_der(one) for one in files.certificates))
        lists = tuple(read_crl(one) for one in files.lists)
    except MalformedEvidence as error:
        return TokenVerdict(TS_UNPARSEABLE, str(error))
    leaf = signer_of(token, given)
    ends_at = leaf.not_valid_after_utc if leaf else None
    try:
        path = _checked_path(token, leaf, given, authority, expected)
        detail = _checked_standing(path, lists, token, expected)
        _check_time(token, expected)
    except _Refused as error:
        return TokenVerdict(
            error.code, str(error), is_certain=error.is_certain, at=token.at, ends_at=ends_at
        )
    return TokenVerdict("", detail, at=token.at, ends_at=ends_at, accuracy=token.accuracy)


def chain_of(files: TokenFiles, authority: PinnedAuthority) -> tuple[x509.Certificate, ...]:
    """The certificates from the token's signer to a pinned root, none when they lead nowhere.

    Raises MalformedEvidence. That the signer signed it is not looked at.
    """
    token = read_token(files.token)
    given = (*token.carried, *(read_der(one) for one in files.certificates))
    leaf = signer_of(token, given)
    found = leaf and path_to_anchor(leaf, given, authority.roots, token.at)
    return found or ()


def signer_of(token: Token, given: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """The one of the certificates that the token names as its only signer's."""
    for certificate in given:
        if token.signers == ((certificate.issuer, certificate.serial_number),):
            return certificate
    return None


def _checked_path(
    token: Token,
    leaf: x509.Certificate | None,
    given: Sequence[x509.Certificate],
    authority: PinnedAuthority,
    expected: Expected,
) -> tuple[x509.Certificate, ...]:
    if not is_over(token, expected.message):
        raise _Refused(TS_IMPRINT_MISMATCH, "the token is over other bytes")
    if leaf is None:
        raise _Refused(TS_CHAIN, "the certificate of its signer is not at hand")
    if not is_for_timestamps(leaf):
        raise _Refused(TS_CHAIN, "its signer's certificate is not for timestamps and nothing else")
    path = path_to_anchor(leaf, given, authority.roots, token.at)
    if path is None:
        raise _Refused(
            TS_CHAIN, f"its signer leads to no root of {authority.name} at {rfc3339(token.at)}"
        )
    if not is_token_of(token, expected.message, path, authority.roots):
        raise _Refused(TS_CHAIN, "its signature is not by the certificate that it names")
    if not names_certificate(token.der, leaf):
        raise _Refused(TS_CHAIN, "what is signed does not name its signer's certificate")
    if authority.policies and token.policy not in authority.policies:
        raise _Refused(TS_POLICY, f"its policy {token.policy} is none of {authority.name}")
    return path


def _checked_standing(
    path: Sequence[x509.Certificate],
    lists: Sequence[x509.CertificateRevocationList],
    token: Token,
    expected: Expected,
) -> str:
    found = standing_of(path, lists, When(token.at, expected.known_since))
    if found.standing is Standing.REVOKED:
        raise _Refused(TS_REVOKED, found.detail)
    if found.standing is Standing.UNKNOWN:
        raise _Refused(TS_REVOCATION_UNKNOWN, found.detail, is_certain=False)
    return found.detail


def _check_time(token: Token, expected: Expected) -> None:
    if expected.nonce is not None and token.nonce != expected.nonce:
        raise _Refused(TS_NONCE, "it answers another request than the one that was sent")
    if expected.earliest is not None and expected.earliest - token.at > SKEW:
        raise _Refused(
            TS_BEFORE_CAPTURE,
            f"it states {rfc3339(token.at)}, before {rfc3339(expected.earliest)}, when what it is "
            "over was made by the archive's clock",
        )
    if token.at - expected.now > SKEW:
        raise _Refused(TS_IN_FUTURE, f"it states {rfc3339(token.at)}, which is yet to come")
