# SPDX-License-Identifier: Apache-2.0
"""The pages beside the records: home and search box, verifying a file, limits, problem types."""

from flask import Blueprint, Response, redirect, render_template, request, url_for

from api.bodies import file_chunks
from api.identified import move_to, not_resolved
from api.pages.claim_words import shown_report
from api.pages.problem_types import problem_type
from api.problems import FieldError, ProblemRaised, of_error
from api.responses import page_response
from api.state import current_archive
from archive.digests import read_sha256
from archive.errors import InputError, MalformedDigest, NotFound
from archive.services.resolve import resolve
from archive.services.verify import BytesAnswer, verify_bytes, verify_digest

blueprint = Blueprint("site", __name__)


@blueprint.get("/")
def home() -> Response:
    """The search box and the file check."""
    archive = current_archive()
    return page_response(
        render_template("home.html", name=archive.identity.name, prefix=archive.identity.prefix),
        "/",
    )


@blueprint.get("/find")
def find() -> Response:
    """Where a record ID or a digest leads."""
    text = request.args.get("q", "").strip()
    found = resolve(current_archive(), text)
    if found.id is not None:
        return _found(found.id and text)
    try:
        read_sha256(text)
    except MalformedDigest as error:
        raise ProblemRaised(
            not_resolved(found) if found.status != "malformed" else _no_subject(error)
        ) from error
    return _redirect(url_for(".verify", sha256=text))


@blueprint.get("/verify")
def verify() -> Response:
    """The form, or the answer about a digest."""
    text = request.args.get("sha256")
    if text is None:
        return page_response(render_template("verify.html"), "/verify")
    answer = verify_digest(current_archive(), read_sha256(text))
    return page_response(_answer_page(answer, "this digest"), "/verify")


@blueprint.post("/verify")
def verify_file() -> Response:
    """The answer about an uploaded file, which is hashed and not kept."""
    answer = verify_bytes(current_archive(), file_chunks())
    return page_response(_answer_page(answer, "the file that you gave"), "/verify")


@blueprint.get("/limits")
def limits() -> Response:
    """What is not claimed."""
    return page_response(render_template("limits.html"), "/limits")


@blueprint.get("/problems/<slug>")
def problem(slug: str) -> Response:
    """What a problem type means."""
    known = problem_type(slug)
    if known is None:
        raise NotFound(f"there is no problem type {slug[:64]!r}")
    return page_response(render_template("problem_type.html", problem=known), request.path)
