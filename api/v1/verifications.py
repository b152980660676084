# SPDX-License-Identifier: Apache-2.0
"""`POST /api/v1/verifications`: verify a record, a digest, or a file.

The report is the answer, with 200 also when claims fail. A file is hashed as it arrives, never
interpreted and never kept.
"""

from flask import Response, request

from api.access import require_scope
from api.bodies import blamed_on, read_json
from api.identified import not_resolved, record_meant
from api.openapi import ApiBlueprint
from api.permission import require_metadata
from api.problems import ProblemRaised
from api.record_row import required_row
from api.reports import batch_answer, digest_answer, record_report, upload_answer
from api.responses import json_response
from api.schemas import BatchVerificationRequest, ReportSchema, VerificationRequest
from api.state import current_archive, current_bounds
from archive.canonical import JsonValue
from archive.digests import read_digest
from archive.ids import RecordId
from archive.model.claim import Result
from archive.services.acts.attest import attest
from archive.services.reading.resolve import resolve

blueprint = ApiBlueprint("verifications", __name__, description="Verifies records and files")

_FILE = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": ["file"], "properties": {"file": _FILE}}
_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": VerificationRequest},
        "application/octet-stream": {"schema": _FILE},
        "multipart/form-data": {"schema": _FORM},
    },
}
_BATCH = {"required": True, "content": {"application/json": {"schema": BatchVerificationRequest}}}
BATCH_BYTES_LIMIT = 1024 * 1024
_POLICY = {
    "name": "policy",
    "in": "query",
    "description": "The policy for an upload; JSON names it in the body",
    "schema": {"type": "string", "default": "standard"},
}
_AGAINST = {
    "name": "against",
    "in": "query",
    "description": "The record that an upload which matches nothing is held against",
    "schema": {"type": "string", "minLength": 1, "maxLength": 256},
}


@blueprint.at("/verifications", "POST")
@blueprint.answers(200, ReportSchema, "The report, whether or not the claims hold")
@blueprint.refuses(400, 401, 403, 404, 408, 413, 415, 422, 429, 503)
@blueprint.documents(requestBody=_BODY, parameters=[_POLICY, _AGAINST])
def create_verification() -> Response:
    """Verify a record by its ID, bytes by their SHA-256, or an uploaded file."""
    if request.mimetype == "application/json":
        return json_response(_of_named(read_json(VerificationRequest())))
    policy, named = request.args.get("policy", "standard"), request.args.get("against")
    against = record_meant(named) if named is not None else None
    with blamed_on("policy"):
        answer = upload_answer(policy, against)
    return json_response(answer.to_json())


@blueprint.at("/verifications/batch", "POST")
@blueprint.streams(200, "One line of JSON for each item, in order, as it is answered")
@blueprint.refuses(400, 401, 408, 413, 415, 422, 429, 503)
@blueprint.documents(requestBody=_BATCH)
def create_batch() -> Response:
    """Verify up to 1000 records and digests; a malformed one costs the others nothing."""
    wanted = read_json(BatchVerificationRequest(), BATCH_BYTES_LIMIT)
    return batch_answer(wanted["items"], wanted["policy"])


def _of_named(wanted: dict[str, JsonValue]) -> JsonValue:
    archive, policy = current_archive(), wanted["policy"]
    if "sha256" in wanted:
        with blamed_on("sha256"):
            return digest_answer(read_digest(wanted["sha256"]), policy).to_json()
    found = resolve(archive, wanted["id"])
    if found.id is None:
        raise ProblemRaised(not_resolved(found, "id"))
    record = required_row(found.id)
    require_metadata(record)
    if wanted["record"]:
        return _on_record(found.id, policy)
    report = record_report(record, policy).to_json()
    return {**report, "note": found.detail} if found.detail else report


def _on_record(record_id: RecordId, policy: str) -> JsonValue:
    """The report, signed and listed; within a minute the one that is there already."""
    actor = f"key:{require_scope('capture', 'curate').key_id}"
    archive = current_archive()
    with current_bounds().large.place():
        attested = attest(archive, record_id, policy, actor)
    told = attested.to_json()
    if attested.report is None:
        result = Result(attested.row.result)
        return {"result": result.value, "exit_code": result.exit_code, "verification": told}
    return {**attested.report.to_json(), "verification": told}
