# SPDX-License-Identifier: Apache-2.0
"""Claim body.from_warc: the body is the decoded payload of the response that was received."""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.errors import MalformedEvidence
from archive.model.claim import Finding
from archive.model.inventory import Part

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
    if own is not record and own.type != "revisit":
        return CLAIM.fails("body", "BODY_NOT_IN_WARC", "headers and body are of two responses")
    if own is not record and own.header("WARC-Refers-To") != record.record_id:
        return CLAIM.fails("body", "BODY_NOT_IN_WARC", "the revisit refers to another response")
    if own is not record:
        return CLAIM.passes(
            "body", f"unchanged since {record.record_id}, to which a revisit refers"
        )
    return CLAIM.passes("body", f"payload of {record.record_id}")
