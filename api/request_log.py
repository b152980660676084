# SPDX-License-Identifier: Apache-2.0
"""One line for each request: method, path, status, time, request ID, key ID; never a secret.

Neither headers nor query are logged: a key stands in one, and a client may put one in the other.
The request's ID goes back with every answer, and every answer is counted.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# method, route, status, seconds
Count = Callable[[str, str, int, float], None]

KEY_ID = "muniment.key_id"
ROUTE = "muniment.route"
NO_ROUTE = "none"
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


def logged(inner: "WSGIApplication", count: Count) -> "WSGIApplication":
    """The application with its requests counted and, when this module's logger is on, logged."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        began = time.monotonic()

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: "OptExcInfo | None" = None
        ) -> object:
            seconds = time.monotonic() - began
            route = environ.get(ROUTE, NO_ROUTE)
            count(environ["REQUEST_METHOD"], route, int(status[:3]), seconds)
            if _log.isEnabledFor(logging.INFO):
                _log.info("request", extra=_fields(environ, route, status, seconds))
            fields = [*headers, ("X-Request-Id", request_id(environ))]
            return start_response(status, fields, exc_info)

        return inner(environ, start)  # type: ignore[arg-type]  # write() is the server's own

    return application


def _fields(
    environ: "WSGIEnvironment", route: str, status: str, seconds: float
) -> dict[str, object]:
    return {
        "method": environ["REQUEST_METHOD"],
        "path": environ.get("PATH_INFO", "")[:_PATH_LIMIT],
        "route": route,
        "status": int(status[:3]),
        "ms": round(seconds * 1000, 1),
        "request_id": request_id(environ),
        "key_id": environ.get(KEY_ID),
    }
