# SPDX-License-Identifier: Apache-2.0
"""Claim body.from_warc: the body is the decoded payload of the response that was received."""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.errors import MalformedEvidence
from archive.model.claim import Finding
from archive.model.inventory import Part
from archive.warc.parts import content_type, declared_media_type, open_part
from archive.warc.read import WarcRecord
from archive.warc.write import IDENTICAL_PAYLOAD

CLAIM = Claim(
    "body.from_warc",
    "Is the body what the recorded HTTP response carried?",
    ("object.digest", "warc.records"),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about the body."""
    part = evidence.inventory.part("body")
    if part is None and evidence.look.capture_id is not None:
        yield CLAIM.fails("body", "BODY_NOT_IN_WARC", "the capture lists no body")
        return
    if part is None:
        yield CLAIM.not_applicable("body", "no whole response was received")
        return
    removed_by = evidence.removal(part.span)
    if removed_by is not None:
        yield CLAIM.redacted("body", removed_by, "the body was removed")
        return
    try:
        yield _of_body(evidence, part)
    except MalformedEvidence as error:
        yield CLAIM.fails("body", "BODY_NOT_IN_WARC", str(error))


def _of_body(evidence: Evidence, part: Part) -> Finding:
    record = evidence.record_of(part)
    opened = evidence.opened(part)
    if record is None or opened is None or record.type != "response":
        return CLAIM.fails("body", "BODY_NOT_IN_WARC", "no response record carries the body")
    if opened.sha256 != part.sha256:
        return CLAIM.fails("body", "BODY_NOT_IN_WARC", "the response carries other bytes")
    head = evidence.inventory.part("headers")
    own = evidence.record_of(head) if head is not None else None
    if own is None:
        return CLAIM.fails("body", "BODY_NOT_IN_WARC", "the response's header block is not there")
    flaw = _flaw_of_revisit(own, record, part) if own is not record else None
    if flaw is not None:
        return CLAIM.fails("body", "BODY_NOT_IN_WARC", flaw)
    raw = evidence.inventory.part("body-raw")
    if raw is not None and raw.span != part.span:
        return CLAIM.fails("body", "BODY_NOT_IN_WARC", "body and body-raw are of two responses")
    media_type = declared_media_type(content_type(own.block[: own.http_body_start]))
    if {media_type} != {part.media_type, raw.media_type if raw else part.media_type}:
        return CLAIM.fails(
            "body",
            "MEDIA_TYPE_MISMATCH",
            f"the server declared {media_type}, not what is on record",
        )
    if own is not record:
        return CLAIM.passes(
            "body", f"unchanged since {record.record_id}, to which a revisit refers"
        )
    return CLAIM.passes("body", f"payload of {record.record_id}")


def _flaw_of_revisit(own: WarcRecord, target: WarcRecord, body: Part) -> str | None:
    if own.type != "revisit":
        return "headers and body are of two responses"
    if own.header("WARC-Refers-To") != target.record_id:
        return "the revisit refers to another response"
    stated = {
        "WARC-Profile": IDENTICAL_PAYLOAD,
        "WARC-Payload-Digest": f"sha256:{open_part(target, 'body-raw', body.size).sha256}",
        "WARC-Refers-To-Target-URI": target.target_uri,
        "WARC-Refers-To-Date": target.date,
    }
    wrong = [name for name, value in stated.items() if own.header(name) != value]
    return f"the revisit's {wrong[0]} is not that of what it refers to" if wrong else None
