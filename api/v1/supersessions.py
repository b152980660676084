# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/records/{id}/supersession`: which record is to be read in place of one."""

from flask import Response, request

from api.access import require_scope
from api.bodies import blamed_on, read_json
from api.idempotency import PARAMETER, idempotent
from api.identified import record_meant, record_named
from api.openapi import KEY_NEEDED, ApiBlueprint
from api.permission import require_metadata
from api.record_row import required_row
from api.responses import json_response
from api.schemas import SupersessionRequest, SupersessionSchema, reason_parameter
from api.state import current_archive
from archive.services.acts.declare import required_standing
from archive.services.acts.supersede import supersede, supersession_json
from archive.services.reading.resolve import required_id

blueprint = ApiBlueprint("supersessions", __name__, description="Names newer records")

_BODY = {"required": True, "content": {"application/json": {"schema": SupersessionRequest}}}


@blueprint.at("/records/<text>/supersession")
@blueprint.answers(200, SupersessionSchema, "What supersedes it, and what it supersedes")
@blueprint.moves()
@blueprint.refuses(401, 403, 404, 429)
def read_supersession(text: str) -> Response:
    """Read what supersedes a record."""
    record_id = record_named(text, before="/api/v1/records/", after="/supersession")
    require_metadata(required_row(record_id))
    return json_response(supersession_json(required_standing(current_archive(), record_id)))


@blueprint.at("/records/<text>/supersession", "PUT")
@blueprint.answers(200, SupersessionSchema, "It is superseded as asked")
@blueprint.refuses(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
@blueprint.documents(requestBody=_BODY, parameters=[PARAMETER], security=KEY_NEEDED)
@idempotent(resume=lambda _since: None)
def put_supersession(text: str) -> Response:
    """Say that a newer record is to be read in place of this one."""
    actor = f"key:{require_scope('curate').key_id}"
    archive, record_id = current_archive(), record_meant(text)
    wanted = read_json(SupersessionRequest())
    with blamed_on("newer"):
        newer = required_id(archive, wanted["newer"])
        state = supersede(archive, record_id, newer, wanted["reason"], actor)
    return json_response(supersession_json(state))


@blueprint.at("/records/<text>/supersession", "DELETE")
@blueprint.answers(200, SupersessionSchema, "Nothing supersedes it")
@blueprint.refuses(400, 401, 403, 404, 408, 409, 413, 422, 429, 503)
@blueprint.documents(
    parameters=[reason_parameter("Why nothing supersedes it any more"), PARAMETER],
    security=KEY_NEEDED,
)
@idempotent(resume=lambda _since: None)
def delete_supersession(text: str) -> Response:
    """Say that nothing supersedes this record any more."""
    actor = f"key:{require_scope('curate').key_id}"
    record_id, reason = record_meant(text), request.args.get("reason", "")
    state = supersede(current_archive(), record_id, None, reason, actor)
    return json_response(supersession_json(state))
