# SPDX-License-Identifier: Apache-2.0
"""`POST /api/v1/verifications`: verify a record, a digest, or a file.

The report is the answer, with 200 also when claims fail. A file is hashed as it arrives, never
interpreted and never kept.
"""

from flask import Response, request

from api.bodies import blamed_on, read_json
from api.identified import not_resolved
from api.openapi import ApiBlueprint
from api.permission import require_metadata
from api.problems import ProblemRaised
from api.record_row import required_row
from api.reports import digest_answer, record_report, upload_answer
from api.responses import json_response
from api.schemas import ReportSchema, VerificationRequest
from api.state import current_archive
from archive.canonical import JsonValue
from archive.digests import read_sha256
from archive.services.resolve import resolve

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
_POLICY = {
    "name": "policy",
    "in": "query",
    "description": "The policy for an upload; JSON names it in the body",
    "schema": {"type": "string", "default": "standard"},
}


@blueprint.at("/verifications", "POST")
@blueprint.answers(200, ReportSchema, "The report, whether or not the claims hold")
@blueprint.refuses(400, 401, 403, 404, 408, 413, 415, 422, 429, 503)
@blueprint.documents(requestBody=_BODY, parameters=[_POLICY])
def create_verification() -> Response:
    """Verify a record by its ID, bytes by their SHA-256, or an uploaded file."""
    if request.mimetype == "application/json":
        return json_response(_of_named(read_json(VerificationRequest())))
    with blamed_on("policy"):
        answer = upload_answer(request.args.get("policy", "standard"))
    return json_response(answer.to_json())


def _of_named(wanted: dict[str, JsonValue]) -> JsonValue:
    archive, policy = current_archive(), wanted["policy"]
    if "sha256" in wanted:
        with blamed_on("sha256"):
            return digest_answer(read_sha256(wanted["sha256"]), policy).to_json()
    found = resolve(archive, wanted["id"])
    if found.id is None:
        raise ProblemRaised(not_resolved(found, "id"))
    record = required_row(found.id)
    require_metadata(record)
    report = record_report(record, policy).to_json()
    return {**report, "note": found.detail} if found.detail else report
