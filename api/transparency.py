# SPDX-License-Identifier: Apache-2.0
"""`/log/…`: the transparency log as c2sp.org/tlog-tiles serves it, and a page about it.

Entries hold digests and record IDs alone, so that all of it is public, for restricted records too.
"""

from flask import Blueprint, Response, render_template, request
from werkzeug.http import parse_etags

from api import headers
from api.responses import page_response
from api.state import current_archive
from archive.digests import sha256_hex
from archive.errors import NotFound, ObjectMissing
from archive.services.log.published import LogShown, log_checkpoint, log_tile, show_log

blueprint = Blueprint("log", __name__)

_NOTE = "text/plain; charset=utf-8"
_TILE = "application/octet-stream"
# A checkpoint is replaced; a tile or bundle never is.
_SHORT = "public, max-age=5"
_FOREVER = "public, max-age=31536000, immutable"


@blueprint.get("/log")
def page() -> Response:
    """Size, root and witnesses, and how to check them."""
    archive = current_archive()
    shown: LogShown | None
    try:
        shown = show_log(archive)
    except NotFound:
        shown = None
    return page_response(render_template("log.html", log=shown, name=archive.identity.name))


@blueprint.get("/log/checkpoint")
def checkpoint() -> Response:
    """The newest checkpoint."""
    try:
        note = log_checkpoint(current_archive())
    except ObjectMissing as error:
        raise NotFound("nothing is published in the log yet") from error
    return _file(note, _NOTE, _SHORT)


@blueprint.get("/log/tile/<path:name>")
def tile(name: str) -> Response:
    """A tile of hashes, or a bundle of entries."""
    try:
        data = log_tile(current_archive(), name)
    except ObjectMissing as error:
        raise NotFound("the log has no such tile") from error
    return _file(data, _TILE, _FOREVER)


def _file(data: bytes, media_type: str, caching: str) -> Response:
    sha256 = sha256_hex(data)
    fields = [
        ("Content-Type", media_type),
        ("ETag", f'"{sha256}"'),
        ("Repr-Digest", headers.digest_field(sha256)),
        ("Cache-Control", caching),
    ]
    if parse_etags(request.headers.get("If-None-Match")).contains_weak(sha256):
        return Response(status=304, headers=headers.not_modified(fields))
    return Response(data, headers=fields)
