# SPDX-License-Identifier: Apache-2.0
"""Signatures of packages: what is good, what is only consistent, and each known attack."""

import base64
import datetime as dt
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import real_data_folder
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.authorities import Holder, Wish, issued, now, root
from support.packages import DOMAIN, Given, Notary, Package, anonymous, zipped

from archive.importing.wacz import read_wacz
from archive.proofs.certificates import read_pem_chain
from archive.proofs.wacz_auth import (
    SignatureAnswer,
    SignedPackage,
    Verdict,
    WaczTrust,
    verify_signature,
)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def notary(tmp_path_factory: pytest.TempPathFactory) -> Notary:
    return Notary(tmp_path_factory.mktemp("notary"))


@pytest.fixture(scope="module")
def trust(notary: Notary) -> WaczTrust:
    return WaczTrust((notary.root.certificate,), (notary.time_root.certificate,))


@pytest.fixture(scope="module")
def sound(notary: Notary) -> Json:
    return notary.signed(notary.package())


def answer(package: Package, trust: WaczTrust) -> SignatureAnswer:
    return read_wacz(Given(package.zipped()), trust).signature


def judged(package: Package, signed: Json, trust: WaczTrust) -> SignatureAnswer:
    package.sign(signed)
    return answer(package, trust)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()], ids=["p256", "p384"])
@pytest.mark.parametrize("is_raw", [True, False], ids=["raw", "der"])
def test_anonymous_signature_is_valid_only_by_a_key_that_was_pinned(
    curve: ec.EllipticCurve, *, is_raw: bool
) -> None:
    package = Package()
    signed = anonymous(package, ec.generate_private_key(curve), is_raw=is_raw)
    keyid = hashlib.sha256(base64.b64decode(signed["publicKey"])).hexdigest()
    found = judged(package, signed, WaczTrust())
    assert (found.verdict, found.code) == (Verdict.UNTRUSTED, "WACZ_SIG_UNTRUSTED")
    assert found.signer == f"key:{keyid}"
    pinned = judged(package, signed, WaczTrust(keys=frozenset({keyid})))
    assert (pinned.verdict, pinned.code) == (Verdict.VALID, "")


def test_anonymous_signature_on_another_curve_is_invalid() -> None:
    package = Package()
    signed = anonymous(package, ec.generate_private_key(ec.SECP521R1()), is_raw=False)
    assert judged(package, signed, WaczTrust()).verdict is Verdict.INVALID


def test_domain_signature_is_valid_under_pinned_roots_and_untrusted_without(
    notary: Notary, trust: WaczTrust
) -> None:
    package = notary.package()
    signed = notary.signed(package)
    found = judged(package, signed, trust)
    assert (found.verdict, found.signer) == (Verdict.VALID, f"domain:{DOMAIN}")
    assert found.signed_at is not None
    assert found.signed_at - now() < dt.timedelta(minutes=1)
    for partly in (
        WaczTrust(),
        WaczTrust(domain_roots=trust.domain_roots),
        WaczTrust(timestamp_roots=trust.timestamp_roots),
        WaczTrust(trust.timestamp_roots, trust.domain_roots),
    ):
        found = judged(package, signed, partly)
        assert (found.verdict, found.code) == (Verdict.UNTRUSTED, "WACZ_SIG_UNTRUSTED")


def test_token_that_holds_its_certificate_is_as_good(notary: Notary, trust: WaczTrust) -> None:
    package = notary.package()

    def token(message: bytes) -> bytes:
        return notary.authority.token(message, with_certificate=True)

    assert judged(package, notary.signed(package, token=token), trust).verdict is Verdict.VALID


def test_chain_without_its_root_is_valid_under_the_pinned_one(
    notary: Notary, trust: WaczTrust
) -> None:
    package = notary.package()
    signed = notary.signed(
        package, chain=(notary.leaf, notary.between), time_chain=notary.time_leaf.pem
    )
    assert judged(package, signed, trust).verdict is Verdict.VALID
    assert judged(package, signed, WaczTrust()).verdict is Verdict.UNTRUSTED


def test_signature_of_another_package_is_replayed(notary: Notary, trust: WaczTrust) -> None:
    genuine = notary.package()
    signed = notary.signed(genuine)
    other = Package(created=genuine.created, files={"archive/x.warc": b"other"})
    found = judged(other, signed, trust)
    assert (found.verdict, found.code) == (Verdict.INVALID, "WACZ_SIG_REPLAYED")


def test_replayed_signature_whose_digest_text_was_corrected_is_no_signature(
    notary: Notary, trust: WaczTrust
) -> None:
    genuine = notary.package()
    signed = notary.signed(genuine)
    other = Package(created=genuine.created, files={"archive/x.warc": b"other"})
    found = judged(other, {**signed, "hash": other.hash}, trust)
    assert (found.verdict, found.code) == (Verdict.INVALID, "WACZ_SIG")


def test_digest_file_that_names_another_digest_fails_form(notary: Notary, trust: WaczTrust) -> None:
    package = notary.package()
    package.sign(notary.signed(package))
    package.digest = {**(package.digest or {}), "hash": f"sha256:{'0' * 64}"}
    wacz = read_wacz(Given(package.zipped()), trust)
    assert not wacz.hash_ok
    assert [one.code for one in wacz.findings if one.claim == "wacz.form"] == ["WACZ_HASH"]


def _not_an_authority(notary: Notary) -> Json:
    """A holder of a genuine leaf issues one for a domain that is not theirs."""
    mallory = issued(Wish("mallory.example", domain="mallory.example"), notary.between)
    forged = issued(Wish(DOMAIN, domain=DOMAIN), mallory)
    package = notary.package()
    chain = (forged, mallory, notary.between, notary.root)
    return _case(package, notary.signed(package, signer=forged, chain=chain))


def _expired(notary: Notary) -> Json:
    yesterday = now() - dt.timedelta(days=1)
    leaf = issued(Wish(DOMAIN, domain=DOMAIN, valid_until=yesterday), notary.between)
    package = notary.package()
    return _case(package, notary.signed(package, signer=leaf))


def _expired_above(notary: Notary) -> Json:
    yesterday = now() - dt.timedelta(days=1)
    between = issued(Wish("Old", is_authority=True, valid_until=yesterday), notary.root)
    leaf = issued(Wish(DOMAIN, domain=DOMAIN), between)
    package = notary.package()
    chain = (leaf, between, notary.root)
    return _case(package, notary.signed(package, signer=leaf, chain=chain))


def _other_domain(notary: Notary) -> Json:
    leaf = issued(Wish("other.example", domain="other.example"), notary.between)
    package = notary.package()
    return _case(package, notary.signed(package, signer=leaf))


def _no_server_usage(notary: Notary) -> Json:
    leaf = issued(Wish(DOMAIN), notary.between)
    package = notary.package()
    return _case(package, notary.signed(package, signer=leaf))


def _token_over_other_data(notary: Notary) -> Json:
    package = notary.package()
    return _case(package, notary.signed(package, token=lambda _: notary.authority.token(b"other")))


def _token_of_another_authority(notary: Notary) -> Json:
    """The chain that is named is the genuine one; the token is not by it."""
    above = root("Other root of time")
    other = notary.time_authority("other", issued(Wish("Time", for_timestamps=True), above), above)
    package = notary.package()
    return _case(package, notary.signed(package, token=other.token))


def _token_by_a_certificate_for_something_else(notary: Notary) -> Json:
    """A certificate under the same root, that is none for timestamps, behind a genuine leaf."""
    server = issued(Wish("server.example", domain="server.example"), notary.time_root)
    # openssl signs with nothing that is not for timestamps, so the token names a twin.
    twin = issued(Wish("Twin", for_timestamps=True), notary.time_root)
    authority = notary.time_authority("twin", twin, notary.time_root)
    package = notary.package()
    chain = "\n".join(one.pem for one in (notary.time_leaf, server, twin, notary.time_root))
    return _case(package, notary.signed(package, token=authority.token, time_chain=chain))


def _late_token(notary: Notary) -> Json:
    package = notary.package(age=dt.timedelta(minutes=11))
    return _case(package, notary.signed(package))


def _early_token(notary: Notary) -> Json:
    package = notary.package(age=dt.timedelta(minutes=-5))
    return _case(package, notary.signed(package))


def _other_time_of_signing(notary: Notary) -> Json:
    package = notary.package()
    signed = notary.signed(package)
    created = (now() - dt.timedelta(seconds=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _case(package, {**signed, "created": created})


def _extra_member(notary: Notary) -> Json:
    package = notary.package()
    return _case(package, {**notary.signed(package), "note": "trust me"})


def _both_forms(notary: Notary) -> Json:
    package = notary.package()
    return _case(package, {**notary.signed(package), "publicKey": "AAAA"})


def _missing_member(notary: Notary) -> Json:
    package = notary.package()
    signed = notary.signed(package)
    del signed["timeSignature"]
    return _case(package, signed)


def _other_version(notary: Notary) -> Json:
    package = notary.package()
    return _case(package, {**notary.signed(package), "version": "0.2.0"})


def _raw_signature(notary: Notary) -> Json:
    package = notary.package()
    signed = notary.signed(package)
    raw = anonymous(package, notary.leaf.key, is_raw=True)["signature"]
    token = base64.b64encode(notary.authority.token(raw.encode())).decode()
    return _case(package, {**signed, "signature": raw, "timeSignature": token})


def _null(notary: Notary) -> Json:
    return _case(notary.package(), None)


def _case(package: Package, signed: Json | None) -> Json:
    return {"package": package, "signed": signed}


@pytest.mark.parametrize(
    "attack",
    [
        _not_an_authority,
        _expired,
        _expired_above,
        _other_domain,
        _no_server_usage,
        _token_over_other_data,
        _token_of_another_authority,
        _token_by_a_certificate_for_something_else,
        _late_token,
        _early_token,
        _other_time_of_signing,
        _extra_member,
        _both_forms,
        _missing_member,
        _other_version,
        _raw_signature,
        _null,
    ],
)
def test_attack_is_invalid_with_and_without_pinned_roots(
    attack: Callable[[Notary], Json], notary: Notary, trust: WaczTrust
) -> None:
    case = attack(notary)
    for roots in (trust, WaczTrust()):
        found = judged(case["package"], case["signed"], roots)
        assert (found.verdict, found.code) == (Verdict.INVALID, "WACZ_SIG"), found.detail


def test_authority_that_the_package_brings_itself_is_never_trusted(
    notary: Notary, trust: WaczTrust
) -> None:
    package = notary.package()
    above = root("Root of domains")
    leaf = issued(Wish(DOMAIN, domain=DOMAIN), above)
    time_above = root("Root of time")
    time_leaf = issued(Wish("Time", for_timestamps=True), time_above)
    authority = notary.time_authority("own", time_leaf, time_above)
    genuine = (notary.between, notary.root)
    own: tuple[Holder, ...] = (leaf, above)
    for chain in (own, (*own, *genuine)):
        signed = notary.signed(
            package,
            signer=leaf,
            chain=chain,
            token=authority.token,
            time_chain=f"{authority.chain}\n{notary.time_root.pem}",
        )
        assert judged(package, signed, trust).verdict is not Verdict.VALID
    # Each half alone, beside a genuine other half.
    half = notary.signed(package, token=authority.token, time_chain=authority.chain)
    assert judged(package, half, trust).verdict is Verdict.UNTRUSTED
    half = notary.signed(package, signer=leaf, chain=own)
    assert judged(package, half, trust).verdict is Verdict.UNTRUSTED


def test_self_signed_timestamp_leaf_is_never_trusted(notary: Notary, trust: WaczTrust) -> None:
    lone = issued(Wish("Lone", for_timestamps=True), root("Nobody"))
    authority = notary.time_authority("lone", lone, notary.time_root)
    package = notary.package()
    signed = notary.signed(package, token=authority.token, time_chain=authority.chain)
    assert judged(package, signed, trust).verdict is Verdict.INVALID


@pytest.mark.parametrize(
    "digest",
    [
        None,
        {},
        {"path": "datapackage.json", "hash": "", "signatureData": {"signature": "x"}},
        {"path": "datapackage.json", "hash": "", "signed_data": {"signature": "x"}},
    ],
    ids=["no-file", "stripped", "signatureData", "signed_data"],
)
def test_stripped_or_renamed_signature_is_absent(digest: Json | None, trust: WaczTrust) -> None:
    """D-19."""
    package = Package()
    package.digest = digest
    if digest:
        digest["hash"] = package.hash
    wacz = read_wacz(Given(package.zipped()), trust)
    assert wacz.hash_ok
    assert (wacz.signature.verdict, wacz.signature.code) == (Verdict.ABSENT, "WACZ_UNSIGNED")


def test_renamed_signature_is_told_by_its_name() -> None:
    package = Package()
    package.digest = {"path": "datapackage.json", "hash": package.hash, "signatureData": {}}
    assert "signatureData" in answer(package, WaczTrust()).detail


def test_digest_file_that_is_no_json_is_invalid() -> None:
    entries = {**Package().entries(), "datapackage-digest.json": b'{"path":1,"path":2}'}
    found = read_wacz(Given(zipped(entries)), WaczTrust()).signature
    assert (found.verdict, found.code) == (Verdict.INVALID, "WACZ_SIG")


def _real() -> tuple[Path, Json]:
    path = real_data_folder() / "wacz" / "valid_signed_example_1.wacz"
    if not path.is_file():
        pytest.skip("there is no real data: set MUNIMENT_TEST_DATA")
    with zipfile.ZipFile(path) as file:
        return path, json.loads(file.read("datapackage-digest.json"))["signedData"]


@pytest.mark.realdata
def test_real_signature_is_valid_at_its_own_time_under_pinned_roots() -> None:
    """Its certificate ended in April 2022; the timestamp is of January."""
    path, signed = _real()
    source = Given(path.read_bytes())
    alone = read_wacz(source, WaczTrust())
    assert alone.hash_ok
    assert alone.signature.verdict is Verdict.UNTRUSTED
    pinned = WaczTrust(
        read_pem_chain(signed["domainCert"])[-1:], read_pem_chain(signed["timestampCert"])[-1:]
    )
    found = read_wacz(source, pinned).signature
    assert (found.verdict, found.code) == (Verdict.VALID, "")
    assert found.signer == "domain:btrix-sign-test.webrecorder.net"
    assert found.signed_at == dt.datetime(2022, 1, 18, 19, 0, 12, tzinfo=dt.UTC)


@pytest.mark.realdata
def test_real_signature_in_another_package_is_replayed() -> None:
    _, signed = _real()
    other = Package(created=signed["created"])
    found = judged(other, signed, WaczTrust())
    assert (found.verdict, found.code) == (Verdict.INVALID, "WACZ_SIG_REPLAYED")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


@given(value=_JSON)
def test_any_value_has_an_answer(value: Any) -> None:
    found = verify_signature(value, SignedPackage("sha256:00", None), WaczTrust())
    assert found.verdict is (Verdict.ABSENT if value is None else Verdict.INVALID)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_signature_with_one_letter_changed_is_never_valid(
    data: st.DataObject, sound: Json, notary: Notary, trust: WaczTrust
) -> None:
    name = data.draw(st.sampled_from(sorted(set(sound) - {"software"})))
    # What a chain has behind its leaf may be more than is needed.
    leaf = {"domainCert": notary.leaf.pem, "timestampCert": notary.time_leaf.pem}
    place = data.draw(st.integers(0, len(leaf.get(name, sound[name]).strip()) - 1))
    letter = data.draw(st.characters(min_codepoint=32, max_codepoint=126))
    text = sound[name]
    changed = {**sound, name: text[:place] + letter + text[place + 1 :]}
    facts = SignedPackage(sound["hash"], sound["created"])
    found = verify_signature(changed, facts, trust)
    assert found.verdict is (Verdict.VALID if changed == sound else Verdict.INVALID), found.detail
