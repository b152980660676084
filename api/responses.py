# SPDX-License-Identifier: Apache-2.0
"""Responses made of a page, a text or JSON, with the digest headers that every one carries."""

import json
from collections.abc import Sequence

from flask import Response, request
from werkzeug.http import parse_etags

from api import headers
from api.problems import Problem, ProblemRaised
from api.record_json import Answer
from archive.canonical import JsonValue
from archive.digests import sha256_hex

_HTML = "text/html; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"


def page_response(page: str, location: str | None = None) -> Response:
    """A page; `location` is its own address where it is one of several forms of a thing."""
    return _located(_digested(page.encode("utf-8"), _HTML), location)


def page_head(location: str | None = None) -> Response:
    """The answer to HEAD for a page that is not made, since making it means verifying."""
    return _head(_HTML, location)


def json_head(location: str | None = None) -> Response:
    """The answer to HEAD for JSON that is not made, since making it means verifying."""
    return _head(_JSON, location)


def json_response(
    value: JsonValue, location: str | None = None, media_type: str = _JSON
) -> Response:
    """JSON, compact and with the members in the order given; `location` as for a page."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return _located(_digested(data, media_type), location)


def bytes_response(data: bytes, media_type: str) -> Response:
    """These bytes."""
    return _digested(data, media_type)


def answer_response(answer: Answer) -> Response:
    """An answer that was made without a framework, as Flask's response."""
    response = Response(answer.body, answer.status)
    response.headers.clear()
    response.headers.extend(answer.headers)
    return response


def text_response(words: str) -> Response:
    """Plain text."""
    return _digested(words.encode("utf-8"), _TEXT)


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


def _digested(data: bytes, content_type: str) -> Response:
    sha256 = sha256_hex(data)
    fields = [("Content-Type", content_type), ("Repr-Digest", headers.digest_field(sha256))]
    if request.method not in {"GET", "HEAD"}:
        return Response(data, headers=[*fields, ("Cache-Control", "no-store")])
    fields += [("ETag", f'"{sha256}"'), ("Cache-Control", "no-cache")]
    if parse_etags(request.headers.get("If-None-Match")).contains_weak(sha256):
        return Response(status=304, headers=headers.not_modified(fields))
    return Response(data, headers=fields)


def _head(content_type: str, location: str | None) -> Response:
    response = Response(headers=[("Content-Type", content_type), ("Cache-Control", "no-cache")])
    # The length of what GET gives is not known; none is better than a false one.
    response.automatically_set_content_length = False
    return _located(response, location)


def _located(response: Response, location: str | None) -> Response:
    if location is not None:
        response.headers["Content-Location"] = location
        response.vary.add("Accept")
    return response
