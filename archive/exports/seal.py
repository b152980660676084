# SPDX-License-Identifier: Apache-2.0
"""Seals a PDF file with an organisation's certificate (PAdES B-LTA), and verifies such seals.

A seal says that the organisation issued the file unchanged. It is not the signature of the
person who certifies. Of a sealed file every byte counts: what was added later, other than
proofs of the seal itself, is a forgery, whatever other readers call it.
"""

import asyncio
import datetime as dt
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from asn1crypto import crl, tsp
from pyhanko.keys import load_certs_from_pemder_data, load_private_key_from_pemder_data
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.general import SigningError as PyHankoSigningError
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.ades import ades_lta_validation
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.errors import ValidationError
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import (
    REQUIRE_REVINFO,
    CertRevTrustPolicy,
)
from pyhanko_certvalidator.registry import SimpleCertificateStore, SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer

from archive.errors import InputError, MalformedEvidence, SigningError
from archive.proofs.certificates import path_to_anchor, read_der
from archive.proofs.revocation import Standing, When, read_crl, standing_of

FIELD = "Seal"
# What a certificate must be for, one of them at least (ETSI EN 319 412-2, 4.3.2).
_USAGES = {"digital_signature", "non_repudiation"}

Ask = Callable[[bytes], bytes]
"""Gives the DER TimeStampResp to a DER TimeStampReq. Raises MunimentError."""


@dataclass(frozen=True, slots=True)
class SealKey:
    """An organisation's key (PEM, with what opens it) and its certificates, its own first."""

    key_pem: bytes
    passphrase: bytes | None
    certificates_pem: bytes


@dataclass(frozen=True, slots=True)
class SealTrust:
    """The certificates (PEM) that seals and timestamps must lead to, and revocation lists (DER)."""

    roots_pem: bytes
    timestamp_roots_pem: bytes
    revocation_lists: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class SealVerdict:
    """Whether a file is sealed, whole, by somebody trusted; `detail` says what is wrong if not."""

    is_good: bool
    detail: str
    signer: str | None = None
    at: dt.datetime | None = None


def seal(pdf: bytes, key: SealKey, trust: SealTrust, ask: Ask) -> bytes:
    """The file with a seal: signature, timestamp, proofs of validity, and a timestamp over all.

    Raises SigningError when key, certificates or lists do not fit, and what `ask` raises.
    """
    own = _certificates(key.certificates_pem)[0]
    metadata = signers.PdfSignatureMetadata(
        signer_key_usage=_USAGES & set(own.key_usage_value.native if own.key_usage_value else ()),
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        validation_context=_context(trust.roots_pem + trust.timestamp_roots_pem, trust),
        embed_validation_info=True,
        use_pades_lta=True,
    )
    try:
        signer = _signer(key)
        output = signers.PdfSigner(metadata, signer, timestamper=_Stamper(ask)).sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(pdf))
        )
    except (PyHankoSigningError, ValidationError, ValueError, TypeError) as error:
        raise SigningError(f"the file cannot be sealed: {error}") from error
    sealed = bytes(output.getvalue())
    # The library seals with a key that is not the certificate's, and with one that was revoked.
    verdict = verify_seal(sealed, trust)
    if not verdict.is_good:
        raise SigningError(f"the seal that was made is not good: {verdict.detail}")
    return sealed


def verify_seal(pdf: bytes, trust: SealTrust, now: dt.datetime | None = None) -> SealVerdict:
    """The verdict on a sealed file, as of now.

    When what vouches for its last timestamp has ended since, it is judged at that timestamp's
    time, as every token of the archive is. Raises InputError when it is no PDF file,
    MalformedEvidence for a revocation list that cannot be read.
    """
    at = now or dt.datetime.now(dt.UTC)
    for one in trust.revocation_lists:
        read_crl(one)
    try:
        reader = PdfFileReader(io.BytesIO(pdf), strict=True)
        seals = list(reader.embedded_regular_signatures)
        if len(seals) != 1:
            return SealVerdict(False, f"it has {len(seals)} seals, not one")
        if not pdf.rstrip(b"\r\n").endswith(b"%%EOF"):
            return SealVerdict(False, "there are bytes behind the end of what is sealed")
        verdict = _judged(seals[0], trust, at)
        stamps = list(reader.embedded_timestamp_signatures)
        if verdict.is_good or not stamps:
            return verdict
        return _judged_then(seals[0], stamps[-1], trust, at) or verdict
    except (SignatureValidationError, ValidationError) as error:
        return SealVerdict(False, f"the seal does not hold: {error}")
    except (PdfError, ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(f"it cannot be read as a PDF file: {error}") from error


def _judged(found: Any, trust: SealTrust, now: dt.datetime) -> SealVerdict:
    timing = ValidationTimingInfo(now, now, point_in_time_validation=False)
    result = asyncio.run(ades_lta_validation(found, _specification(trust), timing))
    signer = found.signer_cert.subject.human_friendly
    stamped = result.signature_timestamp_status
    at = stamped.api_status.timestamp if stamped and stamped.api_status else None
    status = result.api_status
    if status is None or not (status.intact and status.valid):
        return SealVerdict(False, f"the seal does not hold: {result.failure_msg}", signer, at)
    level = status.modification_level
    is_whole = status.coverage is SignatureCoverageLevel.ENTIRE_FILE or level in {
        ModificationLevel.NONE,
        ModificationLevel.LTA_UPDATES,
    }
    if not is_whole:
        detail = f"the file was changed after it was sealed (pyHanko: {level and level.name})"
        return SealVerdict(False, detail, signer, at)
    if result.ades_subindic is not AdESPassed.OK or not status.bottom_line:
        detail = f"it is not trusted: {result.failure_msg or result.ades_subindic}"
        return SealVerdict(False, detail, signer, at)
    when = When(at or now, known_since=at)
    revoked = _revoked(found, trust.roots_pem, trust, when)
    if revoked:
        return SealVerdict(False, f"it is not trusted: {revoked}", signer, at)
    return SealVerdict(True, "sealed as a whole, and unchanged since", signer, at)


def _judged_then(seal: Any, stamp: Any, trust: SealTrust, now: dt.datetime) -> SealVerdict | None:
    """The verdict at the time of the last timestamp, if the seal was good then."""
    at = stamp.signed_data["encap_content_info"]["content"].parsed["gen_time"].native
    if at >= now:
        return None
    verdict = _judged(seal, trust, at)
    if not verdict.is_good or _revoked(stamp, trust.timestamp_roots_pem, trust, When(at)):
        return None
    detail = f"{verdict.detail}; judged at {at:%Y-%m-%d %H:%M:%S} UTC, the time of its last stamp"
    return replace(verdict, detail=detail)


def _revoked(found: Any, roots_pem: bytes, trust: SealTrust, when: When) -> str:
    """What the lists at hand say against the certificate that signed, at that time; else empty.

    The library goes by those in the file: who sealed it may not have known of a later one.
    """
    lists = [read_crl(one) for one in trust.revocation_lists]
    roots = [read_der(one.dump()) for one in _certificates(roots_pem)]
    others = [read_der(one.dump()) for one in found.other_embedded_certs]
    path = path_to_anchor(read_der(found.signer_cert.dump()), others, roots, when.at)
    standing = standing_of(path or (), lists, when)
    return standing.detail if standing.standing is Standing.REVOKED else ""


def _specification(trust: SealTrust) -> Any:
    """What pyHanko is to demand; it asks no network, and knows of the lists at hand."""
    lists = [CRLContainer(crl.CertificateList.load(one)) for one in trust.revocation_lists]
    return PdfSignatureValidationSpec(
        SignatureValidationSpec(
            cert_validation_policy=_chain_policy(trust.roots_pem),
            ts_cert_validation_policy=_chain_policy(trust.timestamp_roots_pem),
            revinfo_gathering_policy=RevocationInfoGatheringSpec(
                RevinfoOnlineFetchingRule.LOCAL_ONLY
            ),
            local_knowledge=LocalKnowledge(known_crls=lists),
            key_usage_settings=KeyUsageConstraints(key_usage=_USAGES, match_all_key_usages=False),
        )
    )


def _chain_policy(roots_pem: bytes) -> Any:

    return CertValidationPolicySpec(
        SimpleTrustManager.build(_certificates(roots_pem)), CertRevTrustPolicy(REQUIRE_REVINFO)
    )


def _signer(key: SealKey) -> Any:

    own, *others = _certificates(key.certificates_pem)
    return signers.SimpleSigner(
        signing_cert=own,
        signing_key=load_private_key_from_pemder_data(key.key_pem, key.passphrase),
        cert_registry=_registry(others),
    )


class _Stamper(TimeStamper):
    """Asks by way of our own client, which has limits of size and time."""

    def __init__(self, ask: Ask) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._ask = ask

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """The authority's answer, as the library reads it."""
        return tsp.TimeStampResp.load(self._ask(req.dump()))


def _registry(certificates: Sequence[Any]) -> SimpleCertificateStore:
    registry = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    for certificate in certificates:
        registry.register(certificate)
    return registry


def _context(roots_pem: bytes, trust: SealTrust) -> Any:

    return ValidationContext(
        trust_roots=_certificates(roots_pem),
        crls=list(trust.revocation_lists),
        allow_fetching=False,
        revocation_mode="hard-fail" if trust.revocation_lists else "soft-fail",
    )


def _certificates(pem: bytes) -> Sequence[Any]:

    try:
        with warnings.catch_warnings(action="error", category=UserWarning):
            found = list(load_certs_from_pemder_data(pem))
    except (ValueError, TypeError, UserWarning) as error:
        raise MalformedEvidence("a file of certificates cannot be read") from error
    if not found:
        raise MalformedEvidence("a file of certificates holds none")
    return found
