# SPDX-License-Identifier: Apache-2.0
import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive.digests import base64_of, read_sha256, sha256_hex
from archive.errors import MalformedDigest

DATA = b"<p>terms</p>\n"
HEX = "cb352a8dabd23995e93e57bfc1f3f51f65c82991e65dabb571dbe870cff0ffdb"
BASE64 = "yzUqjavSOZXpPle/wfP1H2XIKZHmXau1cdvocM/w/9s="
BASE64URL = "yzUqjavSOZXpPle_wfP1H2XIKZHmXau1cdvocM_w_9s"
BASE32 = "ZM2SVDNL2I4ZL2J6K674D47VD5S4QKMR4ZO2XNLR3PUHBT7Q77NQ===="
PAIRS = [HEX[at : at + 2] for at in range(0, 64, 2)]
WHOLE = [
    (HEX, "hex"),
    (f"  {HEX.upper()}\n", "hex"),
    (f'"{HEX}",', "hex"),
    (f"({HEX}).", "hex"),
    (f"0x{HEX}", "hex"),
    (" ".join(PAIRS), "hex"),
    (":".join(PAIRS).upper(), "hex"),
    ("-".join(PAIRS).upper(), "hex"),
    (f"{HEX[:32]}\n{HEX[32:]}", "hex"),
    (f"{HEX[:32]} {HEX[32:]}", "hex"),
    (f"{HEX[:20]}\u200b{HEX[20:40]}\u00ad{HEX[40:]}", "hex"),
    (f"{HEX}...", "hex"),
    (f"sha256:{HEX}", "hex"),
    (f"SHA-256={HEX}", "hex"),
    (f"SHA256: {HEX}", "hex"),
    (f"sha-256 {HEX}", "hex"),
    (f"hash://sha256/{HEX}", "hex"),
    (f"urn:sha256:{HEX}", "hex"),
    (f"sha256-{HEX}", "hex"),
    (BASE64, "base64"),
    (BASE64.rstrip("="), "base64"),
    (f"{BASE64[:20]}\n{BASE64[20:]}", "base64"),
    (BASE64URL, "base64url"),
    (BASE64URL + "=", "base64url"),
    (f"sha256-{BASE64}", "sri"),
    (f"sha256-{BASE64URL}", "sri"),
    (f"'sha256-{BASE64}'", "sri"),
    (f"sha256-{BASE64}?ct=text/html", "sri"),
    (f"SHA-256={BASE64}", "base64"),
    (f"sha-256=:{BASE64}:", "http-field"),
    (f"Repr-Digest: sha-256=:{BASE64}:", "http-field"),
    (f"sha-256=:{BASE64}:, sha-512=:AAAA:", "http-field"),
    (f"Digest: SHA-256={BASE64}", "base64"),
    (BASE32, "base32"),
    (BASE32.rstrip("=").lower(), "base32"),
    (f"sha256:{BASE32}", "base32"),
    (f"ni:///sha-256;{BASE64URL}", "ni"),
    (f"ni://example.org/sha-256;{BASE64URL}?ct=text/html", "ni"),
    (f"{HEX}  terms.html", "sha256sum"),
    (f"{HEX} *terms (1).html", "sha256sum"),
    (f"{HEX}  -", "sha256sum"),
    (f"{HEX}  deadbeef", "sha256sum"),
    (f"\\{HEX}  a\\nb", "sha256sum"),
    (f"SHA256 (terms.html) = {HEX}", "openssl"),
    (f"SHA2-256(C:\\a (b).html)= {HEX.upper()}", "openssl"),
    (f"SHA256 hash of terms.html:\r\n{HEX}\r\nCertUtil: done.", "tool-output"),
    (f"SHA256 hash of terms.html:\r\n{' '.join(PAIRS)}\r\nCertUtil: done.", "tool-output"),
    (f"Algorithm  Hash  Path\n---  ---  ---\nSHA256  {HEX.upper()}  C:\\a.html", "tool-output"),
    (f"https://archive.example/sha256/{HEX}", "tool-output"),
]
REFUSED = [
    ("", "not a SHA-256"),
    ("...", "first 12"),
    ("hello", "not a SHA-256"),
    ("abc", "3 hex digits are too few"),
    (HEX[:11], "at least 12"),
    (HEX[:11] + "\u2026", "at least 12"),
    (HEX + "0", "65 hex digits"),
    (f"{HEX[:16]}\u2026{HEX[-8:]}", "first 12"),
    (f"\u2026{HEX[-16:]}", "first 12"),
    (f"{BASE64[:20]}\u2026", "first 12"),
    (HEX[:32], "MD5"),
    (HEX[:40], "SHA-1"),
    (HEX[:56], "SHA-224"),
    (HEX + HEX[:32], "SHA-384"),
    (HEX + HEX, "SHA-512"),
    (f"sha256:{HEX}{HEX}", "SHA-512"),
    (f"{HEX[:40]}  terms.html", "SHA-1"),
    (f"{HEX}{HEX}  terms.html", "SHA-512"),
    (f"SHA1({'terms.html'})= {HEX[:40]}", "SHA1"),
    (f"SHA3-256(terms.html)= {HEX}", "SHA3-256"),
    (f"HMAC-SHA2-256(terms.html)= {HEX}", "HMAC"),
    (f"sha3-256:{HEX}", "SHA3-256"),
    (f"sha512/256:{HEX}", "SHA512/256"),
    (f"blake3:{HEX}", "BLAKE3"),
    (f"md5:{HEX[:32]}", "MD5"),
    ("4BK7PSXN442RRBKGCVY4Y3P6IPHP6S3X", "SHA-1 in base32"),
    (base64.b64encode(hashlib.sha512(DATA).digest()).decode(), "SHA-512 in base64"),
    (f"sha384-{base64.b64encode(hashlib.sha384(DATA).digest()).decode()}", "SHA384"),
    (f"sha256-{BASE64} sha512-AAAA", "SHA512"),
    (BASE64[:-2] + "t=", "not a SHA-256"),
    (BASE32[:51] + "R====", "not a SHA-256"),
    (BASE64.replace("/", "_", 1), "not a SHA-256"),
    (f"ni:///sha-512;{BASE64URL}", "sha-512"),
    (f"ni:///sha-256-120;{BASE64URL[:20]}", "sha-256-120"),
    (f"ni:///sha-256;{BASE64URL[:20]}", "no whole SHA-256"),
    (f"{HEX}  a.html\n{HEX[::-1]}  b.html", "2 digests"),
    (f"the id {HEX} of something", "not a SHA-256"),
    ("a" * 10_000, "too long"),
]


@pytest.mark.parametrize(("text", "spelling"), WHOLE)
def test_every_spelling_gives_the_same_digits(text: str, spelling: str) -> None:
    reading = read_sha256(text)
    assert (reading.hex, reading.is_prefix, reading.spelling) == (HEX, False, spelling)


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_is_no_sha256_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(MalformedDigest, match=reason):
        read_sha256(text)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        (HEX[:12], HEX[:12]),
        (HEX[:63], HEX[:63]),
        (HEX[:16].upper() + "\u2026", HEX[:16]),
        (HEX[:40] + "...", HEX[:40]),
        (f"sha256:{HEX[:32]}", HEX[:32]),
        (f"SHA-256: {HEX[:16]}\u2026", HEX[:16]),
        (":".join(PAIRS[:8]), HEX[:16]),
    ],
)
def test_a_part_of_a_digest_is_a_prefix(text: str, digits: str) -> None:
    reading = read_sha256(text)
    assert (reading.hex, reading.is_prefix) == (digits, True)


@given(st.binary())
def test_printed_forms_are_read_back(data: bytes) -> None:
    digest = sha256_hex(data)
    for text in (digest, base64_of(digest)):
        assert read_sha256(text).hex == digest


def test_the_printers_give_the_known_forms() -> None:
    assert base64_of(HEX) == BASE64


def test_the_example_of_rfc_6920_holds() -> None:
    uri = "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk"
    assert read_sha256(uri).hex == sha256_hex(b"Hello World!")


@given(st.text(alphabet=st.characters(max_codepoint=0x2100), max_size=200))
@example("\\" + "a" * 8000 + "(" * 150)
@example("SHA256 (" + ") = " * 1500)
@example("sha256:" + "a" * 8000 + "g")
@example("a-" * 4000)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        reading = read_sha256(text)
    except MalformedDigest:
        return
    assert set(reading.hex) <= set("0123456789abcdef")
    assert 12 <= len(reading.hex) <= 64
    assert reading.is_prefix == (len(reading.hex) < 64)


@pytest.mark.parametrize(
    "command",
    [
        ["sha256sum"],
        ["sha256sum", "--tag"],
        ["openssl", "dgst", "-sha256"],
        ["openssl", "dgst", "-r", "-sha256"],
    ],
)
def test_what_real_tools_print_is_read(command: list[str], tmp_path: Path) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    file = tmp_path / "a (1) b.html"
    file.write_bytes(DATA)
    printed = subprocess.run([*command, file], capture_output=True, text=True, check=True).stdout
    assert read_sha256(printed).hex == HEX
