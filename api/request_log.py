# SPDX-License-Identifier: Apache-2.0
"""One JSON line for each request: method, path, status, time, request ID; never a secret.

Neither headers nor query are logged: a key stands in one, and a client may put one in the other.
"""

import json
import logging
import re
import secrets
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)
_REQUEST_ID_KEY = "muniment.request_id"
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_PATH_LIMIT = 500


def request_id(environ: "WSGIEnvironment") -> str:
    """The request's ID: the proxy's `X-Request-Id` when it is a plain one, else a new one."""
    known: str | None = environ.get(_REQUEST_ID_KEY)
    if known is None:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        known = given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
        environ[_REQUEST_ID_KEY] = known
    return known


def logged(inner: "WSGIApplication") -> "WSGIApplication":
    """The application with its requests logged, when this module's logger is on."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not _log.isEnabledFor(logging.INFO):
            return inner(environ, start_response)
        began = time.monotonic()

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: "OptExcInfo | None" = None
        ) -> object:
            _log.info(_line(environ, status, time.monotonic() - began))
            return start_response(status, headers, exc_info)

        return inner(environ, start)  # type: ignore[arg-type]  # write() is the server's own

    return application


def _line(environ: "WSGIEnvironment", status: str, seconds: float) -> str:
    return json.dumps(
        {
            "event": "request",
            "method": environ["REQUEST_METHOD"],
            "path": environ.get("PATH_INFO", "")[:_PATH_LIMIT],
            "status": int(status[:3]),
            "ms": round(seconds * 1000, 1),
            "request_id": request_id(environ),
        }
    )
