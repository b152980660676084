# SPDX-License-Identifier: Apache-2.0
"""`POST /api/v1/captures`: look at a URL now; the answer is the record of what was seen."""

from flask import Response

from api import headers
from api.access import require_scope
from api.bodies import blamed_on, read_json
from api.idempotency import PARAMETER, idempotent
from api.openapi import KEY_NEEDED, ApiBlueprint
from api.schemas import CaptureRequest, RecordSchema
from api.state import current_archive
from archive.digests import sha256_hex
from archive.services.capture import capture
from archive.services.idempotency import look_since
from archive.services.record import record_bytes

blueprint = ApiBlueprint("captures", __name__, description="Looks at web pages")

_BODY = {"required": True, "content": {"application/json": {"schema": CaptureRequest}}}


def _seen_since(since: str) -> Response | None:
    """The answer about what a request saw whose process died, when it came to see anything."""
    require_scope("capture")
    wanted = read_json(CaptureRequest())
    with blamed_on("url"):
        seen = look_since(current_archive(), wanted["url"], since)
    return None if seen is None else _answer(seen.data, seen.capture_id)


@blueprint.at("/captures", "POST")
@blueprint.answers(201, RecordSchema, "A capture was minted; Location is its permanent URL")
@blueprint.answers(200, RecordSchema, "The page was not what it should be: an observation, id null")
@blueprint.refuses(400, 401, 403, 408, 409, 413, 415, 422, 429, 503)
@blueprint.documents(requestBody=_BODY, parameters=[PARAMETER], security=KEY_NEEDED)
@idempotent(resume=_seen_since)
def create_capture() -> Response:
    """Capture a URL.

    The look happens within the request. Only an outcome of *ok* mints a capture; any other is
    kept as a signed observation.
    """
    require_scope("capture")
    wanted = read_json(CaptureRequest())
    with blamed_on("url"):
        signed = capture(current_archive(), wanted["url"]).signed
    minted = signed.look.capture_id
    return _answer(record_bytes(signed), str(minted) if minted else None)


def _answer(data: bytes, minted: str | None) -> Response:
    response = Response(data, 201 if minted else 200, content_type="application/json")
    response.headers["Repr-Digest"] = headers.digest_field(sha256_hex(data))
    response.headers["Cache-Control"] = "no-store"
    if minted:
        response.headers["Location"] = f"/{minted}"
    return response
