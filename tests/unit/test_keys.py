# SPDX-License-Identifier: Apache-2.0
"""Public keys: strict reading, and verdicts that agree with published test vectors."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from archive.digests import sha256_hex
from archive.errors import MalformedKeyset
from archive.proofs.keys import PublicKey, public_key, read_public_key
from archive.proofs.wacz_auth import _is_signed

DATA = Path(os.environ.get("MUNIMENT_TEST_DATA", "../shared/data"))
VECTORS = DATA / "vectors"
realdata = [
    pytest.mark.realdata,
    pytest.mark.skipif(not VECTORS.is_dir(), reason="no vectors in MUNIMENT_TEST_DATA"),
]
PRIME = 2**255 - 19


def own_key() -> PublicKey:
    return public_key(Ed25519PrivateKey.from_private_bytes(b"\x01" * 32).public_key())


def raw_key(raw: bytes) -> PublicKey:
    return public_key(Ed25519PublicKey.from_public_bytes(raw))


def test_a_key_is_named_by_the_digest_of_its_spki() -> None:
    key = own_key()
    assert key.keyid == sha256_hex(base64.b64decode(key.spki_base64))
    assert key.keyid8 == key.keyid[:8]
    assert read_public_key(key.spki_base64) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!!!!",
        "AAAA",
        own_key().spki_base64[:-4],
        own_key().spki_base64 + "AAAA",
        " " + own_key().spki_base64,
        base64.b64encode(base64.b64decode(own_key().spki_base64) + b"\0").decode(),
        "\u00e9" * 8,
    ],
)
def test_what_is_no_key_in_its_one_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedKeyset):
        read_public_key(text)


def test_a_key_of_another_algorithm_is_refused() -> None:
    other = generate_private_key(SECP256R1()).public_key()
    spki = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(MalformedKeyset, match="algorithm"):
        read_public_key(base64.b64encode(spki).decode())


@pytest.mark.parametrize("sign", [0, 1 << 255])
@pytest.mark.parametrize("y", [0, 1, PRIME - 1, PRIME, PRIME + 1, PRIME + 18])
def test_keys_of_low_order_or_in_a_second_encoding_are_refused(y: int, sign: int) -> None:
    with pytest.raises(MalformedKeyset):
        raw_key((y | sign).to_bytes(32, "little"))


def test_a_low_order_key_would_have_accepted_a_forgery() -> None:
    # Why they are refused: under y = 1 (the identity) one signature holds for every message.
    identity = Ed25519PublicKey.from_public_bytes((1).to_bytes(32, "little"))
    forged = (1).to_bytes(32, "little") + bytes(32)
    identity.verify(forged, b"any message")
    identity.verify(forged, b"any other message")


def test_a_signature_of_another_length_does_not_verify() -> None:
    private = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
    key, good = own_key(), private.sign(b"data")
    assert key.verifies(good, b"data")
    assert not key.verifies(good, b"date")
    for wrong in (b"", good[:-1], good + b"\0", bytes(64), good[32:] + good[:32]):
        assert not key.verifies(wrong, b"data")


def vectors(name: str) -> Any:
    path = VECTORS / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


class TestRealData:
    pytestmark = realdata

    def test_every_low_order_or_second_encoding_key_of_cctv_is_refused(self) -> None:
        rows = vectors("cctv/ed25519vectors.json")
        bad = {"low_order_A", "non_canonical_A"}
        refused = sound = 0
        for row in rows:
            if bad & set(row["flags"] or []):
                refused += 1
                with pytest.raises(MalformedKeyset):
                    raw_key(bytes.fromhex(row["key"]))
            else:
                sound += 1
                raw_key(bytes.fromhex(row["key"]))
        assert refused > 500
        assert sound > 0

    def test_signatures_of_cctv_that_two_verifiers_may_judge_differently_are_few(self) -> None:
        # With sound keys, OpenSSL's verdict (cofactorless, canonical S) is the same everywhere.
        accepted = [
            row["number"]
            for row in vectors("cctv/ed25519vectors.json")
            if not {"low_order_A", "non_canonical_A"} & set(row["flags"] or [])
            and raw_key(bytes.fromhex(row["key"])).verifies(
                bytes.fromhex(row["sig"]), row["msg"].encode()
            )
            and "non_canonical_R" in (row["flags"] or [])
        ]
        assert accepted == []

    def test_wycheproof_agrees_with_every_verdict(self) -> None:
        counted = 0
        for group in vectors("wycheproof/ed25519_test.json")["testGroups"]:
            spki = base64.b64encode(bytes.fromhex(group["publicKeyDer"])).decode()
            key = read_public_key(spki)
            assert key.spki.hex() == group["publicKeyDer"]
            for case in group["tests"]:
                counted += 1
                found = key.verifies(bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
                assert found == (case["result"] == "valid"), case["tcId"]
        assert counted == 151

    def test_signatures_on_p256_are_judged_as_wycheproof_does(self) -> None:
        # Packages of others are signed so (WACZ); no key of a keyset is on this curve.
        counted = 0
        for group in vectors("wycheproof/ecdsa_secp256r1_sha256_test.json")["testGroups"]:
            key = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
            assert isinstance(key, ec.EllipticCurvePublicKey)
            for case in group["tests"]:
                counted += 1
                message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
                assert _is_signed(key, signature, message) == (case["result"] == "valid"), case
        assert counted == 484
