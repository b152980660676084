# SPDX-License-Identifier: Apache-2.0
"""Verification as the web asks for it: bounded, and a finished report used again for a while.

`verified_at` in a report tells when its claims were answered. One of a large record takes
seconds and much memory, so those have one place of their own.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from flask import Response, stream_with_context

from api.access import current_reader
from api.bodies import file_chunks
from api.permission import seen
from api.record_json import RecordRow
from api.record_row import record_row
from api.state import current_archive, current_bounds
from archive.canonical import JsonValue
from archive.digests import DigestReading, Sha1Reading
from archive.ids import RecordId, parse_id
from archive.model.claim import Report, Result, Status
from archive.services.access.permission import viewer
from archive.services.hashes.batch import Batch
from archive.services.hashes.desk import BytesAnswer, verify_bytes, verify_digest
from archive.services.statements.custody_told import count_told
from archive.services.verifying.verify import verify_record

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


def digest_answer(reading: DigestReading | Sha1Reading, policy: str = "standard") -> BytesAnswer:
    """What the archive says of a digest to this reader.

    Raises the problems 401 and 503, and what `verify_digest` raises.
    """
    return _noted(_digest_answer(reading, policy))


def _digest_answer(reading: DigestReading | Sha1Reading, policy: str) -> BytesAnswer:
    archive, bounds = current_archive(), current_bounds()
    who = viewer(archive, current_reader())
    if isinstance(reading, Sha1Reading) or reading.is_prefix:
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


def batch_answer(items: Sequence[JsonValue], policy: str) -> Response:
    """A line of JSON for each item, as it is answered. Raises the problems 401 and 503."""
    archive, place = current_archive(), ExitStack()
    batch = Batch(archive, policy, current_reader())
    place.enter_context(current_bounds().large.place())

    def lines() -> Iterator[str]:
        for item in items:
            told = batch.answer(item)
            for record_id in {told["id"], *(match["id"] for match in told["matches"])} - {None}:
                _note_shown(record_id)
            yield json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n"

    response = Response(stream_with_context(lines()), content_type="application/jsonl")
    response.headers["Cache-Control"] = "no-store"
    response.call_on_close(place.close)
    return response


def upload_answer(policy: str = "standard", against: RecordId | None = None) -> BytesAnswer:
    """What the archive says of the file in this request, which is not kept.

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
        return _noted(verify_bytes(current_archive(), chunks(), policy, who, against))


def _noted(answer: BytesAnswer) -> BytesAnswer:
    """The answer, once it is noted which restricted records it shows to this reader's key."""
    if current_reader().key_id is not None:
        shown = {
            match.capture_id for match in (*answer.matches, *(near.match for near in answer.near))
        }
        for record_id in sorted(shown):
            _note_shown(record_id)
    return answer


def _note_shown(record_id: str) -> None:
    row = record_row(record_id)
    if row is not None:
        seen(row)


def is_failed(report: Report) -> bool:
    """Whether the record is not to be relied on: a claim fails, or nothing can be read."""
    return report.result in {Result.FAILED, Result.MALFORMED}


def disowns_catalog(report: Report) -> bool:
    """Whether the catalogue, which pages are made from, is not what the signed files say."""
    return any(
        finding.claim == "catalog.agrees" and finding.status is Status.FAIL
        for finding in report.findings
    )
