# SPDX-License-Identifier: Apache-2.0
"""Judges what a server answered for a range of a WARC file, and whether it is what an index says.

The bytes are taken only when they are exactly the range that was asked for (RFC 9110 section 14)
and exactly one record, of the URL and the time that the index names.
"""

import hashlib
import re
from dataclasses import dataclass

from archive.digests import base32_of_sha1
from archive.errors import MalformedEvidence, MalformedTime, MalformedWarc
from archive.importing.base import IMPORT_LIMITS, Numbered
from archive.importing.cdx import CdxLine
from archive.importing.index import index_record
from archive.model.claim import Finding, Status
from archive.model.fetch import Exchange
from archive.model.imported import IndexRow
from archive.net.head import header_values
from archive.net.surt import url_key
from archive.warc.dates import cdx_stamp
from archive.warc.http import http_parts, is_http
from archive.warc.members import GZIP_MAGIC, compress_member
from archive.warc.read import WarcRecord, read_record

CLAIM = "range.answer"
IGNORED = "RANGE_IGNORED"
MISSING = "RANGE_MISSING"
OTHER = "RANGE_OTHER"
NO_RECORD = "RANGE_NO_RECORD"
OTHER_RECORD = "RANGE_OTHER_RECORD"
DIGEST = "CDX_DIGEST"

_OK, _PARTIAL = 200, 206
_RECORD_END = b"\r\n\r\n"
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/(?:[0-9]{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class GivenRecord:
    """A record as a server gave it, as one gzip member, and the finding about it."""

    member: bytes
    finding: Finding


def judge_range(line: CdxLine, target: str, exchange: Exchange) -> GivenRecord | Finding:
    """The record, when the answer is the range and the range the record; else what it is instead.

    `target` names the range in the finding.
    """
    wrong = _wrong_range(line, exchange)
    if wrong is not None:
        return Finding(CLAIM, target, Status.FAIL, *wrong)
    try:
        member = _member(exchange.payload)
        record = read_record(member, IMPORT_LIMITS)
    except MalformedWarc as error:
        return Finding(CLAIM, target, Status.FAIL, NO_RECORD, str(error))
    named = _named_otherwise(line, record)
    if named is not None:
        return Finding(CLAIM, target, Status.FAIL, OTHER_RECORD, named)
    return GivenRecord(member, _finding(line, target, record))


def _member(data: bytes) -> bytes:
    """The record as a gzip member: a container holds records of one kind.

    The range of a record that lies there plain may or may not include the two line ends that
    close it: cdxj-indexer leaves them out, others do not.
    """
    if data.startswith(GZIP_MAGIC):
        return data
    try:
        read_record(data, IMPORT_LIMITS)
    except MalformedWarc:
        data += _RECORD_END
    return compress_member(data)


def _wrong_range(line: CdxLine, exchange: Exchange) -> tuple[str, str] | None:
    if exchange.status == _OK:
        return IGNORED, "the server gives the whole file, whatever range is asked for"
    if exchange.status != _PARTIAL:
        return MISSING, f"status {exchange.status}"
    stated = header_values(exchange.headers, "content-range")
    match = _CONTENT_RANGE.fullmatch(stated[0]) if len(stated) == 1 else None
    if match is None:
        return OTHER, "it does not say which one range it is"
    first, last = int(match[1]), int(match[2])
    if (first, last) != (line.offset, line.offset + line.length - 1):
        return OTHER, f"it is the range from {first} to {last}"
    # Servers that call a packed file coded (`Content-Encoding: gzip`) still count its own bytes
    # (RFC 9110 section 14.1.2); what was coded on the way is no record, or of another length.
    if len(exchange.payload) != line.length:
        return OTHER, f"it has {len(exchange.payload)} bytes, and {line.length} were asked for"
    return None


def _named_otherwise(line: CdxLine, record: WarcRecord) -> str | None:
    target = record.target_uri
    if target is None or (target != line.url and url_key(target) != url_key(line.url)):
        return f"it is of {(target or 'no URL')[:200]}"
    try:
        stamp = cdx_stamp(record.date)
    except MalformedTime as error:
        return str(error)
    return None if stamp == line.timestamp else f"it is of {stamp}, not of {line.timestamp}"


def _finding(line: CdxLine, target: str, record: WarcRecord) -> Finding:
    row, _ = index_record(Numbered(1, record))
    if line.digest is None or row is None or line.digest in _digests(record, row):
        return Finding(CLAIM, target, Status.PASS, "", "it is the record that the index names")
    detail = f"no form of its payload has the digest {line.digest} that the index states"
    return Finding(CLAIM, target, Status.FAIL, DIGEST, detail)


def _digests(record: WarcRecord, row: IndexRow) -> set[str]:
    """The digests that an index may state of a record: tools differ in what they take for it."""
    found = {f"sha1:{row.sha1}", f"sha256:{row.sha256}", f"sha256:{row.body_sha256}"}
    forms = [bytes(record.block)]
    if is_http(record):
        try:
            forms.append(http_parts(record).body)
        except MalformedEvidence:
            forms.append(bytes(record.block[record.http_body_start :]))
    for form in forms:
        found.add(f"sha256:{hashlib.sha256(form).hexdigest()}")
        sha1 = hashlib.sha1(form, usedforsecurity=False).digest()
        found.add(f"sha1:{base32_of_sha1(sha1)}")
    return found
