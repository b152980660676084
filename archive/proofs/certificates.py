# SPDX-License-Identifier: Apache-2.0
"""Reads certificates that a package or a settings file gives, strictly, and follows their chain.

What a package gives proves nothing by itself: it can only lead to a certificate that was pinned.
"""

import base64
import binascii
import datetime as dt
import re
import warnings
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from archive.errors import MalformedEvidence

_CHAIN_LIMIT = 10
_TEXT_LIMIT = 128 * 1024
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    UserWarning,  # what RFC 5280 forbids and the library still reads
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_BLOCK = re.compile(rf"{_BEGIN}\r?\n((?:[A-Za-z0-9+/=]{{1,76}}\r?\n)+){_END}")


def read_pem_chain(text: str) -> tuple[x509.Certificate, ...]:
    """The certificates of PEM text, which holds nothing else than them and blank lines.

    Raises MalformedEvidence.
    """
    if len(text) > _TEXT_LIMIT:
        raise MalformedEvidence(f"certificates of more than {_TEXT_LIMIT} characters")
    blocks = _BLOCK.findall(text)
    if _BLOCK.sub("", text).strip("\r\n") or not 1 <= len(blocks) <= _CHAIN_LIMIT:
        raise MalformedEvidence(f"it is no PEM text of 1 to {_CHAIN_LIMIT} certificates alone")
    return tuple(_certificate(block) for block in blocks)


def read_pem_bundle(text: str) -> tuple[x509.Certificate, ...]:
    """Every certificate of a bundle, whatever else stands between them. Raises MalformedEvidence.

    Bundles that people keep by hand have names and comments between the blocks.
    """
    found = tuple(_certificate(block) for block in _BLOCK.findall(text))
    if len(found) != text.count("-----BEGIN ") or not found:
        raise MalformedEvidence("there are blocks that are no certificates, or none at all")
    return found


def read_der(data: bytes) -> x509.Certificate:
    """The certificate of DER bytes, which are all of it. Raises MalformedEvidence."""
    try:
        with warnings.catch_warnings(action="error", category=UserWarning):
            certificate = x509.load_der_x509_certificate(data)
            # These are read late; one that cannot be read must not surprise a check.
            _ = (certificate.extensions, certificate.issuer, certificate.subject)
            _ = certificate.public_key()
    except _UNREADABLE as error:
        raise MalformedEvidence("there is a certificate that cannot be read") from error
    return certificate


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 of the certificate in DER, lower-case hex: how a keyset names a root."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def path_to_anchor(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: dt.datetime,
) -> tuple[x509.Certificate, ...] | None:
    """A chain from the leaf to one of the anchors, that one last, each valid at the time; or None.

    Of the others, which may be anything in any order, those are taken that lead there.
    """

    def onward(path: tuple[x509.Certificate, ...]) -> tuple[x509.Certificate, ...] | None:
        last = path[-1]
        if not _is_valid_at(last, at):
            return None
        if last in anchors:
            return path
        if len(path) == _CHAIN_LIMIT:
            return None
        for issuer in (*anchors, *others):
            is_fit = issuer not in path and _may_issue(issuer, len(path) - 1)
            if is_fit and _is_issued_by(last, issuer):
                found = onward((*path, issuer))
                if found is not None:
                    return found
        return None

    return onward((leaf,))


def leads_to(
    chain: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: dt.datetime,
) -> bool:
    """Whether each certificate issued the one before it, up to one of the anchors, at that time.

    The chain begins with the leaf; what it has behind an anchor is not looked at. Every issuer
    must be an authority for as many below it, and each certificate valid at the time.
    """
    for below, certificate in enumerate(chain):
        if below and not _may_issue(certificate, below - 1):
            return False
        if not _is_valid_at(certificate, at):
            return False
        if certificate in anchors:
            return True
        for anchor in anchors:
            is_fit = _may_issue(anchor, below) and _is_valid_at(anchor, at)
            if is_fit and _is_issued_by(certificate, anchor):
                return True
        if below + 1 == len(chain) or not _is_issued_by(certificate, chain[below + 1]):
            return False
    return False


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Whether it names itself as its issuer."""
    return certificate.issuer == certificate.subject


def _certificate(block: str) -> x509.Certificate:
    text = "".join(block.split())
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedEvidence("there is a certificate that cannot be read") from error
    certificate = read_der(data)
    if base64.b64encode(data).decode("ascii") != text:
        raise MalformedEvidence("there is a certificate in base64 of another spelling than its own")
    return certificate


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _may_issue(certificate: x509.Certificate, below: int) -> bool:
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    if not basic.ca or (basic.path_length is not None and basic.path_length < below):
        return False
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.key_cert_sign


def _is_valid_at(certificate: x509.Certificate, at: dt.datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
