# SPDX-License-Identifier: Apache-2.0
"""What each problem type means: the error tree, and the few problems that only HTTP has."""

from collections.abc import Iterator
from dataclasses import dataclass

from api.problems import slug
from archive.errors import MunimentError

_HTTP_ONLY = {
    "NOT_ACCEPTABLE": "None of the forms that there are is the one that Accept asked for.",
    "TOO_MANY_REQUESTS": "More was asked for in a minute than one client may; see Retry-After.",
    "NOT_READY": "The catalogue or the store does not answer; the member checks says which.",
    "IDEMPOTENCY_KEY_MALFORMED": "The Idempotency-Key is none: 1 to 255 printable characters.",
    "STYLE_UNKNOWN": "The citation style is none that this archive has; the detail lists them.",
    "INTERNAL_ERROR": "Something unexpected happened; the operator finds it by the request ID.",
    "BUSY": "The archive has as much of this work under way as it does at once; try again.",
    "REQUEST_TIMEOUT": "The body of the request arrived too slowly.",
    "BAD_REQUEST": "The request cannot be read, or broke off.",
    "METHOD_NOT_ALLOWED": "This address knows other methods; the Allow header lists them.",
    "REQUEST_ENTITY_TOO_LARGE": "The body is larger than this archive takes.",
    "UNSUPPORTED_MEDIA_TYPE": "The body is of a type that this address does not read.",
    "REQUESTED_RANGE_NOT_SATISFIABLE": "The range lies outside the part; see Content-Range.",
}


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A code and what it means."""

    code: str
    meaning: str


def problem_type(name: str) -> ProblemType | None:
    """The problem type whose URL ends in this, or None."""
    meanings = {slug(code): ProblemType(code, text) for code, text in _HTTP_ONLY.items()}
    for error in _tree(MunimentError):
        words = " ".join((error.__doc__ or "").split())
        meanings[slug(error.code)] = ProblemType(error.code, words)
    return meanings.get(name)


def _tree(root: type[MunimentError]) -> Iterator[type[MunimentError]]:
    yield root
    for below in root.__subclasses__():
        yield from _tree(below)
