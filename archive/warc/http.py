# SPDX-License-Identifier: Apache-2.0
"""Splits the HTTP message in a record into head, body as received, and payload.

The standard defines the payload as the entity body with the transfer coding removed (ISO
28500:2017 6.3.2); much real data holds bodies whose coding was removed before they were written,
under a head that still declares it. That is told, not refused.
"""

import re
from dataclasses import dataclass

from archive.errors import MalformedWarc
from archive.net.chunked import is_chunked, undo_transfer_coding
from archive.net.head import parse_head
from archive.warc.header import Fields
from archive.warc.read import WarcRecord

HTTP_RESPONSE_TYPES = frozenset({"response", "revisit"})

_HTTP_TARGET = re.compile(r"https?:", re.IGNORECASE)
_CODED = b"transfer-encoding"
_CHUNK_SIZE_LINE = re.compile(rb"[0-9A-Fa-f]{1,15}[ \t]*(?:;[^\r\n]*)?\r\n")


@dataclass(frozen=True, slots=True)
class HttpParts:
    """One HTTP response as a record holds it; `head + body` is the record's block.

    `payload` is the body without transfer coding, still content-coded. `transfer_coding_undone`
    says that the head declares chunks which the stored body no longer has. An empty revisit has
    no status and no headers.
    """

    head: bytes
    body: bytes
    payload: bytes
    headers: Fields
    status: int | None
    transfer_coding_undone: bool


def http_parts(record: WarcRecord) -> HttpParts:
    """The parts of a response or revisit record of an http(s) target.

    Raises MalformedWarc for any other record, MalformedEvidence for a head without a status
    line, UndecodableBody for chunks that break off or have no single meaning.
    """
    if record.type not in HTTP_RESPONSE_TYPES or not is_http(record):
        raise MalformedWarc(f"the {record.type} record {record.record_id} is no HTTP response")
    if not record.block:
        return HttpParts(b"", b"", b"", (), None, transfer_coding_undone=False)
    body_start = record.http_body_start
    head, body = record.block[:body_start], record.block[body_start:]
    parsed = parse_head(head)
    # A revisit leaves its body off, coding and all (ISO 28500:2017 6.7.2).
    has_chunks = bool(body) and _CODED in head.lower() and is_chunked(parsed.headers)
    is_undone = has_chunks and not _CHUNK_SIZE_LINE.match(body)
    payload = undo_transfer_coding(parsed.headers, body) if has_chunks and not is_undone else body
    return HttpParts(head, body, payload, parsed.headers, parsed.status, is_undone)


def is_http(record: WarcRecord) -> bool:
    """Whether the record's target is http or https, which makes its block an HTTP message."""
    return record.target_uri is not None and _HTTP_TARGET.match(record.target_uri) is not None
