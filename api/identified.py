# SPDX-License-Identifier: Apache-2.0
"""Finds the record that a path names, or sends the client to where it lives.

Any other spelling of an ID moves to the canonical one; an ID without check digits does too, and
takes along how it was written, so that the page asks whether it is the record that was meant.
"""

from urllib.parse import quote, urlencode

from flask import abort, redirect, request

from api.problems import FieldError, Problem, ProblemRaised, title_of
from api.state import current_archive
from archive.errors import MalformedId, NotFound
from archive.ids import RecordId
from archive.services.reading.resolve import Resolution, resolve

ASKED = "asked"


def record_named(text: str, before: str = "/", after: str = "") -> RecordId:
    """The record, when the text is its canonical ID.

    Redirects to `{before}{id}{after}` for another spelling; raises the problem 404 when the text
    is no ID, or no record has it.
    """
    found = resolve(current_archive(), text)
    if found.id is None:
        raise ProblemRaised(not_resolved(found))
    if str(found.id) != text:
        move_to(found, before, after)
    return found.id


def record_meant(text: str) -> RecordId:
    """The record that the text names for certain, in whatever spelling: for requests that write.

    Raises the problem 404 for an ID without check digits too.
    """
    found = resolve(current_archive(), text)
    if found.id is None or found.status == "unchecked":
        raise ProblemRaised(not_resolved(found))
    return found.id


def move_to(found: Resolution, before: str = "/", after: str = "") -> None:
    """Redirect to the canonical form of what was found, for good when it cannot be mistaken."""
    query = [(name, value) for name, value in request.args.items(multi=True) if name != ASKED]
    code = 301
    if found.status == "unchecked":
        query.append((ASKED, found.input))
        code = 302
    tail = f"?{urlencode(query)}" if query else ""
    # What came decoded out of a path goes back encoded: it may hold line ends, `?` and `#`.
    abort(redirect(f"{quote(f'{before}{found.id}{after}')}{tail}", code))


def not_resolved(found: Resolution, member: str | None = None) -> Problem:
    """The problem of a text that names no record, with those that may have been meant.

    In a URL that is 404. In a request's body, where `member` held the text, 404 is for a record
    that is not there, and 422 for a text that cannot be an ID.
    """
    error = NotFound if found.status == "not_found" else MalformedId
    is_at_fault = member is not None and error is MalformedId
    detail = f"{found.detail[:1].upper()}{found.detail[1:]}."
    return Problem(
        422 if is_at_fault else 404,
        error.code,
        title_of(error),
        detail,
        (FieldError(f"#/{member}", detail),) if is_at_fault else (),
        members={
            "input": found.input[:256],
            "resolution": found.status,
            "candidates": [str(candidate) for candidate in found.candidates],
        },
    )


def asked_as(capture_id: RecordId) -> Resolution | None:
    """How the reader's citation wrote this ID, when it came without check digits."""
    text = request.args.get(ASKED)
    if text is None:
        return None
    found = resolve(current_archive(), text)
    # Anyone can write the query; only a text that does lead here is shown.
    return found if found.status == "unchecked" and found.id == capture_id else None
