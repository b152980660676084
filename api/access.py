# SPDX-License-Identifier: Apache-2.0
"""Who asks: the bearer of an API key (RFC 6750), or anyone.

A key is looked at where it could change the answer. What is open to everybody is given without
regard to it.
"""

from flask import g, request

from api.problems import CHALLENGE, Problem, ProblemRaised, title_of
from api.request_log import KEY_ID
from api.state import current_archive, current_aside
from archive.errors import AccessDenied, ApiKeyMissing, ScopeMissing
from archive.services.access.keys import ANYONE, USE_NOTED_SECONDS, Reader, authenticate, note_use


def current_reader() -> Reader:
    """The bearer of the request's key; without one, anyone.

    Raises ApiKeyUnknown, ApiKeyExpired, ApiKeyRevoked.
    """
    known: Reader | AccessDenied | None = g.get("reader")
    if known is None:
        known = g.reader = _read()
    if isinstance(known, AccessDenied):
        raise known
    return known


def known_key_id() -> str | None:
    """The ID of the request's key when it is a good one, else None."""
    try:
        return current_reader().key_id
    except AccessDenied:
        return None


def keep_private() -> None:
    """Have this answer kept by no cache and read by no page elsewhere: it depends on the key."""
    g.is_private = True


def require_scope(scope: str, *others: str) -> Reader:
    """The reader, when its API key has the scope, or one of others that will do as well.

    Raises the problems 401 and 403 else.
    """
    keep_private()
    reader = current_reader()
    if reader.key_id is None:
        raise ApiKeyMissing("This needs an API key: send it as `Authorization: Bearer mk_…`.")
    if not {scope, *others} & reader.scopes:
        challenge = f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'
        raise ProblemRaised(
            Problem(
                403,
                ScopeMissing.code,
                title_of(ScopeMissing),
                f"The API key lacks the scope {scope!r}.",
                headers=(("WWW-Authenticate", challenge),),
            )
        )
    return reader


def _read() -> Reader | AccessDenied:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return ANYONE
    archive = current_archive()
    try:
        reader = authenticate(archive, token.strip())
    except AccessDenied as error:
        return error
    key_id = reader.key_id
    if key_id is not None:
        request.environ[KEY_ID] = key_id
        use = ("use", key_id)
        current_aside().do(use, lambda: note_use(archive, key_id), every_seconds=USE_NOTED_SECONDS)
    return reader
