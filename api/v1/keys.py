# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/keys`: which API keys there are; DELETE ends one.

Keys are made on the command line alone: no answer of the API ever holds a secret.
"""

from flask import Response, request

from api.access import require_scope
from api.bodies import invalid
from api.idempotency import PARAMETER, idempotent
from api.openapi import KEY_NEEDED, ApiBlueprint
from api.problems import FieldError
from api.responses import json_response
from api.schemas import KeySchema, KeysSchema
from api.state import current_archive
from archive.services.access.keys import key_json, list_api_keys, revoke_api_key

blueprint = ApiBlueprint("keys", __name__, description="Lists and ends API keys")

_PAGE = 100
_AFTER = {
    "name": "after",
    "in": "query",
    "description": "`next` of the page before",
    "schema": {"type": "string"},
}


@blueprint.at("/keys")
@blueprint.answers(200, KeysSchema, "A page of keys, in order of making")
@blueprint.refuses(401, 403, 422, 429, 503)
@blueprint.documents(parameters=[_AFTER], security=KEY_NEEDED)
def list_keys() -> Response:
    """List API keys, without their secrets."""
    require_scope("admin")
    archive = current_archive()
    known = list_api_keys(archive)
    first = 0
    after = request.args.get("after")
    if after is not None:
        places = {key.key_id: place for place, key in enumerate(known)}
        if after not in places:
            raise invalid((FieldError("#/after", "no key of this archive"),))
        first = places[after] + 1
    page = known[first : first + _PAGE]
    has_more = len(known) > first + _PAGE
    now = archive.clock.now()
    return json_response(
        {
            "keys": [key_json(key, now) for key in page],
            "next": page[-1].key_id if has_more else None,
        }
    )


@blueprint.at("/keys/<key_id>", "DELETE")
@blueprint.answers(200, KeySchema, "The key, which opens nothing any more")
@blueprint.refuses(400, 401, 403, 404, 408, 409, 413, 422, 429, 503)
@blueprint.documents(parameters=[PARAMETER], security=KEY_NEEDED)
@idempotent(resume=lambda _since: None)
def delete_key(key_id: str) -> Response:
    """End an API key, at once and for good."""
    require_scope("admin")
    archive = current_archive()
    return json_response(key_json(revoke_api_key(archive, key_id), archive.clock.now()))
