# SPDX-License-Identifier: Apache-2.0
"""Reads certificate revocation lists (RFC 5280) and says whether a chain was revoked at a time.

Only whole lists by the issuer itself count: deltas, indirect lists and lists for some reasons
only are passed over, for they cannot show that a certificate is not revoked.
"""

import datetime as dt
import enum
import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtensionOID

from archive.errors import MalformedEvidence

CRL_BYTES_LIMIT = 8 * 1024 * 1024
_UNREADABLE = (ValueError, TypeError, LookupError, UnsupportedAlgorithm, UserWarning)
_KNOWN_CRITICAL = frozenset(
    {
        ExtensionOID.CRL_NUMBER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.ISSUING_DISTRIBUTION_POINT,
    }
)
# RFC 3161 section 4: with one of these reasons what was signed before the revocation stays good.
# Without a reason, and when a key is in wrong hands, all that the key ever signed is in doubt.
_ENDED = frozenset(
    {
        x509.ReasonFlags.unspecified,
        x509.ReasonFlags.affiliation_changed,
        x509.ReasonFlags.superseded,
        x509.ReasonFlags.cessation_of_operation,
    }
)


class Standing(enum.StrEnum):
    """What the lists say of a chain; `unknown` when one that should be at hand is not."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    UNLISTED = "unlisted"  # no certificate of the chain names a list


@dataclass(frozen=True, slots=True)
class ChainStanding:
    """The standing of a chain, and why, in words."""

    standing: Standing
    detail: str


@dataclass(frozen=True, slots=True)
class When:
    """The time that is asked about, and since when it is known that the thing signed was there.

    `known_since` is a trusted time from elsewhere: whoever got a key later cannot have made what
    was known before.
    """

    at: dt.datetime
    known_since: dt.datetime | None = None


def read_crl(der: bytes) -> x509.CertificateRevocationList:
    """The revocation list of DER bytes. Raises MalformedEvidence."""
    if len(der) > CRL_BYTES_LIMIT:
        raise MalformedEvidence(f"a revocation list of more than {CRL_BYTES_LIMIT} bytes")
    try:
        with warnings.catch_warnings(action="error", category=UserWarning):
            found = x509.load_der_x509_crl(der)
            _ = (found.extensions, found.issuer, found.last_update_utc, found.next_update_utc)
    except _UNREADABLE as error:
        raise MalformedEvidence("there is a revocation list that cannot be read") from error
    return found


def crl_urls(certificate: x509.Certificate) -> tuple[str, ...]:
    """The http(s) URLs of the lists that the certificate names, each a whole one."""
    return tuple(url for point in _points(certificate) if (url := _url_of(point)))


def standing_of(
    path: Sequence[x509.Certificate],
    lists: Sequence[x509.CertificateRevocationList],
    when: When,
) -> ChainStanding:
    """What the lists say of a chain, leaf first, its pinned anchor last.

    Nobody can revoke an anchor but whoever pinned it.
    """
    looked_at = 0
    for certificate, issuer in itertools.pairwise(path):
        own = [one for one in lists if _is_whole_list_of(one, certificate, issuer)]
        for one in own:
            entry = one.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is not None and (why := _why_revoked(entry, when)):
                name = certificate.subject.rfc4514_string()
                return ChainStanding(Standing.REVOKED, f"{name}: {why}")
        if any(_is_current(one, when.at) for one in own):
            looked_at += 1
        elif any(_points(certificate)):
            name = certificate.subject.rfc4514_string()
            return ChainStanding(
                Standing.UNKNOWN, f"no revocation list of that time is at hand for {name}"
            )
    if looked_at:
        noun = "list" if looked_at == 1 else "lists"
        return ChainStanding(Standing.GOOD, f"not revoked by {looked_at} {noun} of its issuers")
    return ChainStanding(Standing.UNLISTED, "its issuers name no revocation lists")


def _why_revoked(entry: x509.RevokedCertificate, when: When) -> str:
    """Why the entry takes away what was signed at that time; empty when it does not."""
    since = entry.revocation_date_utc
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        reason = None
    except _UNREADABLE:
        return f"revoked on {since:%Y-%m-%d} for a reason that cannot be read"
    word = reason.value if reason else "no reason given"
    if since <= when.at:
        return f"revoked on {since:%Y-%m-%d %H:%M:%S}, before that time ({word})"
    is_known_before = when.known_since is not None and when.known_since < since
    if reason not in _ENDED and not is_known_before:
        return (
            f"revoked on {since:%Y-%m-%d} ({word}), and nothing else shows that this was signed "
            "before"
        )
    return ""


def _is_whole_list_of(
    crl: x509.CertificateRevocationList, certificate: x509.Certificate, issuer: x509.Certificate
) -> bool:
    if crl.issuer != issuer.subject or not _may_sign_lists(issuer):
        return False
    if not _covers(crl, certificate):
        return False
    try:
        return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except _UNREADABLE:
        return False


def _covers(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    for extension in crl.extensions:
        if extension.critical and extension.oid not in _KNOWN_CRITICAL:
            return False
    try:
        point = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return True
    if point.indirect_crl or point.only_contains_attribute_certs or point.only_some_reasons:
        return False
    is_authority = _is_authority(certificate)
    return not (
        (point.only_contains_user_certs and is_authority)
        or (point.only_contains_ca_certs and not is_authority)
    )


def _is_current(crl: x509.CertificateRevocationList, at: dt.datetime) -> bool:
    """Whether the list speaks of that time or a later one, and not of the time before only."""
    return crl.next_update_utc is None or crl.next_update_utc >= at


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _may_sign_lists(issuer: x509.Certificate) -> bool:
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True


def _points(certificate: x509.Certificate) -> Iterator[x509.DistributionPoint]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    except x509.ExtensionNotFound:
        return
    for point in extension.value:
        if point.crl_issuer is None and point.reasons is None:
            yield point


def _url_of(point: x509.DistributionPoint) -> str | None:
    names = (
        name.value
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier)
    )
    return next((name for name in names if urlsplit(name).scheme in {"http", "https"}), None)
