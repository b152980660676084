# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/records/{id}/redactions`: what was removed of a record for good; plan it, or do it."""

from flask import Response

from api.access import require_scope
from api.bodies import blamed_on, read_json
from api.idempotency import PARAMETER, idempotent
from api.identified import record_meant, record_named
from api.openapi import KEY_NEEDED, ApiBlueprint
from api.permission import require_metadata
from api.record_row import required_row
from api.responses import json_response
from api.schemas import RedactionRequest, RedactionSchema, RedactionsSchema
from api.state import current_archive
from archive.services.acts.declare import required_standing
from archive.services.acts.redact import Why, redact
from archive.services.acts.redaction_plan import Wanted, plan_redaction

blueprint = ApiBlueprint("redactions", __name__, description="Removes bytes for good")

_BODY = {"required": True, "content": {"application/json": {"schema": RedactionRequest}}}


@blueprint.at("/records/<text>/redactions")
@blueprint.answers(200, RedactionsSchema, "What was removed, the oldest first")
@blueprint.moves()
@blueprint.refuses(401, 403, 404, 429)
def list_redactions(text: str) -> Response:
    """List what was removed of a record."""
    record_id = record_named(text, before="/api/v1/records/", after="/redactions")
    require_metadata(required_row(record_id))
    standing = required_standing(current_archive(), record_id)
    told = standing.members().get("redactions", [])
    return json_response({"id": str(record_id), "redactions": told})


@blueprint.at("/records/<text>/redactions", "POST")
@blueprint.answers(200, RedactionSchema, "What would be removed, or with confirm what was removed")
@blueprint.refuses(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503)
@blueprint.documents(requestBody=_BODY, parameters=[PARAMETER], security=KEY_NEEDED)
@idempotent(resume=lambda _since: None)
def create_redaction(text: str) -> Response:
    """Remove parts of a record for good, with all that holds the same bytes.

    Without `confirm` nothing is done, and the answer is the plan. Locked files are not erased
    here: that takes the operator, at the command line.
    """
    actor = f"key:{require_scope('admin').key_id}"
    archive, record_id = current_archive(), record_meant(text)
    asked = read_json(RedactionRequest())
    wanted = Wanted(tuple(asked["parts"]), same_words=asked["same_words"])
    with blamed_on("parts"):
        if not asked["confirm"]:
            plan = plan_redaction(archive, record_id, wanted)
            return json_response({**plan.to_json(), "is_done": False})
        why = Why(asked["reason_code"], asked["reason"])
        done = redact(archive, record_id, wanted, why, actor)
    return json_response({**done.to_json(), "is_done": True})
