# SPDX-License-Identifier: Apache-2.0
import pytest

from archive.digests import read_sha256, sha1_base32, sha256_hex
from archive.errors import MalformedDigest

F1 = b"<p>terms</p>\n"
F1_HEX = "cb352a8dabd23995e93e57bfc1f3f51f65c82991e65dabb571dbe870cff0ffdb"
F1_BASE64 = "yzUqjavSOZXpPle/wfP1H2XIKZHmXau1cdvocM/w/9s="
F1_BASE32 = "ZM2SVDNL2I4ZL2J6K674D47VD5S4QKMR4ZO2XNLR3PUHBT7Q77NQ===="
F2 = b"<html><body><p>We may share data.</p></body></html>"


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (F1, F1_HEX),
        (
            F1.replace(b"\n", b"\r\n"),
            "aa8e0b2f371e2ec2d014ce783f0463ebdcf9090312eed940913e7fcad4067d35",
        ),
        (
            b"\xef\xbb\xbf" + F1,
            "a1bccf0aa55d2a2a484da3995b9c85fc5c7bc6c3b16636622911dad90a7e1a76",
        ),
        (F2, "91b51d51a48c702dd99e59513b6f17d87def072a5568bd2064d83b45e61dbc4c"),
    ],
)
def test_d46_the_shared_fixtures_have_these_digests(data: bytes, digest: str) -> None:
    assert sha256_hex(data) == digest
    assert read_sha256(digest).hex == digest


def test_d46_the_shared_sha1_values_hold() -> None:
    assert sha1_base32(F1) == "4BK7PSXN442RRBKGCVY4Y3P6IPHP6S3X"
    assert sha1_base32(b"") == "3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("yzUqjavSOZXpPle_wfP1H2XIKZHmXau1cdvocM_w_9s", "base64url"),
        (F1_BASE64, "base64"),
        (F1_BASE32, "base32"),
        (F1_HEX.upper(), "hex"),
    ],
)
def test_d46_every_spelling_is_the_same_digest(text: str, spelling: str) -> None:
    reading = read_sha256(text)
    assert (reading.hex, reading.is_prefix, reading.spelling) == (F1_HEX, False, spelling)


@pytest.mark.parametrize("mark", ["\u2026", "...", " \u2026", ""])
def test_d47_a_cut_off_digest_is_a_search(mark: str) -> None:
    reading = read_sha256("55f589f5c2a5a187" + mark)
    assert (reading.hex, reading.is_prefix) == ("55f589f5c2a5a187", True)


def test_d47_seven_digits_are_too_few_and_the_message_says_how_many_are_needed() -> None:
    with pytest.raises(MalformedDigest, match=r"7 hex digits are too few.*12"):
        read_sha256("55f589f")


def test_d51_the_digest_of_nothing_is_told_apart() -> None:
    assert read_sha256(sha256_hex(b"")).is_of_nothing
    assert not read_sha256(F1_HEX).is_of_nothing
