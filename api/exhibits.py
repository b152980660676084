# SPDX-License-Identifier: Apache-2.0
"""An exhibit over HTTP, as a download that is made anew each time."""

import tempfile
from os import SEEK_END
from typing import BinaryIO, cast

from flask import Response, request
from werkzeug.wsgi import wrap_file

from api import headers
from api.access import current_reader
from api.state import current_archive, current_bounds
from archive.ids import RecordId
from archive.services.custody import note_export
from archive.services.exhibits.make import exhibit

_TYPE = "application/zip"
_PIECE_BYTES = 1 << 18


def exhibit_answer(capture_id: RecordId, policy: str) -> Response:
    """The exhibit. Raises the problem 503, and what `exhibit` raises.

    An export by an API key is told in the record's custody; one of a public record by anybody is
    no more than a read.
    """
    if request.method == "HEAD":
        # Its length is known only when it is made; an empty list would be told as 0 bytes.
        return Response(iter(()), headers=_headers())
    with current_bounds().large.place():
        name, file = _made(capture_id, policy)
    size = file.seek(0, SEEK_END)
    file.seek(0)
    key_id = current_reader().key_id
    if key_id is not None:
        note_export(current_archive(), capture_id, f"key:{key_id}")
    shown = f'attachment; filename="{name}"'
    fields = [*_headers(), ("Content-Disposition", shown), ("Content-Length", str(size))]
    response = Response(wrap_file(request.environ, file, _PIECE_BYTES), headers=fields)
    response.call_on_close(file.close)
    return response


def _made(capture_id: RecordId, policy: str) -> tuple[str, BinaryIO]:
    """The exhibit's file name, and its bytes in a file without a name.

    A client may take as long as it likes to read, and would hold all of it in memory so long.
    """
    made = exhibit(current_archive(), capture_id, policy)
    file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - closed with the answer
    try:
        for piece in made.bag.pieces():
            file.write(piece)
    except BaseException:
        file.close()
        raise
    return made.file_name, file


def _headers() -> headers.HeaderList:
    return [("Content-Type", _TYPE), ("Cache-Control", "no-cache"), *headers.PUBLIC]
