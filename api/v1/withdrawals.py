# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/records/{id}/withdrawal`: whether it is withdrawn; withdraw or reinstate it."""

from flask import Response, request

from api.access import require_scope
from api.bodies import blamed_on, read_json
from api.idempotency import PARAMETER, idempotent
from api.identified import record_meant, record_named
from api.openapi import KEY_NEEDED, ApiBlueprint
from api.permission import require_metadata
from api.record_row import required_row
from api.responses import json_response
from api.schemas import WithdrawalRequest, WithdrawalSchema, reason_parameter
from api.state import current_archive
from archive.services.acts.declare import required_standing
from archive.services.acts.withdraw import WithdrawalWanted, reinstate, withdraw, withdrawal_json
from archive.services.reading.resolve import required_id

blueprint = ApiBlueprint("withdrawals", __name__, description="Withdraws records")

_BODY = {"required": True, "content": {"application/json": {"schema": WithdrawalRequest}}}


@blueprint.at("/records/<text>/withdrawal")
@blueprint.answers(200, WithdrawalSchema, "Whether it is withdrawn")
@blueprint.moves()
@blueprint.refuses(401, 403, 404, 429)
def read_withdrawal(text: str) -> Response:
    """Read a record's withdrawal."""
    record_id = record_named(text, before="/api/v1/records/", after="/withdrawal")
    require_metadata(required_row(record_id))
    return json_response(withdrawal_json(required_standing(current_archive(), record_id)))


@blueprint.at("/records/<text>/withdrawal", "PUT")
@blueprint.answers(200, WithdrawalSchema, "It is withdrawn as asked")
@blueprint.refuses(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
@blueprint.documents(requestBody=_BODY, parameters=[PARAMETER], security=KEY_NEEDED)
@idempotent(resume=lambda _since: None)
def put_withdrawal(text: str) -> Response:
    """Withdraw a record: a tombstone stands in its place from then on."""
    actor = f"key:{require_scope('curate').key_id}"
    archive, record_id = current_archive(), record_meant(text)
    wanted = read_json(WithdrawalRequest())
    with blamed_on("replacement"):
        named = wanted["replacement"]
        replacement = required_id(archive, named) if named is not None else None
        asked = WithdrawalWanted(wanted["reason_code"], wanted["reason"], replacement)
        state = withdraw(archive, record_id, asked, actor)
    return json_response(withdrawal_json(state))


@blueprint.at("/records/<text>/withdrawal", "DELETE")
@blueprint.answers(200, WithdrawalSchema, "It is served again")
@blueprint.refuses(400, 401, 403, 404, 408, 409, 413, 422, 429, 503)
@blueprint.documents(
    parameters=[reason_parameter("Why it is served again"), PARAMETER], security=KEY_NEEDED
)
@idempotent(resume=lambda _since: None)
def delete_withdrawal(text: str) -> Response:
    """Serve a withdrawn record again."""
    actor = f"key:{require_scope('curate').key_id}"
    record_id, reason = record_meant(text), request.args.get("reason", "")
    return json_response(withdrawal_json(reinstate(current_archive(), record_id, reason, actor)))
