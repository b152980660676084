# SPDX-License-Identifier: Apache-2.0
"""Responses made of a page, a text or JSON, with the digest headers that every one carries."""

import json
from collections.abc import Sequence

from flask import Response, request

from api import headers
from api.problems import Problem, ProblemRaised
from api.record_json import Answer
from archive.canonical import JsonValue
from archive.digests import sha256_hex

_HTML = "text/html; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"


def page_response(page: str, location: str, status: int = 200) -> Response:
    """A page, with 304 for a client that has the very same one."""
    response = _digested(page.encode("utf-8"), _HTML, status)
    response.headers["Content-Location"] = location
    response.vary.add("Accept")
    return response


def json_response(value: JsonValue, location: str | None = None, status: int = 200) -> Response:
    """JSON, compact and with the members in the order given."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    response = _digested(data, _JSON, status)
    if location is not None:
        response.headers["Content-Location"] = location
        response.vary.add("Accept")
    return response


def answer_response(answer: Answer) -> Response:
    """An answer that was made without a framework, as Flask's response."""
    response = Response(answer.body, answer.status)
    response.headers.clear()
    response.headers.extend(answer.headers)
    return response


def text_response(words: str) -> Response:
    """Plain text."""
    return _digested(words.encode("utf-8"), _TEXT, 200)


def not_acceptable(offers: Sequence[str]) -> ProblemRaised:
    """The problem 406, which lists what there is."""
    return ProblemRaised(
        Problem(
            406,
            "NOT_ACCEPTABLE",
            "None of the forms that there are is the one asked for",
            f"This is available as {', '.join(offers)}: name one in Accept, or ask for "
            "?format=html or ?format=json.",
            members={"available": list(offers)},
        )
    )


def _digested(data: bytes, content_type: str, status: int) -> Response:
    sha256 = sha256_hex(data)
    response = Response(data, status, content_type=content_type)
    response.headers["Repr-Digest"] = headers.digest_field(sha256)
    if request.method in {"GET", "HEAD"}:
        response.headers["Cache-Control"] = "no-cache"
        response.set_etag(sha256)
        response.make_conditional(request)
    else:
        response.headers["Cache-Control"] = "no-store"
    return response
