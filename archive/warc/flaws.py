# SPDX-License-Identifier: Apache-2.0
"""Checks what a WARC record says of itself: its digests, its target URI, its date.

Three answers are kept apart: wrong, could not tell, and compared. A record that states no digest
is not wrong, but nothing about its bytes was compared either.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from archive.digests import sha1_base32
from archive.errors import MalformedEvidence, MalformedTime, UndecodableBody
from archive.warc.dates import read_warc_date
from archive.warc.http import HTTP_RESPONSE_TYPES, http_parts, is_http
from archive.warc.read import WarcRecord

WARC_BLOCK_DIGEST = "WARC_BLOCK_DIGEST"
WARC_PAYLOAD_DIGEST = "WARC_PAYLOAD_DIGEST"
WARC_TARGET_URI = "WARC_TARGET_URI"
WARC_DATE = "WARC_DATE"

_Buffer = bytes | memoryview
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[\x21\x23-\x3b\x3d\x3f-\x7e]+")
_NEEDS_TARGET = frozenset(
    {"response", "resource", "request", "revisit", "conversion", "continuation"}
)
# SHA-1 is here because nearly all foreign WARCs carry it: it tells damage, not forgery.
_ALGORITHMS: dict[str, Callable[[_Buffer], bytes]] = {
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha512": lambda data: hashlib.sha512(data).digest(),
}
_SIZES = {"sha1": 20, "sha256": 32, "sha512": 64}


@dataclass(frozen=True, slots=True)
class RecordFlaw:
    """One thing that is wrong with a record, or could not be told, and its stable code."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """What was found: `flaws` are wrong, `unknown` could not be told, `compared` agreed."""

    flaws: tuple[RecordFlaw, ...]
    unknown: tuple[RecordFlaw, ...]
    compared: tuple[str, ...]


def check_record(record: WarcRecord) -> tuple[RecordFlaw, ...]:
    """What is wrong with the record; what could not be told is in `examine_record`'s answer."""
    return examine_record(record).flaws


def examine_record(record: WarcRecord, payload_digests: Collection[str] = ()) -> RecordCheck:
    """All findings on one record (ISO 28500:2017 5.4, 5.8, 5.9 and 5.12).

    `payload_digests` are those of the payload that the caller has taken already, spelled
    `sha1:` and base32 or `sha256:` and hex.

    Digests are read in SHA-1, SHA-256 and SHA-512, spelled in hex, base32 or base64. A payload
    digest may also be one of the body as received: common writers take it before the transfer
    coding is undone, and it binds the same bytes. That of a revisit is about another record and
    is not judged.
    """
    check = _Check(record, payload_digests)
    check.date()
    check.target_uri()
    check.block_digest()
    if record.type != "revisit":
        check.payload_digest()
    return RecordCheck(tuple(check.flaws), tuple(check.unknown), tuple(check.compared))


def read_stated(stated: str) -> tuple[str, bytes | None]:
    """The algorithm that a digest field names, and the digest when it is one in some spelling."""
    algorithm, _, value = stated.partition(":")
    name = algorithm.strip().lower().replace("-", "")
    if name not in _ALGORITHMS:
        return algorithm, None
    return name, _digest_bytes(value.strip(), _SIZES[name])


class _Check:
    def __init__(self, record: WarcRecord, payload_digests: Collection[str]) -> None:
        self.record = record
        self.payload_digests = payload_digests
        self.flaws: list[RecordFlaw] = []
        self.unknown: list[RecordFlaw] = []
        self.compared: list[str] = []

    def date(self) -> None:
        try:
            read_warc_date(self.record.date)
        except MalformedTime as error:
            self.flaws.append(RecordFlaw(WARC_DATE, str(error)))

    def target_uri(self) -> None:
        written = self.record.header("WARC-Target-URI")
        if written is None:
            if self.record.type in _NEEDS_TARGET:
                self._wrong(WARC_TARGET_URI, f"a {self.record.type} record must name its target")
            return
        # WARC 1.0 printed its grammar with angle brackets, and some writers took them at their
        # word; 1.1 says that they are not part of the field.
        target = self.record.target_uri if self.record.version == "WARC/1.0" else written
        if not _URI.fullmatch(target or ""):
            self._wrong(WARC_TARGET_URI, f"{written[:200]!r} is no URI as RFC 3986 writes them")

    def block_digest(self) -> None:
        self._compare(WARC_BLOCK_DIGEST, "WARC-Block-Digest", lambda: [self.record.block])

    def payload_digest(self) -> None:
        stated = self.record.header("WARC-Payload-Digest")
        if stated is not None and self.record.header("WARC-Segment-Number") is not None:
            self._cannot_tell(WARC_PAYLOAD_DIGEST, "the payload continues in other records")
            return
        self._compare(WARC_PAYLOAD_DIGEST, "WARC-Payload-Digest", self._as_received)

    def _as_received(self) -> list[_Buffer]:
        block = self.record.block
        if self.record.type not in {*HTTP_RESPONSE_TYPES, "request"} or not is_http(self.record):
            return [block]
        return [memoryview(block)[self.record.http_body_start :]]

    def _compare(self, code: str, field: str, forms: Callable[[], list[_Buffer]]) -> None:
        stated = self.record.header(field)
        if stated is None:
            return
        if code == WARC_PAYLOAD_DIGEST and stated in self.payload_digests:
            self.compared.append(code)
            return
        # How nearly every foreign file spells it, compared without decoding it first.
        is_usual = code == WARC_BLOCK_DIGEST and stated.startswith("sha1:")
        if is_usual and stated == f"sha1:{sha1_base32(self.record.block)}":
            self.compared.append(code)
            return
        name, wanted = read_stated(stated)
        if name not in _ALGORITHMS:
            self._cannot_tell(code, f"{field} uses {name[:40]!r}, which is not known here")
            return
        if wanted is None:
            self._wrong(code, f"{field} {stated[:160]!r} is no {name} digest in any spelling")
            return
        digest = _ALGORITHMS[name]
        is_body = code == WARC_PAYLOAD_DIGEST and self.record.type == "response"
        if is_body and name == "sha256" and is_http(self.record):
            # The same digest serves whoever compares the body with an inventory.
            is_equal = wanted.hex() == self.record.http_body_sha256
        else:
            is_equal = any(digest(form) == wanted for form in forms())
        if is_equal:
            self.compared.append(code)
        elif is_body:
            self._compare_decoded(wanted, digest)
        else:
            self._wrong(code, f"{field} is {stated}, the bytes have another")

    def _compare_decoded(self, wanted: bytes, digest: Callable[[_Buffer], bytes]) -> None:
        code = WARC_PAYLOAD_DIGEST
        if not is_http(self.record):
            self._wrong(code, "the block has another digest than WARC-Payload-Digest")
            return
        try:
            payload = http_parts(self.record).payload
        except UndecodableBody as error:
            self._cannot_tell(code, f"the payload cannot be separated from its coding: {error}")
        except MalformedEvidence as error:
            self._wrong(code, f"the block is no HTTP response: {error}")
        else:
            if digest(payload) == wanted:
                self.compared.append(code)
            else:
                self._wrong(code, "the payload has another digest than WARC-Payload-Digest")

    def _wrong(self, code: str, detail: str) -> None:
        self.flaws.append(RecordFlaw(code, detail))

    def _cannot_tell(self, code: str, detail: str) -> None:
        self.unknown.append(RecordFlaw(code, detail))


def _digest_bytes(text: str, size: int) -> bytes | None:
    """The digest of `size` bytes that the text spells in hex, base32 or base64, or None."""
    bare = text.rstrip("=")
    try:
        if len(text) == 2 * size:
            return bytes.fromhex(text)
        if len(bare) == -(-size * 8 // 5):
            return base64.b32decode(bare.upper() + "=" * (-len(bare) % 8))
        if len(bare) == -(-size * 8 // 6):
            standard = bare.translate(_URL_SAFE)
            return base64.b64decode(standard + "=" * (-len(bare) % 4), validate=True)
    except (ValueError, binascii.Error):
        return None
    return None


_URL_SAFE = str.maketrans("-_", "+/")
