# SPDX-License-Identifier: Apache-2.0
"""The pages beside the records: home and search box, verifying a file, limits, problem types."""

from flask import Blueprint, Response, redirect, render_template, request, url_for
from markdown_it import MarkdownIt
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from api import headers
from api.identified import not_resolved
from api.pages.claim_words import shown_answers, shown_report
from api.pages.problem_types import problem_type
from api.permission import require_metadata
from api.problems import FieldError, Problem, ProblemRaised, title_of
from api.record_row import required_row
from api.reports import digest_answer, upload_answer
from api.responses import page_head, page_response
from api.state import current_archive
from archive.digests import read_digest
from archive.errors import MalformedDigest, NotFound
from archive.ids import parse_id
from archive.services.acts.attest import read_attestation
from archive.services.hashes.desk import BytesAnswer
from archive.services.limits import limits_text
from archive.services.reading.resolve import resolve

blueprint = Blueprint("site", __name__)


@blueprint.get("/")
def home() -> Response:
    """The search box and the file check."""
    return page_response(render_template("home.html", name=current_archive().identity.name))


@blueprint.get("/find")
def find() -> BaseResponse:
    """Where a record ID or a digest leads."""
    text = request.args.get("q", "").strip()
    found = resolve(current_archive(), text)
    if found.id is not None:
        asked = text if found.status == "unchecked" else None
        return redirect(url_for("record.landing", text=str(found.id), asked=asked), 303)
    if found.status != "malformed":
        raise ProblemRaised(not_resolved(found))
    return redirect(url_for(".verify", sha256=_digest_in(text, "q")), 303)


@blueprint.get("/verify")
def verify() -> Response:
    """The form, or the answer about a digest."""
    text = request.args.get("sha256")
    if text is None:
        response = page_response(render_template("verify.html"))
        response.headers["Content-Security-Policy"] = headers.DESK_POLICY
        return response
    reading = read_digest(_digest_in(text, "sha256"))
    if request.method == "HEAD":
        return page_head()
    return page_response(_answer_page(digest_answer(reading)))


@blueprint.post("/verify")
def verify_file() -> Response:
    """The answer about an uploaded file, which is hashed and not kept."""
    return page_response(_answer_page(upload_answer()))


@blueprint.get("/verifications/<sha256>")
def verification(sha256: str) -> Response:
    """A verification that is on record, as it was signed."""
    told = read_attestation(current_archive(), sha256)
    row = required_row(parse_id(told["record"]))
    require_metadata(row)
    return page_response(
        render_template(
            "verification.html",
            told=told,
            claims=shown_answers(told["claims"]),
            standing=row.standing.members() if row.standing else {},
        )
    )


@blueprint.get("/limits")
def limits() -> Response:
    """What is not claimed."""
    # Our own file, rendered with raw HTML switched off all the same.
    text = Markup(MarkdownIt("commonmark", {"html": False}).render(limits_text()))  # noqa: S704
    return page_response(render_template("limits.html", text=text))


@blueprint.get("/problems/<slug>")
def problem(slug: str) -> Response:
    """What a problem type means."""
    known = problem_type(slug)
    if known is None:
        raise NotFound(f"there is no problem type {slug[:64]!r}")
    return page_response(render_template("problem_type.html", problem=known))


def _digest_in(text: str, member: str) -> str:
    try:
        read_digest(text)
    except MalformedDigest as error:
        detail = f"This is no record ID, and as a digest it cannot be read: {error}."
        raise ProblemRaised(
            Problem(
                422,
                error.code,
                title_of(MalformedDigest),
                detail,
                (FieldError(f"#/{member}", str(error)),),
            )
        ) from error
    return text


def _answer_page(answer: BytesAnswer) -> str:
    return render_template(
        "answer.html", answer=answer, report=answer.report and shown_report(answer.report)
    )
