# SPDX-License-Identifier: Apache-2.0
"""An exhibit over HTTP, as a download that is made anew each time."""

from flask import Response, request

from api import headers
from api.access import current_reader
from api.state import current_archive, current_bounds
from archive.ids import RecordId
from archive.services.custody import note_export
from archive.services.exhibit import exhibit

_TYPE = "application/zip"


def exhibit_answer(capture_id: RecordId, policy: str) -> Response:
    """The exhibit. Raises the problem 503, and what `exhibit` raises.

    An export by an API key is told in the record's custody; one of a public record by anybody is
    no more than a read.
    """
    if request.method == "HEAD":
        return Response(b"", headers=_headers())
    with current_bounds().large.place():
        made = exhibit(current_archive(), capture_id, policy)
    key_id = current_reader().key_id
    if key_id is not None:
        note_export(current_archive(), capture_id, f"key:{key_id}")
    name = f'attachment; filename="{made.file_name}"'
    fields = [*_headers(), ("Content-Disposition", name), ("Content-Length", str(made.bag.size))]
    return Response(made.bag.pieces(), headers=fields)


def _headers() -> headers.HeaderList:
    return [("Content-Type", _TYPE), ("Cache-Control", "no-cache"), *headers.PUBLIC]
