# SPDX-License-Identifier: Apache-2.0
"""A part's raw bytes over HTTP, as what they are and where they can do no harm.

Archived bytes are somebody else's: sandboxed, never sniffed, and offered as a download; only
the extracted text is shown, as plain text.
"""

import mimetypes

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_etags

from api import headers
from api.ranges import RangeUnsatisfiable, read_range
from api.state import current_archive
from archive.digests import sha256_hex
from archive.ids import RecordId
from archive.services.reading.parts import ServedPart, part_bytes

_TEXT = "text/plain; charset=utf-8"


def part_answer(capture_id: RecordId, role: str) -> Response:
    """The part, a range of it, or 304. Raises NotFound, ObjectConflict, StorageError."""
    served = part_bytes(current_archive(), capture_id, role)
    fields = _headers(capture_id, role, served)
    if parse_etags(request.headers.get("If-None-Match")).contains_weak(served.sha256):
        return Response(status=304, headers=headers.not_modified(fields))
    wanted = _wanted_range(served)
    data = served.data if wanted is None else served.data[wanted]
    response = Response(data, 200 if wanted is None else 206, fields)
    response.headers["Content-Digest"] = headers.digest_field(
        served.sha256 if wanted is None else sha256_hex(data)
    )
    if wanted is not None:
        size = len(served.data)
        response.headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    return response


def _wanted_range(served: ServedPart) -> slice | None:
    if request.method != "GET":
        return None
    condition = request.headers.get("If-Range")
    if condition is not None and condition.strip() != f'"{served.sha256}"':
        return None
    try:
        return read_range(request.headers.get("Range"), len(served.data))
    except RangeUnsatisfiable as error:
        raise RequestedRangeNotSatisfiable(len(served.data)) from error


def _headers(capture_id: RecordId, role: str, served: ServedPart) -> headers.HeaderList:
    media_type = _TEXT if role == "text" else headers.safe_media_type(served.media_type)
    here = f"{current_archive().base_url}/{capture_id}"
    fields = [
        ("Content-Type", media_type),
        ("ETag", f'"{served.sha256}"'),
        ("Repr-Digest", headers.digest_field(served.sha256)),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", headers.SETTLED),
        ("Content-Security-Policy", headers.ARCHIVED_POLICY),
        ("Link", headers.link(here, "collection", "text/html")),
        *headers.PUBLIC,
    ]
    if role != "text":
        name = f"{capture_id}-{role}{_extension(role, media_type)}"
        fields.append(("Content-Disposition", f'attachment; filename="{name}"'))
    return fields


def _extension(role: str, media_type: str) -> str:
    if role in {"headers", "request"}:
        return ".http"
    if role == "body-raw":
        return ".bin"
    return mimetypes.guess_extension(media_type.partition(";")[0]) or ".bin"
