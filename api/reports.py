# SPDX-License-Identifier: Apache-2.0
"""Verification as the web asks for it: bounded, and a finished report used again for a while.

`verified_at` in a report tells when its claims were answered. One of a large record takes
seconds and much memory, so those have one place of their own.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from api.access import current_reader
from api.bodies import file_chunks
from api.permission import seen
from api.record_json import RecordRow
from api.record_row import record_row
from api.state import current_archive, current_bounds
from archive.digests import DigestReading
from archive.ids import parse_id
from archive.model.claim import Report, Result, Status
from archive.services.custody_told import count_told
from archive.services.permission import viewer
from archive.services.verify import BytesAnswer, verify_bytes, verify_digest, verify_record

LARGE_BYTES = 4 * 1024 * 1024
LARGE_CUSTODY = 200


def is_large(row: RecordRow) -> bool:
    """Whether verifying the record is too much work for every view of its page."""
    if count_told(current_archive(), row.id) > LARGE_CUSTODY:
        return True
    return any(part["bytes"] > LARGE_BYTES for part in json.loads(row.data)["parts"])


def record_report(row: RecordRow, policy: str = "standard") -> Report:
    """The report on a record. Raises the problem 503, and what `verify_record` raises."""
    archive, bounds = current_archive(), current_bounds()
    turns = bounds.large if is_large(row) else bounds.small
    return turns.result(
        (row.id, row.sha256, policy), lambda: verify_record(archive, parse_id(row.id), policy)
    )


def digest_answer(reading: DigestReading, policy: str = "standard") -> BytesAnswer:
    """What the archive says of a digest to this reader.

    Raises the problems 401 and 503, and what `verify_digest` raises.
    """
    return _noted(_digest_answer(reading, policy))


def _digest_answer(reading: DigestReading, policy: str) -> BytesAnswer:
    archive, bounds = current_archive(), current_bounds()
    who = viewer(archive, current_reader())
    if reading.is_prefix:
        return verify_digest(archive, reading, policy, who)
    # A search costs nothing and tells which record would be verified, if any.
    found = verify_digest(archive, replace(reading, is_prefix=True), policy, who).matches
    row = record_row(found[0].capture_id) if found else None
    if row is None:
        with bounds.large.place():
            return verify_digest(archive, reading, policy, who)
    turns = bounds.large if is_large(row) else bounds.small
    return turns.result(
        (reading.hex, policy, found, row.sha256),
        lambda: verify_digest(archive, reading, policy, who),
    )


def upload_answer(policy: str = "standard") -> BytesAnswer:
    """What the archive says of the file in this request, which is hashed and not kept.

    Raises the problems of `file_chunks`, and 503 while too many bodies arrive or too much is
    verified.
    """
    bounds, who = current_bounds(), viewer(current_archive(), current_reader())
    with ExitStack() as arrival, ExitStack() as verification:

        def chunks() -> Iterator[bytes]:
            yield from file_chunks()
            arrival.close()
            verification.enter_context(bounds.large.place())

        arrival.enter_context(bounds.bodies.place())
        return _noted(verify_bytes(current_archive(), chunks(), policy, who))


def _noted(answer: BytesAnswer) -> BytesAnswer:
    """The answer, once it is noted which restricted records it shows to this reader's key."""
    if current_reader().key_id is not None:
        shown = {
            match.capture_id for match in (*answer.matches, *(near for _, near in answer.near))
        }
        for record_id in sorted(shown):
            row = record_row(record_id)
            if row is not None:
                seen(row)
    return answer


def is_failed(report: Report) -> bool:
    """Whether the record is not to be relied on: a claim fails, or nothing can be read."""
    return report.result in {Result.FAILED, Result.MALFORMED}


def disowns_catalog(report: Report) -> bool:
    """Whether the catalogue, which pages are made from, is not what the signed files say."""
    return any(
        finding.claim == "catalog.agrees" and finding.status is Status.FAIL
        for finding in report.findings
    )
