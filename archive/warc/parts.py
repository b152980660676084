# SPDX-License-Identifier: Apache-2.0
"""Opens a part of a capture out of the WARC record that carries it.

The same rules serve the door that hands out parts and the checks that verify them: header block,
payload with the transfer coding undone (`body-raw`), payload decoded (`body`), or the block.
"""

from dataclasses import dataclass
from functools import cached_property

from archive.digests import sha256_hex
from archive.errors import InputTooLarge, MalformedWarc, UndecodableBody
from archive.net.codings import (
    DecodingLimits,
    content_codings,
    parse_head,
    undo_content_coding,
)
from archive.warc.http import http_parts
from archive.warc.read import WarcRecord
from archive.warc.write import SALT_HEADER

_ANY_RATIO = 1 << 40
_MEDIA_TYPE_LIMIT = 100


@dataclass(frozen=True)
class OpenedPart:
    """The bytes of a part, and the salt of its commitment when it is a private one."""

    data: bytes
    salt: bytes = b""
    known_sha256: str | None = None

    @cached_property
    def sha256(self) -> str:
        """The digest of the bytes."""
        return self.known_sha256 or sha256_hex(self.data)


def open_part(record: WarcRecord, role: str, size_limit: int) -> OpenedPart:
    """The part with this role out of its record; a body larger than the limit is refused.

    Raises MalformedWarc and UndecodableBody, also when the record is of a type that cannot carry
    the role.
    """
    if role == "text" and record.type == "conversion":
        return OpenedPart(record.block)
    if role == "request" and record.type == "request":
        salt = record.header(SALT_HEADER) or ""
        return OpenedPart(record.block, _salt(salt))
    if role == "headers" and record.type in {"response", "revisit"}:
        # Not by http_parts: the head is sound though the body after it may break off.
        return OpenedPart(record.block[: record.http_body_start])
    if role in {"body", "body-raw"} and record.type == "response":
        parts = http_parts(record)
        body = parts.payload
        if role == "body":
            body = _decoded(parts.payload, parts.headers, size_limit)
        known = record.http_body_sha256 if body is parts.body else None
        return OpenedPart(body, known_sha256=known)
    raise MalformedWarc(f"a {record.type} record cannot carry the part {role!r}")


def content_type(head: bytes) -> str | None:
    """The Content-Type of an HTTP header block, or None. Raises MalformedWarc, UndecodableBody."""
    for name, value in parse_head(head).headers:
        if name.lower() == "content-type":
            return value
    return None


def declared_media_type(content_type: str | None) -> str:
    """The media type that a Content-Type declares, lower-case, without parameters."""
    declared = (content_type or "").partition(";")[0].strip().lower()
    is_usable = declared.isascii() and declared.isprintable() and "/" in declared
    if not is_usable or len(declared) > _MEDIA_TYPE_LIMIT:
        return "application/octet-stream"
    return declared


def _decoded(payload: bytes, headers: tuple[tuple[str, str], ...], size_limit: int) -> bytes:
    limits = DecodingLimits(max(size_limit, len(payload)), _ANY_RATIO)
    try:
        return undo_content_coding(payload, content_codings(headers), limits)
    except (UndecodableBody, InputTooLarge):
        # As at capture: a payload that is not coded as declared is the body as it came.
        return payload


def _salt(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise MalformedWarc("the commitment salt of a request record is not hex") from error
