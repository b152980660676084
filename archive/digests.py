# SPDX-License-Identifier: Apache-2.0
"""Digests of bytes, and the many spellings in which people bring a SHA-256.

A spelling is recognised by its form alone and always gives the same 64 hex digits; what is, or
could be, another algorithm's digest is refused by name. A cut-off digest is for searching only.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, replace

from archive.errors import MalformedDigest

SHA256_OF_NOTHING = hashlib.sha256(b"").hexdigest()
LEAST_PREFIX_DIGITS = 12

_MAX_INPUT_CHARACTERS = 8192
_HEX_DIGITS = 64
_OTHERS_BY_HEX_DIGITS = {32: "MD5", 40: "SHA-1", 56: "SHA-224", 96: "SHA-384", 128: "SHA-512"}
_OTHERS_BY_BASE64_CHARACTERS = {22: "MD5", 27: "SHA-1", 38: "SHA-224", 64: "SHA-384", 86: "SHA-512"}
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_WRAPPING = " \t\r\n\"'`<>()[]{},;\u201c\u201d\u2018\u2019\u00ab\u00bb"

_LABEL = re.compile(
    r"(?:(?:repr-|content-)?digest:\s*|hash:(?://)?|urn:)?(?:sha-?256|sha2-256)(?:\s*[:=/-]\s*|\s+)",
    re.IGNORECASE,
)
_STRUCTURED_FIELD = re.compile(r":([^:]*):(?:\s*[,;].*)?")
_OTHER_LABEL = re.compile(
    r"\b(?:hmac|md5|sha-?1|sha(?:2-|-)?(?:224|384|512)(?:[-/](?:224|256))?"
    r"|sha-?512[-/]256|sha3-\d{3}|blake2[bs]?|blake3)\b",
    re.IGNORECASE,
)
_SHA256_WORD = re.compile(r"\bsha(?:-|2-)?256\b", re.IGNORECASE)
_NI = re.compile(r"ni://[^/\s]*/([A-Za-z0-9-]+);([A-Za-z0-9_-]*)(?:\?\S*)?", re.IGNORECASE)
_SUMS_LINE = re.compile(r"\\?([0-9A-Fa-f]{32,128})[ \t]+\*?(\S.*)")
_OPENSSL_LINE = re.compile(r"([A-Za-z0-9/-]+) ?\((.*)\) ?= ?([0-9A-Fa-f]+)")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]+|[A-Za-z0-9_-]+)={0,2}")
_BASE32 = re.compile(r"[A-Za-z2-7]{52}(?:={4})?")
_SHA1_BASE32 = re.compile(r"[A-Za-z2-7]{32}")
_SHA1_TEXT = re.compile(
    r"(?P<label>(?:warc-(?:payload|block)-digest:|urn:)?sha-?1[:=])?"
    r"(?:(?P<base32>[A-Za-z2-7]{32})|(?P<hex>[0-9A-Fa-f]{40}))",
    re.IGNORECASE,
)
_ELLIPSIS = re.compile("\u2026|\\.{2,}")
_WHOLE_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{64}|(?:[0-9A-Fa-f]{2}[ \t]){31}[0-9A-Fa-f]{2})(?![0-9A-Za-z])"
)
_BASE32_SYMBOLS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE32_PAIRS = [one + other for one in _BASE32_SYMBOLS for other in _BASE32_SYMBOLS]
_SHA1_SHIFTS = range(150, -1, -10)


@dataclass(frozen=True, slots=True)
class DigestReading:
    """A SHA-256 as read: 64 lower-case hex digits, or the first 12 to 63 when `is_prefix`.

    A prefix is for a search and proves nothing. `spelling` names the form it came in.
    """

    hex: str
    is_prefix: bool
    spelling: str

    @property
    def is_of_nothing(self) -> bool:
        """Whether this is the digest of zero bytes, which every empty file has."""
        return self.hex == SHA256_OF_NOTHING


@dataclass(frozen=True, slots=True)
class Sha1Reading:
    """A SHA-1 in base32, 32 upper-case characters. It is for a search and proves nothing."""

    base32: str


def sha256_hex(data: bytes | memoryview) -> str:
    """The SHA-256 of the bytes, 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha1_base32(data: bytes) -> str:
    """The SHA-1 of the bytes in base32, as CDX files print it (comparison only, RFC 4648)."""
    return base32_of_sha1(hashlib.sha1(data, usedforsecurity=False).digest())


def base32_of_sha1(digest: bytes) -> str:
    """The 20 bytes in base32 (RFC 4648): three times as fast as the standard library's."""
    number = int.from_bytes(digest, "big")
    return "".join([_BASE32_PAIRS[number >> shift & 1023] for shift in _SHA1_SHIFTS])


def base64_of(hex_digest: str) -> str:
    """The hex digest in base64 with padding, as HTTP digest fields and SRI print it."""
    return base64.b64encode(bytes.fromhex(hex_digest)).decode("ascii")


def read_sha256(text: str) -> DigestReading:
    """The SHA-256 that the text spells: hex, base64, base32, SRI, `ni:`, HTTP field, tool output.

    Raises `MalformedDigest` for anything else, for more than one digest, and for fewer than 12
    hex digits; what looks like another algorithm's digest is named.
    """
    if len(text) > _MAX_INPUT_CHARACTERS:
        raise MalformedDigest("too long for a digest; to verify a file, give the file itself")
    plain = text.translate(_INVISIBLE).strip(_WRAPPING)
    if not _ELLIPSIS.search(plain[-2:]):
        plain = plain.removesuffix(".").rstrip(_WRAPPING)
    several = {_squeezed(digits).lower() for digits in _WHOLE_HEX.findall(plain)}
    if len(several) > 1:
        raise MalformedDigest(f"{len(several)} digests; give one at a time")
    for reader in (_read_tool_line, _read_ni, _read_labelled, _read_bare, _read_among_words):
        reading = reader(plain)
        if reading is not None:
            return reading
    raise MalformedDigest(_why_not(plain))


def read_digest(text: str) -> "DigestReading | Sha1Reading":
    """The SHA-256 that the text spells, or a SHA-1 as CDX and WARC files print it.

    A SHA-1 is for searching only, as two files can be made to have the same one. Raises
    MalformedDigest as `read_sha256`.
    """
    if len(text) <= _MAX_INPUT_CHARACTERS:
        plain = text.translate(_INVISIBLE).strip(_WRAPPING)
        found = _SHA1_TEXT.fullmatch("".join(plain.split()))
        if found is not None and (found["label"] or not _HEX.fullmatch(found["base32"] or "-")):
            if found["hex"]:
                return Sha1Reading(base32_of_sha1(bytes.fromhex(found["hex"])))
            return Sha1Reading(found["base32"].upper())
    return read_sha256(text)


def _read_tool_line(plain: str) -> DigestReading | None:
    """One line of `sha256sum`, of its BSD form, or of `openssl dgst`."""
    sums = _SUMS_LINE.fullmatch(plain)
    # Two halves of one digest, set apart by a space, are no digest and file name.
    if sums and (len(sums[1]) == _HEX_DIGITS or not _HEX.fullmatch(_squeezed(plain))):
        return _read_hex(sums[1], is_cut=False, is_labelled=False, spelling="sha256sum")
    openssl = _OPENSSL_LINE.fullmatch(plain)
    if openssl is None:
        return None
    if not _SHA256_WORD.fullmatch(openssl[1]):
        raise MalformedDigest(f"this is a digest by {openssl[1]}; give the SHA-256")
    return _read_hex(openssl[3], is_cut=False, is_labelled=True, spelling="openssl")


def _read_ni(plain: str) -> DigestReading | None:
    match = _NI.fullmatch(plain)
    if match is None:
        return None
    if match[1].lower() != "sha-256":
        raise MalformedDigest(f"this ni: URI names the algorithm {match[1]}; give one of sha-256")
    reading = _read_base64(match[2])
    if reading is None:
        raise MalformedDigest("this ni: URI holds no whole SHA-256")
    return replace(reading, spelling="ni")


def _read_labelled(plain: str) -> DigestReading | None:
    label = _LABEL.match(plain)
    if label is None:
        return None
    value = plain[label.end() :]
    field = _STRUCTURED_FIELD.fullmatch(value)
    if field is not None:
        reading = _read_base64(field[1])
        return None if reading is None else replace(reading, spelling="http-field")
    if label[0].endswith("-"):
        reading = _read_base64(value.partition("?")[0])
        if reading is not None:
            return replace(reading, spelling="sri")
    return _read_value(value, is_labelled=True)


def _read_bare(plain: str) -> DigestReading | None:
    return _read_value(plain, is_labelled=False)


def _read_value(value: str, *, is_labelled: bool) -> DigestReading | None:
    shown, *hidden = _ELLIPSIS.split(value)
    digits = _squeezed(shown).removeprefix("0x").removeprefix("0X")
    if hidden:
        if any(hidden) or not _HEX.fullmatch(digits):
            raise MalformedDigest(
                f"of a cut-off digest, give at least the first {LEAST_PREFIX_DIGITS} hex digits"
            )
        return _read_hex(digits, is_cut=True, is_labelled=is_labelled)
    if _HEX.fullmatch(digits):
        return _read_hex(digits, is_cut=False, is_labelled=is_labelled)
    joined = "".join(value.split())
    return _read_base64(joined) or _read_base32(joined)


def _squeezed(text: str) -> str:
    return re.sub(r"[\s:-]", "", text)


def _read_hex(
    digits: str, *, is_cut: bool, is_labelled: bool, spelling: str = "hex"
) -> DigestReading:
    count = len(digits)
    if count == _HEX_DIGITS:
        return DigestReading(digits.lower(), is_prefix=False, spelling=spelling)
    other = _OTHERS_BY_HEX_DIGITS.get(count)
    if other is not None and not is_cut and not (is_labelled and count < _HEX_DIGITS):
        raise MalformedDigest(
            f"{count} hex digits are the length of {other}; a SHA-256 has {_HEX_DIGITS}"
            " (to search by the beginning of one, put ... behind it)"
        )
    if count > _HEX_DIGITS:
        raise MalformedDigest(f"{count} hex digits; a SHA-256 has {_HEX_DIGITS}")
    if count < LEAST_PREFIX_DIGITS:
        raise MalformedDigest(
            f"{count} hex digits are too few to search by; give at least {LEAST_PREFIX_DIGITS}"
        )
    return DigestReading(digits.lower(), is_prefix=True, spelling=spelling)


def _read_base64(text: str) -> DigestReading | None:
    value = text.rstrip("=")
    if len(value) != len(base64_of(SHA256_OF_NOTHING)) - 1 or not _BASE64.fullmatch(text):
        return None
    standard = value.replace("-", "+").replace("_", "/")
    digest = base64.b64decode(standard + "=").hex()
    # The last character holds two unused bits; set, they mean that characters are wrong or lost.
    if base64_of(digest) != standard + "=":
        return None
    is_url_safe = standard != value
    return DigestReading(digest, is_prefix=False, spelling="base64url" if is_url_safe else "base64")


def _read_base32(text: str) -> DigestReading | None:
    if not _BASE32.fullmatch(text):
        return None
    padded = text.rstrip("=").upper() + "===="
    digest = base64.b32decode(padded)
    if base64.b32encode(digest).decode("ascii") != padded:
        return None
    return DigestReading(digest.hex(), is_prefix=False, spelling="base32")


def _read_among_words(plain: str) -> DigestReading | None:
    """The one SHA-256 in a tool's longer answer or in a URL that says it is one."""
    found = _WHOLE_HEX.search(plain)
    if found is None or not _SHA256_WORD.search(plain) or _OTHER_LABEL.search(plain):
        return None
    return DigestReading(_squeezed(found[0]).lower(), is_prefix=False, spelling="tool-output")


def _why_not(plain: str) -> str:
    joined = "".join(plain.split())
    label = _OTHER_LABEL.search(plain)
    if label is not None:
        return f"this is a digest by {label[0].upper()}; give the SHA-256"
    if _SHA1_BASE32.fullmatch(joined):
        return "this looks like a SHA-1 in base32, as CDX files print it; give the SHA-256"
    other = _OTHERS_BY_BASE64_CHARACTERS.get(len(joined.rstrip("=")))
    if other is not None and _BASE64.fullmatch(joined):
        return f"this has the length of {other} in base64; give the SHA-256"
    return (
        "not a SHA-256: give its 64 hex digits, base64, base32, a ni: URI, an SRI or HTTP digest,"
        f" or at least the first {LEAST_PREFIX_DIGITS} hex digits"
    )
