# SPDX-License-Identifier: Apache-2.0
"""`Idempotency-Key` (IETF draft) for any view that writes, whatever the view does.

The view's answer is kept for a day and given again. A view that a dead process had begun is
either asked what was done (`resume`), or, without that, never run again under the same key.
"""

import functools
import json
import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Response, g, request
from werkzeug.exceptions import HTTPException

from api.access import current_reader, keep_private
from api.bodies import read_body
from api.problems import Problem, ProblemRaised
from api.state import current_archive
from archive.canonical import JsonValue
from archive.digests import sha256_hex
from archive.errors import (
    AccessDenied,
    IdempotencyKeyReused,
    IdempotencyUnknown,
    InputError,
    NotFound,
)
from archive.services.access import idempotency
from archive.services.access.idempotency import Begun, KeptAnswer

View = TypeVar("View", bound=Callable[..., Response])
Resume = Callable[[str], Response | None]

HEADER = "Idempotency-Key"
PARAMETER: dict[str, JsonValue] = {
    "name": HEADER,
    "in": "header",
    "description": "Of your making, new for each request: sent again, it gives the same answer",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_KEY = re.compile(r"[!-~]{1,255}")
_NOT_KEPT = {"content-length", "date"}


def idempotent(
    resume: Resume | None = None, may_repeat: Callable[[Response], None] | None = None
) -> Callable[[View], View]:
    """A decorator for a view that writes. It changes nothing for requests without the header.

    `resume(since)` runs in place of the view when a process died in it: it returns the answer
    that stands for what was done since that time, or None to have the view run again. Without
    `resume` such a request is refused: 409, `IDEMPOTENCY_UNKNOWN`. `may_repeat(response)` raises
    when a kept answer may not be given any more.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def handled(*args: Any, **named: Any) -> Response:
            given = request.headers.get(HEADER)
            # Without a good key the view refuses by itself.
            if given is None or current_reader().key_id is None:
                return view(*args, **named)
            return _once(given, lambda: view(*args, **named), resume, may_repeat)

        return cast("View", handled)

    return decorate


def current_token() -> str | None:
    """What names this request and its repetitions, for services that are idempotent by name."""
    token: str | None = g.get("idempotency_token")
    return token


def _once(
    given: str,
    view: Callable[[], Response],
    resume: Resume | None,
    may_repeat: Callable[[Response], None] | None,
) -> Response:
    keep_private()
    archive = current_archive()
    begun = idempotency.begin(archive, f"{current_reader().key_id} {_read(given)}", _fingerprint())
    if isinstance(begun, KeptAnswer):
        again = _given_again(begun)
        if may_repeat is not None:
            may_repeat(again)
        return again
    g.idempotency_token = begun.name
    try:
        response = _handled(begun, view, resume)
    except (ProblemRaised, InputError, AccessDenied, NotFound, IdempotencyKeyReused, HTTPException):
        # Refusals: nothing was done, and the request may be mended and sent again.
        idempotency.give_up(archive, begun, did_nothing=True)
        raise
    except BaseException:
        idempotency.give_up(archive, begun, did_nothing=False)
        raise
    idempotency.finish(archive, begun, _kept(response))
    return response


def _handled(begun: Begun, view: Callable[[], Response], resume: Resume | None) -> Response:
    if begun.since is None:
        return view()
    if resume is None:
        raise IdempotencyUnknown(
            "the process that handled the first request died: look for what it did, then send a "
            "new Idempotency-Key"
        )
    return resume(begun.since) or view()


def _read(given: str) -> str:
    # The draft has a quoted string; clients in use send it bare.
    is_quoted = len(given) > 1 and given[0] == given[-1] == '"'
    key = given[1:-1] if is_quoted else given
    if not _KEY.fullmatch(key):
        detail = f"{HEADER} must be 1 to 255 printable ASCII characters without spaces."
        raise ProblemRaised(Problem(400, "IDEMPOTENCY_KEY_MALFORMED", "Not a key", detail))
    return key


def _fingerprint() -> str:
    head = f"{request.method} {request.full_path} {request.content_type}\n"
    return sha256_hex(head.encode("utf-8", "surrogatepass") + read_body())


def _kept(response: Response) -> KeptAnswer:
    pairs = [pair for pair in response.headers.items() if pair[0].lower() not in _NOT_KEPT]
    return KeptAnswer(response.status_code, json.dumps(pairs), response.get_data())


def _given_again(kept: KeptAnswer) -> Response:
    response = Response(kept.body, kept.status)
    response.headers.clear()
    response.headers.extend([(name, value) for name, value in json.loads(kept.headers)])
    return response
