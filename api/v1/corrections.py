# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/records/{id}/corrections`: what was said wrongly of a record, and what is right."""

from flask import Response

from api.access import require_scope
from api.bodies import read_json
from api.idempotency import PARAMETER, idempotent
from api.identified import record_meant, record_named
from api.openapi import KEY_NEEDED, ApiBlueprint
from api.permission import require_metadata
from api.record_row import required_row
from api.responses import json_response
from api.schemas import CorrectionRequest, CorrectionsSchema
from api.state import current_archive
from archive.services.acts.correct import CorrectionWanted, correct, corrections_json
from archive.services.acts.declare import required_standing

blueprint = ApiBlueprint("corrections", __name__, description="Corrects what is said of records")

_BODY = {"required": True, "content": {"application/json": {"schema": CorrectionRequest}}}


@blueprint.at("/records/<text>/corrections")
@blueprint.answers(200, CorrectionsSchema, "The corrections, the oldest first")
@blueprint.moves()
@blueprint.refuses(401, 403, 404, 429)
def list_corrections(text: str) -> Response:
    """List a record's corrections."""
    record_id = record_named(text, before="/api/v1/records/", after="/corrections")
    require_metadata(required_row(record_id))
    return json_response(corrections_json(required_standing(current_archive(), record_id)))


@blueprint.at("/records/<text>/corrections", "POST")
@blueprint.answers(200, CorrectionsSchema, "It is corrected; the same correction is made once")
@blueprint.refuses(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
@blueprint.documents(requestBody=_BODY, parameters=[PARAMETER], security=KEY_NEEDED)
@idempotent(resume=lambda _since: None)
def create_correction(text: str) -> Response:
    """Correct what is said of a record, beside what was signed."""
    actor = f"key:{require_scope('curate').key_id}"
    record_id, wanted = record_meant(text), read_json(CorrectionRequest())
    asked = CorrectionWanted(wanted["text"], wanted["field"], wanted["old"], wanted["new"])
    return json_response(corrections_json(correct(current_archive(), record_id, asked, actor)))
