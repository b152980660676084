# SPDX-License-Identifier: Apache-2.0
"""`GET /api/v1/records/{id}`: a record as JSON, whatever the client accepts."""

from flask import Response, request

from api.identified import record_named
from api.openapi import ApiBlueprint
from api.permission import require_whole
from api.record_json import RecordRow, record_answer
from api.responses import answer_response
from api.schemas import RecordSchema
from api.state import current_archive
from archive.errors import NotFound

blueprint = ApiBlueprint("records", __name__, description="Reads records")


@blueprint.at("/records/<text>")
@blueprint.answers(200, RecordSchema, "The record")
@blueprint.moves()
@blueprint.refuses(401, 403, 404, 429)
def read_record(text: str) -> Response:
    """Read a record.

    Another spelling of the ID is redirected to the canonical one: 301, or 302 with `asked` when
    it came without check digits and the client should confirm it.
    """
    capture_id = str(record_named(text, before="/api/v1/records/"))
    archive = current_archive()
    found = archive.hot.record(capture_id)
    if found is None:
        raise NotFound(f"there is no record {capture_id}")
    row = RecordRow(capture_id, *found)
    require_whole(row)
    return answer_response(
        record_answer(row, archive.base_url, request.headers.get("If-None-Match"))
    )
