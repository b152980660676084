# SPDX-License-Identifier: Apache-2.0
"""`GET /api/v1/hashes/{prefix}`: which digests begin so, for who will not tell the whole one."""

from flask import Response

from api.bodies import blamed_on
from api.openapi import ApiBlueprint
from api.responses import json_response
from api.schemas import HashRangeSchema
from api.state import current_archive
from archive.services.hashes.range import hash_range

RANGE_CACHING = "public, max-age=300"
blueprint = ApiBlueprint("hashes", __name__, description="Looks up digests by their beginning")


@blueprint.at("/hashes/<prefix>")
@blueprint.answers(200, HashRangeSchema, "Every part whose SHA-256 begins so; perhaps none")
@blueprint.refuses(422, 429)
def read_range(prefix: str) -> Response:
    """Look up digests by 5 to 8 hex digits, and compare the rest yourself: a search, no more."""
    with blamed_on("prefix"):
        response = json_response(hash_range(current_archive(), prefix))
    response.headers["Cache-Control"] = RANGE_CACHING
    return response
