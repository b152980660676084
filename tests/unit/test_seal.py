# SPDX-License-Identifier: Apache-2.0
"""A seal is PAdES B-LTA, and holds for the whole file or not at all."""

import datetime as dt
import io
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.authorities import Holder, Revoked, TimestampAuthority, Wish, crl, issued, now, root

from archive.errors import InputError, MalformedEvidence, SigningError
from archive.exports.seal import SealKey, SealTrust, seal, verify_seal

_DAY = dt.timedelta(days=1)
MINIMAL = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\n"
    b"xref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n0000000052 00000 n \n"
    b"0000000101 00000 n \ntrailer<</Size 4/Root 1 0 R>>\nstartxref\n164\n%%EOF\n"
)


@dataclass(frozen=True)
class Organisation:
    key: SealKey
    trust: SealTrust
    ask: Callable[[bytes], bytes]
    authority: Holder
    leaf: Holder


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Organisation:
    place = tmp_path_factory.mktemp("seal")
    authority, stamps = root("An authority"), root("An authority for time")
    leaf = issued(Wish("An archive"), authority)
    stamper = issued(Wish("A clock", for_timestamps=True), stamps)
    clock = TimestampAuthority(place / "tsa", stamper, stamper.pem)
    trust = SealTrust(authority.pem.encode(), stamps.pem.encode(), (crl(authority), crl(stamps)))
    key = SealKey(leaf.key_pem(), None, leaf.pem.encode())
    return Organisation(key, trust, clock.reply, authority, leaf)


@pytest.fixture(scope="module")
def sealed(organisation: Organisation) -> bytes:
    return seal(MINIMAL, organisation.key, organisation.trust, organisation.ask)


def test_a_sealed_file_is_good_and_says_by_whom_and_when(
    organisation: Organisation, sealed: bytes
) -> None:
    verdict = verify_seal(sealed, organisation.trust)
    assert verdict.is_good, verdict.detail
    assert verdict.signer == "Common Name: An archive"
    assert verdict.at is not None
    assert abs(verdict.at - now()) < dt.timedelta(minutes=5)
    assert sealed.startswith(MINIMAL)
    for mark in (b"/ETSI.CAdES.detached", b"/DSS", b"/DocTimeStamp", b"/CRLs"):
        assert mark in sealed


def test_any_other_byte_of_what_was_sealed_is_noticed(
    organisation: Organisation, sealed: bytes
) -> None:
    changed = sealed.replace(b"/MediaBox[0 0 200 200]", b"/MediaBox[0 0 300 200]")
    assert changed != sealed
    verdict = verify_seal(changed, organisation.trust)
    assert not verdict.is_good


def incremental_forgery(sealed: bytes) -> bytes:
    """The sealed file with another page laid over, as an editor would save it."""
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(sealed))
    page = writer.root["/Pages"]["/Kids"][0]
    page[generic.pdf_name("/MediaBox")] = generic.ArrayObject(
        [generic.NumberObject(value) for value in (0, 0, 999, 999)]
    )
    writer.update_container(page)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def test_an_incremental_forgery_that_another_reader_calls_valid_is_not_good(
    organisation: Organisation, sealed: bytes, tmp_path: Path
) -> None:
    forged = incremental_forgery(sealed)
    (tmp_path / "forged.pdf").write_bytes(forged)
    told = subprocess.run(
        ["pdfsig", "-nocert", str(tmp_path / "forged.pdf")],
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    assert "Signature is Valid" in told
    verdict = verify_seal(forged, organisation.trust)
    assert not verdict.is_good
    assert "changed after it was sealed" in verdict.detail


def test_a_seal_by_nobody_that_is_trusted_is_not_good(
    organisation: Organisation, sealed: bytes
) -> None:
    other = root("Another authority").pem.encode()
    for trust in (
        replace(organisation.trust, roots_pem=other),
        replace(organisation.trust, timestamp_roots_pem=other),
    ):
        assert not verify_seal(sealed, trust).is_good


def test_a_file_without_a_seal_is_not_good(organisation: Organisation) -> None:
    assert verify_seal(MINIMAL, organisation.trust).detail == "it has 0 seals, not one"
    with pytest.raises(InputError):
        verify_seal(b"no PDF at all", organisation.trust)


def test_a_revoked_certificate_seals_nothing(organisation: Organisation) -> None:
    revoked = crl(organisation.authority, Revoked(organisation.leaf, now() - 2 * _DAY))
    trust = replace(
        organisation.trust, revocation_lists=(revoked, organisation.trust.revocation_lists[1])
    )
    with pytest.raises(SigningError):
        seal(MINIMAL, organisation.key, trust, organisation.ask)


def test_a_key_that_is_not_that_of_the_certificate_seals_nothing(
    organisation: Organisation,
) -> None:
    stranger = issued(Wish("A stranger"), organisation.authority)
    key = replace(organisation.key, key_pem=stranger.key_pem())
    with pytest.raises(SigningError):
        seal(MINIMAL, key, organisation.trust, organisation.ask)


def test_a_time_authority_that_answers_nonsense_is_told(organisation: Organisation) -> None:
    with pytest.raises(SigningError):
        seal(MINIMAL, organisation.key, organisation.trust, lambda _query: b"no token")


def lists(organisation: Organisation, made_at: dt.datetime, *revoked: Revoked) -> SealTrust:
    """The trust with a newer list of the authority, which tells of these revocations."""
    newer = crl(organisation.authority, *revoked, made_at=made_at)
    return replace(
        organisation.trust, revocation_lists=(newer, organisation.trust.revocation_lists[1])
    )


@pytest.mark.parametrize("days", [1, 8, 31, 3653])
def test_years_later_it_is_good_still(organisation: Organisation, sealed: bytes, days: int) -> None:
    verdict = verify_seal(sealed, organisation.trust, now() + days * _DAY)
    assert verdict.is_good, verdict.detail
    assert ("the time of its last stamp" in verdict.detail) is (days > 7)
    changed = sealed.replace(b"/MediaBox[0 0 200 200]", b"/MediaBox[0 0 300 200]")
    for forged in (changed, incremental_forgery(sealed)):
        assert not verify_seal(forged, organisation.trust, now() + days * _DAY).is_good


@pytest.mark.parametrize("days", [0, 8, 31, 3653])
def test_a_newer_list_counts_when_it_tells_of_a_revocation_before_the_seal(
    organisation: Organisation, sealed: bytes, days: int
) -> None:
    later = now() + days * _DAY
    before = Revoked(organisation.leaf, now() - 2 * _DAY)
    verdict = verify_seal(sealed, lists(organisation, later, before), later)
    assert not verdict.is_good
    after = Revoked(organisation.leaf, now() + dt.timedelta(hours=1))
    assert verify_seal(sealed, lists(organisation, later + _DAY, after), later + _DAY).is_good


def test_a_list_that_cannot_be_read_is_told(organisation: Organisation, sealed: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        verify_seal(sealed, replace(organisation.trust, revocation_lists=(b"no list",)))
