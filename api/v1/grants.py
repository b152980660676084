# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/records/{id}/grants`: which API keys may see a record while it is restricted."""

from dataclasses import asdict

from flask import Response

from api.access import require_scope
from api.idempotency import PARAMETER, idempotent
from api.identified import record_meant, record_named
from api.openapi import KEY_NEEDED, ApiBlueprint
from api.responses import json_response
from api.schemas import GrantSchema, GrantsSchema
from api.state import current_archive, current_aside
from archive.services.access.keys import find_grant, grant, grants_for, withdraw_grant
from archive.services.custody import sign_waiting

blueprint = ApiBlueprint("grants", __name__, description="Opens restricted records to keys")


@blueprint.at("/records/<text>/grants")
@blueprint.answers(200, GrantsSchema, "The grants, by key")
@blueprint.moves()
@blueprint.refuses(401, 403, 404, 429, 503)
@blueprint.documents(security=KEY_NEEDED)
def list_grants(text: str) -> Response:
    """List the keys that may see a record while it is restricted."""
    require_scope("curate")
    record_id = record_named(text, before="/api/v1/records/", after="/grants")
    found = grants_for(current_archive(), record_id)
    return json_response({"id": str(record_id), "grants": [asdict(item) for item in found]})


@blueprint.at("/records/<text>/grants/<key_id>", "PUT")
@blueprint.answers(200, GrantSchema, "The key may see the record")
@blueprint.refuses(400, 401, 403, 404, 408, 409, 413, 422, 429, 503)
@blueprint.documents(parameters=[PARAMETER], security=KEY_NEEDED)
@idempotent(resume=lambda _since: None)
def put_grant(text: str, key_id: str) -> Response:
    """Let a key of scope read see a record while it is restricted."""
    actor = f"key:{require_scope('curate').key_id}"
    record_id = record_meant(text)
    grant(current_archive(), key_id, record_id, actor)
    _sign_aside()
    return json_response(asdict(find_grant(current_archive(), key_id, record_id)))


@blueprint.at("/records/<text>/grants/<key_id>", "DELETE")
@blueprint.answers(200, GrantsSchema, "The grant is taken back; those that are left")
@blueprint.refuses(400, 401, 403, 404, 408, 409, 413, 422, 429, 503)
@blueprint.documents(parameters=[PARAMETER], security=KEY_NEEDED)
@idempotent(resume=lambda _since: None)
def delete_grant(text: str, key_id: str) -> Response:
    """Take a grant back."""
    actor = f"key:{require_scope('curate').key_id}"
    record_id = record_meant(text)
    withdraw_grant(current_archive(), key_id, record_id, actor)
    _sign_aside()
    found = grants_for(current_archive(), record_id)
    return json_response({"id": str(record_id), "grants": [asdict(item) for item in found]})


def _sign_aside() -> None:
    archive = current_archive()
    current_aside().do("custody", lambda: sign_waiting(archive))
