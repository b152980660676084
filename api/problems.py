# SPDX-License-Identifier: Apache-2.0
"""Errors as RFC 9457 problems: one shape with a stable `code`, and one way to render it.

A client under /api, or one that prefers JSON, gets `application/problem+json`; a browser gets a
page with the same words. What went wrong inside is logged and never told.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote

from flask import Response, render_template, request
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestTimeout

from api.negotiation import PROBLEM, prefers_html
from api.patience import SlowClient
from api.request_log import request_id
from archive.canonical import JsonValue
from archive.errors import (
    AccessDenied,
    ApiKeyMissing,
    CatalogBusy,
    CatalogUnavailable,
    IdempotencyError,
    IdempotencyKeyReused,
    InputError,
    InputTooLarge,
    JobsUnavailable,
    MunimentError,
    NotFound,
    PartRedacted,
    RecordRestricted,
    RecordWithdrawn,
    ScopeMissing,
    StorageUnavailable,
)

RETRY_AFTER_SECONDS = 5
CHALLENGE = 'Bearer realm="muniment"'

_log = logging.getLogger(__name__)
_STATUSES: tuple[tuple[type[MunimentError], int], ...] = (
    (InputTooLarge, 413),
    (InputError, 422),
    (NotFound, 404),
    (ScopeMissing, 403),
    (RecordRestricted, 403),
    (RecordWithdrawn, 410),
    (PartRedacted, 410),
    (AccessDenied, 401),
    (IdempotencyKeyReused, 422),
    (IdempotencyError, 409),
    (StorageUnavailable, 503),
    (CatalogBusy, 503),
    (CatalogUnavailable, 503),
    (JobsUnavailable, 503),
)


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one member of the input, named by a JSON Pointer (`#/url`)."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal or failure as the client is told of it."""

    status: int
    code: str
    title: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    members: Mapping[str, JsonValue] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def type(self) -> str:
        """The page that explains problems of this type."""
        return f"/problems/{slug(self.code)}"

    def to_json(self) -> dict[str, JsonValue]:
        """The members of the problem document."""
        members: dict[str, JsonValue] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "instance": quote(request.path),
            "request_id": request_id(request.environ),
        }
        if self.errors:
            members["errors"] = [
                {"pointer": error.pointer, "detail": error.detail} for error in self.errors
            ]
        return {**members, **self.members}


class ProblemRaised(Exception):
    """Carries a problem from a view to the one handler."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def slug(code: str) -> str:
    """A code as the last part of its problem's URL."""
    return code.lower().replace("_", "-")


def title_of(error: type[MunimentError]) -> str:
    """The first sentence of what the error tree says of this error."""
    return (error.__doc__ or error.__name__).strip().partition("\n")[0].rstrip(".")


def of_error(error: MunimentError, errors: tuple[FieldError, ...] = ()) -> Problem:
    """The problem that one of the archive's own errors is.

    A failure inside (500, 503) is told by its code and kind alone; its message may name paths.
    """
    status = next((code for kind, code in _STATUSES if isinstance(error, kind)), 500)
    title = title_of(type(error))
    if status == HTTPStatus.UNAUTHORIZED:
        is_sent = not isinstance(error, ApiKeyMissing)
        challenge = f'{CHALLENGE}, error="invalid_token"' if is_sent else CHALLENGE
        asked = (("WWW-Authenticate", challenge),)
        return Problem(status, error.code, title, str(error), errors, headers=asked)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Problem(status, error.code, title, str(error), errors)
    _log.error("%s: %s", error.code, error, exc_info=error)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        retry = (("Retry-After", str(RETRY_AFTER_SECONDS)),)
        return Problem(status, error.code, title, "Try again in a moment.", headers=retry)
    return Problem(status, error.code, title, "The operator can find the cause in the log.")


def of_failed(code: str, detail: str, member: str) -> Problem:
    """The problem that a job failed with, as if the request itself had raised it."""
    error = _by_code(MunimentError, code)
    if error is not None and issubclass(error, InputError):
        return of_error(error(detail), (FieldError(f"#/{member}", detail),))
    return of_error((error or MunimentError)(detail))


def told_detail(code: str, detail: str) -> str:
    """What may be told of a failure that is over: what went wrong inside is told by its code."""
    error = _by_code(MunimentError, code)
    status = next((known for kind, known in _STATUSES if error and issubclass(error, kind)), 500)
    is_inside = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return "The operator can find the cause in the log." if is_inside else detail


def _by_code(kind: type[MunimentError], code: str) -> type[MunimentError] | None:
    if kind.code == code:
        return kind
    found = (_by_code(below, code) for below in kind.__subclasses__())
    return next((error for error in found if error is not None), None)


def of_http(error: HTTPException) -> Problem:
    """The problem that an HTTP error of the framework is, with the headers that belong to it."""
    if isinstance(error, ClientDisconnected) and isinstance(error.__context__, SlowClient):
        error = RequestTimeout("The body arrived too slowly.")
    status = error.code or 500
    own = tuple(pair for pair in error.get_headers() if pair[0].lower() != "content-type")
    return Problem(
        status=status,
        code=error.name.upper().replace(" ", "_").replace("'", ""),
        title=error.name,
        detail=error.description or error.name,
        headers=own,
    )


def of_bug(error: Exception) -> Problem:
    """The problem that an unexpected exception is: nothing told, everything logged."""
    _log.error("unexpected %s", type(error).__name__, exc_info=error)
    return Problem(
        500,
        "INTERNAL_ERROR",
        "Something went wrong on this side",
        "Nothing was lost. The operator can find the cause in the log by the request's ID.",
    )


def render(problem: Problem) -> Response:
    """The response for a problem, in the form that the client reads."""
    if prefers_html():
        page = render_template("problem.html", problem=problem)
        response = Response(page, problem.status, content_type="text/html; charset=utf-8")
    else:
        body = json.dumps(problem.to_json(), ensure_ascii=False) + "\n"
        response = Response(body, problem.status, content_type=PROBLEM)
    response.headers.extend(problem.headers)
    if not request.path.startswith("/api/"):
        response.vary.add("Accept")
    response.headers.setdefault("Cache-Control", "no-store")
    return response
