# SPDX-License-Identifier: Apache-2.0
"""`GET /api/v1/records/{id}/custody`: what was done with a record since it was made."""

from flask import Response

from api.access import current_reader
from api.identified import record_named
from api.openapi import ApiBlueprint
from api.permission import is_told_actors, require_metadata
from api.record_row import required_row
from api.responses import json_response
from api.schemas import CustodySchema
from api.state import current_archive
from archive.services.custody import custody_of

blueprint = ApiBlueprint("custody", __name__, description="Tells what was done with records")


@blueprint.at("/records/<text>/custody")
@blueprint.answers(200, CustodySchema, "The events, in order of time")
@blueprint.moves()
@blueprint.refuses(401, 403, 404, 429)
def read_custody(text: str) -> Response:
    """Read a record's custody.

    Which key read a restricted record is told to keys of scope curate or admin, and to those
    that may see the record.
    """
    record_id = record_named(text, before="/api/v1/records/", after="/custody")
    found = require_metadata(required_row(record_id))
    is_told = is_told_actors(current_reader(), found)
    return json_response(custody_of(current_archive(), record_id).to_json(with_actors=is_told))
