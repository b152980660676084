# SPDX-License-Identifier: Apache-2.0
"""`POST /api/v1/captures`: ask for a look at a URL, and if wanted wait for what was seen."""

from http import HTTPStatus

from flask import Response, request

from api import headers
from api.access import require_scope
from api.bodies import blamed_on, read_json
from api.idempotency import PARAMETER, current_token, idempotent
from api.job_json import accepted, failure_of, waited_for, wanted_seconds
from api.openapi import KEY_NEEDED, ApiBlueprint
from api.permission import require_metadata, require_standing
from api.record_row import record_row
from api.schemas import BatchRequest, CaptureRequest, JobSchema, RecordSchema
from api.state import current_archive
from archive.digests import sha256_hex
from archive.services.jobs.requests import CapturedRecord, ask_for, ask_for_capture, captured_record

blueprint = ApiBlueprint("captures", __name__, description="Looks at web pages")

_BODY = {"required": True, "content": {"application/json": {"schema": CaptureRequest}}}
_BATCH = {"required": True, "content": {"application/json": {"schema": BatchRequest}}}
_WAIT = [
    {
        "name": "wait",
        "in": "query",
        "description": "Seconds to wait for the look, at most 60; comes before Prefer",
        "schema": {"type": "integer", "minimum": 0},
    },
    {
        "name": "Prefer",
        "in": "header",
        "description": "`wait=N` (RFC 7240): the same",
        "schema": {"type": "string"},
    },
]


def _ask_again(_since: str) -> None:
    """The view runs again: the job that it asks for is the one of the first time, by its token."""


def _is_still_told(response: Response) -> None:
    """Raise the problem 403 or 410 when the record in an answer was hidden or withdrawn since."""
    place = response.headers.get("Location", "")
    _require_told(place.removeprefix("/") if response.status_code == HTTPStatus.CREATED else None)


def _require_told(record_id: str | None) -> None:
    row = record_row(record_id) if record_id else None
    if row is not None:
        require_metadata(row)
        require_standing(row)


@blueprint.at("/captures", "POST")
@blueprint.answers(202, JobSchema, "The job is accepted; Location is where to ask for it")
@blueprint.answers(201, RecordSchema, "A capture was minted; Location is its permanent URL")
@blueprint.answers(200, RecordSchema, "The page was not what it should be: an observation, id null")
@blueprint.refuses(400, 401, 403, 408, 409, 410, 413, 415, 422, 429, 500, 503)
@blueprint.documents(requestBody=_BODY, parameters=[*_WAIT, PARAMETER], security=KEY_NEEDED)
@idempotent(resume=_ask_again, may_repeat=_is_still_told)
def create_capture() -> Response:
    """Ask for a capture of a URL.

    A worker looks. Only an outcome of *ok* mints a capture; any other is kept as a signed
    observation. Who waits (`wait`, `Prefer`) gets the record when it is there in time.
    """
    require_scope("capture")
    seconds = wanted_seconds()
    wanted = read_json(CaptureRequest())
    with blamed_on("url"):
        job = ask_for_capture(current_archive(), wanted["url"], current_token())
    if not seconds:
        return accepted(job)
    job = waited_for(job, seconds)
    if job.state == "failed":
        raise failure_of(job, "url")
    captured = captured_record(job)
    return accepted(job) if captured is None else _recorded(captured)


@blueprint.at("/captures/batch", "POST")
@blueprint.answers(202, JobSchema, "The job is accepted; Location is where to ask for it")
@blueprint.refuses(400, 401, 403, 408, 409, 413, 415, 422, 429, 503)
@blueprint.documents(requestBody=_BATCH, parameters=[PARAMETER], security=KEY_NEEDED)
@idempotent(resume=_ask_again)
def create_batch() -> Response:
    """Ask for captures of up to a thousand URLs, as one job whose result has an item for each."""
    require_scope("capture")
    wanted = read_json(BatchRequest())
    with blamed_on("urls"):
        job = ask_for(current_archive(), "capture-batch", {"urls": wanted["urls"]}, current_token())
    return accepted(job)


def _recorded(captured: CapturedRecord) -> Response:
    _require_told(captured.id)
    status = HTTPStatus.CREATED if captured.id else HTTPStatus.OK
    response = Response(captured.data, status, content_type="application/json")
    response.headers["Repr-Digest"] = headers.digest_field(sha256_hex(captured.data))
    response.headers["Cache-Control"] = "no-store"
    if "Prefer" in request.headers:
        response.headers["Preference-Applied"] = "wait"
    if captured.id:
        response.headers["Location"] = f"/{captured.id}"
    return response
