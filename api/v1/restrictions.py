# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/records/{id}/restriction`: whether a record is restricted; restrict it, or lift that."""

from flask import Response, request

from api.access import require_scope
from api.bodies import blamed_on, read_json
from api.idempotency import PARAMETER, idempotent
from api.identified import record_meant, record_named
from api.openapi import KEY_NEEDED, ApiBlueprint
from api.permission import seen
from api.record_row import required_row
from api.responses import json_response
from api.schemas import RestrictionRequest, RestrictionSchema, reason_parameter
from api.state import current_archive
from archive.clock import read_time
from archive.services.access.permission import Sight
from archive.services.acts.restrict import Wanted, restrict, unrestrict
from archive.services.effects.restriction import restriction_state

blueprint = ApiBlueprint("restrictions", __name__, description="Restricts records")

_BODY = {"required": True, "content": {"application/json": {"schema": RestrictionRequest}}}
_REASON = reason_parameter("Why it is lifted")


@blueprint.at("/records/<text>/restriction")
@blueprint.answers(
    200, RestrictionSchema, "Whether it is restricted; the reason where that is told"
)
@blueprint.moves()
@blueprint.refuses(401, 404, 429)
def read_restriction(text: str) -> Response:
    """Read a record's restriction."""
    record_id = record_named(text, before="/api/v1/records/", after="/restriction")
    found = seen(required_row(record_id))
    state = restriction_state(current_archive(), record_id)
    return json_response(state.to_json(with_reason=found.sight is not Sight.NOTHING))


@blueprint.at("/records/<text>/restriction", "PUT")
@blueprint.answers(200, RestrictionSchema, "It is restricted as asked")
@blueprint.refuses(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
@blueprint.documents(requestBody=_BODY, parameters=[PARAMETER], security=KEY_NEEDED)
@idempotent(resume=lambda _since: None)
def put_restriction(text: str) -> Response:
    """Restrict a record, until a time or for good."""
    actor = f"key:{require_scope('curate').key_id}"
    record_id = record_meant(text)
    wanted = read_json(RestrictionRequest())
    with blamed_on("until"):
        until = read_time(wanted["until"]).start if wanted["until"] is not None else None
    asked = Wanted(until, wanted["metadata"], wanted["reason"])
    return json_response(restrict(current_archive(), record_id, asked, actor).to_json())


@blueprint.at("/records/<text>/restriction", "DELETE")
@blueprint.answers(200, RestrictionSchema, "It is open to everybody")
@blueprint.refuses(400, 401, 403, 404, 408, 409, 413, 422, 429, 503)
@blueprint.documents(parameters=[_REASON, PARAMETER], security=KEY_NEEDED)
@idempotent(resume=lambda _since: None)
def delete_restriction(text: str) -> Response:
    """Lift a record's restriction."""
    actor = f"key:{require_scope('curate').key_id}"
    record_id = record_meant(text)
    reason = request.args.get("reason", "")
    return json_response(unrestrict(current_archive(), record_id, reason, actor).to_json())
