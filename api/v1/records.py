# SPDX-License-Identifier: Apache-2.0
"""`GET /api/v1/records/{id}`: a record as JSON, whatever the client accepts."""

from flask import Response, request

from api.identified import record_named
from api.openapi import ApiBlueprint
from api.permission import require_told
from api.record_json import record_answer
from api.record_row import required_row
from api.responses import answer_response
from api.schemas import RecordSchema
from api.state import current_archive

blueprint = ApiBlueprint("records", __name__, description="Reads records")


@blueprint.at("/records/<text>")
@blueprint.answers(200, RecordSchema, "The record")
@blueprint.answers(410, RecordSchema, "It was withdrawn: its metadata, and who, when and why")
@blueprint.moves()
@blueprint.refuses(401, 403, 404, 429)
def read_record(text: str) -> Response:
    """Read a record.

    Another spelling of the ID is redirected to the canonical one: 301, or 302 with `asked` when
    it came without check digits and the client should confirm it.
    """
    row = required_row(record_named(text, before="/api/v1/records/"))
    require_told(row)
    base_url = current_archive().base_url
    return answer_response(record_answer(row, base_url, request.headers.get("If-None-Match")))
