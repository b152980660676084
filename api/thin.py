# SPDX-License-Identifier: Apache-2.0
"""The fast lane in front of Flask: a canonical record ID, asked for plainly as JSON.

Only open records are answered here with which nothing was done, and only to somebody without an
API key: whether a restricted one may be seen, and whose key it is, is not decided twice.

Everything else, and everything that is not simply there, goes on to Flask, which gives the same
answer to the same question (a test compares the two) and all the other ones.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from api.allowance import Hit
from api.record_json import RecordRow, record_answer
from api.request_log import ROUTE
from archive.errors import CatalogError, MalformedId
from archive.ids import parse_id
from archive.services.context import Archive

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# The rule under which Flask answers the same question.
THIN_ROUTE = "/<text>"
_STATUS_LINES = {200: "200 OK", 304: f"304 {HTTPStatus.NOT_MODIFIED.phrase}"}


def thin_path(
    archive: Archive, count_read: Callable[["WSGIEnvironment"], Hit], inner: "WSGIApplication"
) -> "WSGIApplication":
    """A WSGI application that answers what it can by itself and passes on the rest.

    `count_read` counts what is answered here; what is too much goes on too, to be refused.
    """
    read_record = archive.hot.record
    base_url = archive.base_url

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not _is_plain(environ):
            return inner(environ, start_response)
        capture_id = environ["PATH_INFO"][1:]
        try:
            parse_id(capture_id)
            found = read_record(capture_id)
        except (MalformedId, CatalogError):
            # Where the catalogue cannot be read, Flask asks again, and says what is the matter.
            return inner(environ, start_response)
        if found is None or found[2] is not None or found[4]:
            return inner(environ, start_response)
        hit = count_read(environ)
        if hit.is_over:
            return inner(environ, start_response)
        environ[ROUTE] = THIN_ROUTE
        answer = record_answer(
            RecordRow(capture_id, *found[:4]), base_url, environ.get("HTTP_IF_NONE_MATCH")
        )
        start_response(_STATUS_LINES[answer.status], [*answer.headers, *hit.fields()])
        return () if environ["REQUEST_METHOD"] == "HEAD" else (answer.body,)

    return application


def _is_plain(environ: "WSGIEnvironment") -> bool:
    if environ["REQUEST_METHOD"] not in {"GET", "HEAD"} or environ.get("SCRIPT_NAME"):
        return False
    if "HTTP_AUTHORIZATION" in environ:
        return False
    query = environ.get("QUERY_STRING", "")
    if query == "format=json":
        return True
    return not query and environ.get("HTTP_ACCEPT") == "application/json"
