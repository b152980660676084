# SPDX-License-Identifier: Apache-2.0
"""Tokens of timestamp authorities: what is good, and each known attack by its code."""

import dataclasses
import datetime as dt
import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder
from support.archives import flipped
from support.authorities import (
    Holder,
    Revoked,
    TimestampAuthority,
    Wish,
    crl,
    issued,
    now,
    reissued,
    root,
)
from support.tokens import POLICY, TokenWish, rejection, token_over

from archive.errors import MalformedEvidence
from archive.proofs.revocation import crl_urls, read_crl
from archive.proofs.signing_certificate import names_certificate
from archive.proofs.time_token import read_token
from archive.proofs.timestamp import (
    Expected,
    PinnedAuthority,
    TokenFiles,
    TokenVerdict,
    chain_of,
    judge_token,
)

ENVELOPE = b'{"payload":"e30="}'
CRL_URL = "http://crl.example/tsa.crl"
DAY = dt.timedelta(days=1)


class Estate:
    """One authority: a root, an intermediate that names a list, and a signer that does so too."""

    def __init__(self) -> None:
        self.root = root("Root")
        self.between = issued(Wish("Between", is_authority=True, crl_url=CRL_URL), self.root)
        self.signer = issued(Wish("Signer", for_timestamps=True, crl_url=CRL_URL), self.between)
        self.plain_root = root("Plain root")
        self.plain = issued(Wish("Plain", for_timestamps=True), self.plain_root)

    @property
    def authority(self) -> PinnedAuthority:
        return PinnedAuthority("estate", (self.root.certificate,), (POLICY,))

    @property
    def plain_authority(self) -> PinnedAuthority:
        return PinnedAuthority("plain", (self.plain_root.certificate,), (POLICY,))

    def lists(self, *revoked: Revoked, made_at: dt.datetime | None = None) -> tuple[bytes, ...]:
        by_root = [one for one in revoked if one.holder is self.between]
        by_between = [one for one in revoked if one.holder is not self.between]
        return (
            crl(self.root, *by_root, made_at=made_at),
            crl(self.between, *by_between, made_at=made_at),
        )

    def files(self, *revoked: Revoked, at: dt.datetime | None = None) -> TokenFiles:
        wish = TokenWish(at or now(), others=(self.between,))
        return TokenFiles(token_over(ENVELOPE, self.signer, wish), (), self.lists(*revoked))


@pytest.fixture(scope="module")
def estate() -> Estate:
    return Estate()


def judged(
    files: TokenFiles, authority: PinnedAuthority, expected: Expected | None = None
) -> TokenVerdict:
    return judge_token(files, authority, expected or Expected(ENVELOPE, now()))


def plain_token(estate: Estate, wish: TokenWish | None = None) -> TokenFiles:
    return TokenFiles(token_over(ENVELOPE, estate.plain, wish or TokenWish(now())))


def by_another(estate: Estate, wish: Wish) -> TokenFiles:
    signer = issued(wish, estate.plain_root)
    return TokenFiles(token_over(ENVELOPE, signer, TokenWish(now())))


def test_token_of_a_pinned_authority_is_good_and_states_its_time(estate: Estate) -> None:
    at = now() - DAY
    found = judged(estate.files(at=at), estate.authority)
    assert (found.code, found.is_good, found.at) == ("", True, at)
    assert found.ends_at == estate.signer.certificate.not_valid_after_utc
    assert found.detail == "not revoked by 2 lists of its issuers"


def test_token_by_openssl_is_good_and_openssl_takes_one_made_here(
    estate: Estate, tmp_path: Path
) -> None:
    authority = TimestampAuthority(tmp_path / "tsa", estate.plain, "")
    query = TimestampRequestBuilder(ENVELOPE, HashAlgorithm.SHA256).build()
    answer = authority.reply(query.as_bytes())
    expected = Expected(ENVELOPE, now(), now(), nonce=query.nonce)
    assert judged(TokenFiles(answer), estate.plain_authority, expected).is_good
    made = token_over(ENVELOPE, estate.plain, TokenWish(now(), nonce=7))
    assert _by_openssl(tmp_path, made, ENVELOPE, estate.plain_root, now())


@pytest.mark.parametrize("years", [0, 20])
def test_we_agree_with_openssl_at_the_time_of_the_token_however_old_it_is(
    estate: Estate, tmp_path: Path, years: int
) -> None:
    token = plain_token(estate).token
    verdict = judged(
        TokenFiles(token), estate.plain_authority, Expected(ENVELOPE, now() + years * 365 * DAY)
    )
    assert verdict.is_good
    assert verdict.at is not None
    assert _by_openssl(tmp_path, token, ENVELOPE, estate.plain_root, verdict.at)
    other = judged(TokenFiles(token), estate.plain_authority, Expected(b"other", now()))
    assert (other.code, other.at) == ("TS_IMPRINT_MISMATCH", verdict.at)
    assert not _by_openssl(tmp_path, token, b"other", estate.plain_root, verdict.at)


def _by_openssl(
    folder: Path, token: bytes, message: bytes, anchor: Holder, at: dt.datetime
) -> bool:
    (folder / "token.tsr").write_bytes(token)
    (folder / "data").write_bytes(message)
    (folder / "root.pem").write_text(anchor.pem)
    command = ["openssl", "ts", "-verify", "-in", folder / "token.tsr", "-data", folder / "data"]
    command += ["-CAfile", folder / "root.pem", "-attime", f"{at.timestamp():.0f}"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    return done.returncode == 0 and b"Verification: OK" in done.stdout


def test_token_over_a_stronger_digest_is_as_good(estate: Estate) -> None:
    found = judged(plain_token(estate, TokenWish(now(), "sha512")), estate.plain_authority)
    assert found.is_good


def test_accuracy_that_a_token_states_widens_its_time(estate: Estate) -> None:
    at = now()
    found = judged(plain_token(estate, TokenWish(at, accuracy_seconds=2)), estate.plain_authority)
    assert (found.at, found.latest) == (at, at + dt.timedelta(seconds=2))


def test_token_for_other_data(estate: Estate) -> None:
    found = judged(estate.files(), estate.authority, Expected(b"other bytes", now()))
    assert (found.code, found.is_certain) == ("TS_IMPRINT_MISMATCH", True)


def test_token_of_another_authority(estate: Estate) -> None:
    assert judged(plain_token(estate), estate.authority).code == "TS_CHAIN"


def test_token_under_an_untrusted_root_with_the_name_of_the_pinned_one(estate: Estate) -> None:
    forged_root = root("Plain root")
    signer = issued(Wish("Plain", for_timestamps=True), forged_root)
    wish = TokenWish(now(), others=(forged_root,))
    files = TokenFiles(token_over(ENVELOPE, signer, wish))
    assert judged(files, estate.plain_authority).code == "TS_CHAIN"


def test_token_under_an_untrusted_root_beside_a_genuine_intermediate(estate: Estate) -> None:
    forged_root = root("Root")
    signer = issued(Wish("Signer", for_timestamps=True), forged_root)
    wish = TokenWish(now(), others=(estate.between, forged_root))
    files = TokenFiles(token_over(ENVELOPE, signer, wish), (), estate.lists())
    assert judged(files, estate.authority).code == "TS_CHAIN"


def test_token_signed_by_one_key_and_naming_the_certificate_of_another(estate: Estate) -> None:
    mallory = issued(Wish("Plain", for_timestamps=True), root("Mallory"))
    wish = TokenWish(now(), others=(estate.plain,), holds_signer=False, named=estate.plain)
    files = TokenFiles(token_over(ENVELOPE, mallory, wish))
    assert judged(files, estate.plain_authority).code == "TS_CHAIN"


def test_token_whose_signature_names_another_certificate_over_the_same_key(
    estate: Estate,
) -> None:
    """Issuer and serial number are not signed; the digest of the certificate is."""
    twin = issued(Wish("Twin", for_timestamps=True), estate.plain_root)
    genuine = Holder(twin.key, twin.certificate)
    other = dataclasses.replace(
        genuine, certificate=reissued(twin, Wish("Twin", for_timestamps=True), estate.plain_root)
    )
    for sworn, code in ((other, ""), (genuine, "TS_CHAIN")):
        wish = TokenWish(now(), named=other, sworn=sworn, others=(other,), holds_signer=False)
        files = TokenFiles(token_over(ENVELOPE, genuine, wish))
        assert judged(files, estate.plain_authority).code == code


def test_what_is_no_token_names_no_certificate(estate: Estate) -> None:
    token = plain_token(estate).token
    assert names_certificate(token, estate.plain.certificate)
    for bad in (b"", b"0", token[:40], token[:-1], b"\x30\x80\x00\x00", rejection()):
        assert not names_certificate(bad, estate.plain.certificate)


@pytest.mark.parametrize(
    "wish",
    [
        Wish("none"),
        Wish("other", usages=(ExtendedKeyUsageOID.SERVER_AUTH,)),
        Wish("more", usages=(ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING)),
        Wish("not critical", for_timestamps=True, is_usage_critical=False),
    ],
    ids=lambda wish: wish.name,
)
def test_token_by_a_certificate_without_the_sole_critical_usage(estate: Estate, wish: Wish) -> None:
    assert judged(by_another(estate, wish), estate.plain_authority).code == "TS_CHAIN"


def test_token_by_a_certificate_that_may_not_issue(estate: Estate) -> None:
    signer = issued(Wish("below", for_timestamps=True), estate.plain)
    wish = TokenWish(now(), others=(estate.plain,))
    files = TokenFiles(token_over(ENVELOPE, signer, wish))
    assert judged(files, estate.plain_authority).code == "TS_CHAIN"


@pytest.mark.parametrize("days", [-40, 40])
def test_token_of_a_time_outside_its_certificate(estate: Estate, days: int) -> None:
    files = plain_token(estate, TokenWish(now() + days * DAY))
    later = Expected(ENVELOPE, now() + 400 * DAY)
    assert judged(files, estate.plain_authority, later).code == "TS_CHAIN"


def test_token_of_another_policy(estate: Estate) -> None:
    files = plain_token(estate, TokenWish(now(), policy="1.2.3.4.2"))
    assert judged(files, estate.plain_authority).code == "TS_POLICY"
    anything = dataclasses.replace(estate.plain_authority, policies=())
    assert judged(files, anything).is_good


def test_token_that_answers_another_request(estate: Estate) -> None:
    files = plain_token(estate, TokenWish(now(), nonce=7))
    for nonce, code in ((7, ""), (8, "TS_NONCE")):
        expected = Expected(ENVELOPE, now(), nonce=nonce)
        assert judged(files, estate.plain_authority, expected).code == code
    without = plain_token(estate)
    asked = Expected(ENVELOPE, now(), nonce=7)
    assert judged(without, estate.plain_authority, asked).code == "TS_NONCE"


def test_token_with_shifted_time(estate: Estate) -> None:
    captured = now()
    early = plain_token(estate, TokenWish(captured - 10 * dt.timedelta(minutes=1)))
    late = plain_token(estate, TokenWish(captured + DAY))
    expected = Expected(ENVELOPE, captured, captured)
    assert judged(early, estate.plain_authority, expected).code == "TS_BEFORE_CAPTURE"
    assert judged(late, estate.plain_authority, expected).code == "TS_IN_FUTURE"
    close = plain_token(estate, TokenWish(captured - dt.timedelta(minutes=4)))
    assert judged(close, estate.plain_authority, expected).is_good


def test_token_of_which_any_bit_is_flipped_is_refused_but_for_the_malleable_ones(
    estate: Estate,
) -> None:
    """CMS leaves versions and the name of the algorithm unsigned: a pinned digest covers them."""
    token = plain_token(estate).token
    # Versions of SignedData and SignerInfo, and the OID of ECDSA with SHA-256.
    ecdsa = token.index(bytes.fromhex("2a8648ce3d040302"), token.index(b"\x31", 600))
    malleable = {place for place in range(len(token)) if _is_version(token, place)}
    malleable |= set(range(ecdsa, ecdsa + 8))
    sound = read_token(token)
    unnoticed = set()
    for bit in range(len(token) * 8):
        changed = flipped(token, bit)
        if not judged(TokenFiles(changed), estate.plain_authority).is_good:
            continue
        unnoticed.add(bit // 8)
        read = read_token(changed)
        assert (read.at, read.digest, read.policy) == (sound.at, sound.digest, sound.policy)
        assert hashlib.sha256(changed).digest() != hashlib.sha256(token).digest()
    assert unnoticed
    assert unnoticed <= malleable


def _is_version(token: bytes, place: int) -> bool:
    return token[place - 2 : place] == b"\x02\x01" and token[place] in {1, 3}


@pytest.mark.parametrize("cut", [0, 1, 10, -1])
def test_token_that_is_cut_or_longer_cannot_be_read(estate: Estate, cut: int) -> None:
    token = plain_token(estate).token
    for bad in (token[:cut], token + b"\0", b"<html>", rejection()):
        found = judged(TokenFiles(bad), estate.plain_authority)
        assert (found.code, found.at) == ("TS_UNPARSEABLE", None)


def test_token_whose_certificates_are_not_sorted_cannot_be_read(estate: Estate) -> None:
    wish = TokenWish(now(), others=(estate.between,), is_sorted=False)
    files = TokenFiles(token_over(ENVELOPE, estate.signer, wish), (), estate.lists())
    assert judged(files, estate.authority).code == "TS_UNPARSEABLE"


def test_token_that_was_granted_with_changes_is_none(estate: Estate) -> None:
    found = judged(plain_token(estate, TokenWish(now(), status=1)), estate.plain_authority)
    assert found.code == "TS_UNPARSEABLE"


def test_certificates_may_be_kept_beside_the_token(estate: Estate) -> None:
    wish = TokenWish(now(), holds_signer=False)
    token = token_over(ENVELOPE, estate.signer, wish)
    kept = tuple(
        one.certificate.public_bytes(serialization.Encoding.DER)
        for one in (estate.between, estate.signer)
    )
    assert judged(TokenFiles(token, kept, estate.lists()), estate.authority).is_good
    assert judged(TokenFiles(token, kept[:1], estate.lists()), estate.authority).code == "TS_CHAIN"
    assert judged(TokenFiles(token, (b"no", *kept)), estate.authority).code == "TS_UNPARSEABLE"


def test_chain_names_where_revocation_lists_lie(estate: Estate) -> None:
    chain = chain_of(estate.files(), estate.authority)
    assert [one.subject for one in chain] == [
        one.certificate.subject for one in (estate.signer, estate.between, estate.root)
    ]
    assert [crl_urls(one) for one in chain] == [(CRL_URL,), (CRL_URL,), ()]
    assert chain_of(estate.files(), estate.plain_authority) == ()


def test_without_its_revocation_lists_nobody_can_tell(estate: Estate) -> None:
    files = estate.files()
    for lists in ((), files.lists[:1], files.lists[1:], (crl(root("Root")), files.lists[1])):
        found = judged(TokenFiles(files.token, (), lists), estate.authority)
        assert (found.code, found.is_certain) == ("TS_REVOCATION_UNKNOWN", False)


def test_revocation_list_that_ended_before_the_token_says_nothing_of_it(estate: Estate) -> None:
    files = TokenFiles(estate.files().token, (), estate.lists(made_at=now() - 8 * DAY))
    assert judged(files, estate.authority).code == "TS_REVOCATION_UNKNOWN"


ENDED = (
    x509.ReasonFlags.unspecified,
    x509.ReasonFlags.affiliation_changed,
    x509.ReasonFlags.superseded,
    x509.ReasonFlags.cessation_of_operation,
)
LOST = (None, x509.ReasonFlags.key_compromise, x509.ReasonFlags.privilege_withdrawn)


@pytest.mark.parametrize("reason", [*ENDED, *LOST])
def test_token_after_revocation(estate: Estate, reason: x509.ReasonFlags | None) -> None:
    for holder in (estate.signer, estate.between):
        files = estate.files(Revoked(holder, now() - DAY, reason))
        assert judged(files, estate.authority).code == "TS_REVOKED"
        known = Expected(ENVELOPE, now(), known_since=now() - DAY / 2)
        assert judged(files, estate.authority, known).code == "TS_REVOKED"


@pytest.mark.parametrize("reason", ENDED)
def test_token_before_a_certificate_was_given_up_stands(
    estate: Estate, reason: x509.ReasonFlags
) -> None:
    files = estate.files(Revoked(estate.signer, now() - DAY, reason), at=now() - 2 * DAY)
    assert judged(files, estate.authority).is_good


@pytest.mark.parametrize("reason", LOST)
def test_token_before_a_key_was_lost_stands_only_when_it_was_known_before(
    estate: Estate, reason: x509.ReasonFlags | None
) -> None:
    files = estate.files(Revoked(estate.signer, now() - DAY, reason), at=now() - 3 * DAY)
    assert judged(files, estate.authority).code == "TS_REVOKED"
    for since, code in ((now() - 2 * DAY, ""), (now(), "TS_REVOKED")):
        known = Expected(ENVELOPE, now(), known_since=since)
        assert judged(files, estate.authority, known).code == code


def _partial(issuer: Holder, **only: object) -> bytes:
    point = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
        **only,
    }
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now())
        .next_update(now() + DAY)
        .add_extension(x509.IssuingDistributionPoint(**point), critical=True)  # type: ignore[arg-type]
        .sign(issuer.key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


@pytest.mark.parametrize(
    ("only", "code"),
    [
        ({"only_contains_user_certs": True}, ""),
        ({"only_contains_ca_certs": True}, "TS_REVOCATION_UNKNOWN"),
        ({"indirect_crl": True}, "TS_REVOCATION_UNKNOWN"),
        ({"only_contains_attribute_certs": True}, "TS_REVOCATION_UNKNOWN"),
        (
            {"only_some_reasons": frozenset({x509.ReasonFlags.key_compromise})},
            "TS_REVOCATION_UNKNOWN",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_list_for_some_certificates_counts_for_those_alone(
    estate: Estate, only: dict[str, object], code: str
) -> None:
    lists = (crl(estate.root), _partial(estate.between, **only))
    assert judged(TokenFiles(estate.files().token, (), lists), estate.authority).code == code


def test_what_is_no_revocation_list_is_refused(estate: Estate) -> None:
    with pytest.raises(MalformedEvidence):
        read_crl(b"<html>")
    files = estate.files()
    found = judged(TokenFiles(files.token, (), (*files.lists, b"no")), estate.authority)
    assert found.code == "TS_UNPARSEABLE"
