# SPDX-License-Identifier: Apache-2.0
"""`GET /api/v1/health`: whether the service answers and can read its catalogue."""

from flask import Response

from api.openapi import ApiBlueprint
from api.responses import json_response
from api.schemas import HealthSchema
from api.state import current_archive
from archive import __version__

blueprint = ApiBlueprint("health", __name__, description="Tells whether the service works")

# No record can have this ID, so the read is of the index alone.
_NO_RECORD = "-"


@blueprint.at("/health")
@blueprint.answers(200, HealthSchema, "The catalogue was read")
@blueprint.refuses(429, 503)
def read_health() -> Response:
    """Read the catalogue once."""
    current_archive().hot.record(_NO_RECORD)
    response = json_response({"status": "ok", "version": __version__})
    response.headers["Cache-Control"] = "no-store"
    return response
