# SPDX-License-Identifier: Apache-2.0
"""`POST /api/v1/captures`: look at a URL now; the answer is the record of what was seen."""

from flask import Response

from api import headers
from api.access import require_scope
from api.bodies import blamed_on, read_json
from api.openapi import KEY_NEEDED, ApiBlueprint
from api.schemas import CaptureRequest, RecordSchema
from api.state import current_archive
from archive.digests import sha256_hex
from archive.services.capture import capture
from archive.services.record import record_bytes

blueprint = ApiBlueprint("captures", __name__, description="Looks at web pages")

_BODY = {"required": True, "content": {"application/json": {"schema": CaptureRequest}}}


@blueprint.at("/captures", "POST")
@blueprint.answers(201, RecordSchema, "A capture was minted; Location is its permanent URL")
@blueprint.answers(200, RecordSchema, "The page was not what it should be: an observation, id null")
@blueprint.refuses(400, 401, 403, 408, 413, 415, 422, 503)
@blueprint.documents(requestBody=_BODY, security=KEY_NEEDED)
def create_capture() -> Response:
    """Capture a URL.

    The look happens within the request. Only an outcome of *ok* mints a capture; any other is
    kept as a signed observation.
    """
    require_scope("capture")
    wanted = read_json(CaptureRequest())
    with blamed_on("url"):
        signed = capture(current_archive(), wanted["url"]).signed
    data = record_bytes(signed)
    minted = signed.look.capture_id
    response = Response(data, 201 if minted else 200, content_type="application/json")
    response.headers["Repr-Digest"] = headers.digest_field(sha256_hex(data))
    response.headers["Cache-Control"] = "no-store"
    if minted:
        response.headers["Location"] = f"/{minted}"
    return response
