# SPDX-License-Identifier: Apache-2.0
"""Lets a request through when its bearer token has the scope (RFC 6750)."""

from flask import request

from api.problems import Problem, ProblemRaised, title_of
from api.state import current_archive
from archive.errors import AccessDenied
from archive.services.access import authenticate

_CHALLENGE = 'Bearer realm="muniment"'


def require_scope(scope: str) -> None:
    """Return when the request's API key has the scope; raise the problem 401 or 403 else."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        detail = "This needs an API key: send it as `Authorization: Bearer mk_…`."
        raise _refusal(401, detail, _CHALLENGE)
    try:
        scopes = authenticate(current_archive(), token.strip())
    except AccessDenied as error:
        raise _refusal(401, str(error), f'{_CHALLENGE}, error="invalid_token"') from error
    if scope not in scopes:
        challenge = f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'
        raise _refusal(403, f"The API key lacks the scope {scope!r}.", challenge)


def _refusal(status: int, detail: str, challenge: str) -> ProblemRaised:
    return ProblemRaised(
        Problem(
            status,
            AccessDenied.code,
            title_of(AccessDenied),
            detail,
            headers=(("WWW-Authenticate", challenge),),
        )
    )
