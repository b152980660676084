# SPDX-License-Identifier: Apache-2.0
"""`/{id}` and what lies below it: the record, its fixed version, parts, citation, verification.

The grammar of IDs is tested before anything is looked up. What follows an ID and is none of the
names below is decoration, and dropped by a redirect.
"""

import re

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from api import headers
from api.exhibits import exhibit_answer
from api.identified import asked_as, record_named
from api.negotiation import HTML, JSON, PLAIN, best_offer, negotiated
from api.pages.record_page import record_page, report_page
from api.pages.restricted_page import restricted_page
from api.pages.withdrawn_page import withdrawn_page
from api.parts import part_answer
from api.permission import (
    require_content,
    require_metadata,
    require_standing,
    require_told,
    seen,
)
from api.problems import Problem, ProblemRaised, title_of
from api.record_json import RecordRow, links, record_answer, version_answer
from api.record_row import required_row
from api.reports import is_failed, is_large, record_report
from api.responses import (
    answer_response,
    json_head,
    json_response,
    not_acceptable,
    page_head,
    page_response,
    text_response,
)
from api.state import current_archive, public_base_url
from archive.errors import InputError, NotFound, ObjectConflict
from archive.ids import RecordId
from archive.services.access.permission import Permission, Sight
from archive.services.reading.cite import cite, read_record
from archive.services.verifying.judge import required_claims

blueprint = Blueprint("record", __name__)

_VERSION = re.compile(r"v[0-9]+")
# Names that will mean something below an ID; to drop one as decoration would be for good.
_RESERVED = frozenset({"history", "versions", "diff", "linkset", "parts"})


@blueprint.get("/<text>")
@blueprint.get("/<text>/", endpoint="landing_slash")
def landing(text: str) -> BaseResponse:
    """The record as a page or as JSON."""
    capture_id = record_named(text)
    if request.path.endswith("/"):
        return redirect(f"/{capture_id}", 301)
    row = required_row(capture_id)
    if _representation() == JSON:
        require_told(row)
        base_url = current_archive().base_url
        return answer_response(record_answer(row, base_url, request.headers.get("If-None-Match")))
    return _page(capture_id, row, f"/{capture_id}")


@blueprint.get("/<text>/<slug>")
def below(text: str, slug: str) -> BaseResponse:
    """The fixed version of a capture (`v1`); any other name is decoration."""
    if slug in _RESERVED:
        raise ProblemRaised(_nothing_there(text, slug))
    if not _VERSION.fullmatch(slug):
        return redirect(f"/{record_named(text)}", 301)
    capture_id = record_named(text, after=f"/{slug}")
    if slug != "v1":
        raise ProblemRaised(_nothing_there(str(capture_id), slug))
    row = required_row(capture_id)
    if _representation() == JSON:
        require_told(row)
        base_url = current_archive().base_url
        return answer_response(version_answer(row, base_url, request.headers.get("If-None-Match")))
    return _page(capture_id, row, f"/{capture_id}/v1")


@blueprint.get("/<text>/parts/<role>")
def part(text: str, role: str) -> Response:
    """The raw bytes of a part, which never run in this origin."""
    capture_id = record_named(text, after=f"/parts/{role}")
    require_content(required_row(capture_id))
    return part_answer(capture_id, role)


@blueprint.get("/<text>/cite")
def citation(text: str) -> Response:
    """A citation to paste, as text; none of a record that is known to fail verification."""
    capture_id = record_named(text, after="/cite")
    archive, style = current_archive(), request.args.get("style", "plain")
    if best_offer(request.accept_mimetypes, (PLAIN,)) is None:
        raise not_acceptable((PLAIN,))
    row = required_row(capture_id)
    require_metadata(row)
    require_standing(row)
    if request.method != "HEAD" and not is_large(row) and is_failed(record_report(row)):
        raise ProblemRaised(_not_citable(capture_id))
    try:
        words = cite(archive, read_record(archive, capture_id), public_base_url(), style)
    except InputError as error:
        raise _unknown_style(error) from error
    return text_response(f"{words}\n")


@blueprint.get("/<text>/verify")
def verification(text: str) -> Response:
    """Every claim about the record, answered within the last minutes: as a page or as JSON."""
    capture_id = record_named(text, after="/verify")
    chosen = _representation()
    policy = request.args.get("policy", "standard")
    required_claims(policy)
    row = required_row(capture_id)
    require_metadata(row)
    place = f"/{capture_id}/verify?format={'json' if chosen == JSON else 'html'}"
    if request.method == "HEAD":
        return json_head(place) if chosen == JSON else page_head(place)
    report = record_report(row, policy)
    if chosen == JSON:
        return json_response(report.to_json(), place)
    return page_response(report_page(report), place)


@blueprint.get("/<text>/exhibit")
def evidence_package(text: str) -> Response:
    """The record's exhibit: a ZIP file that verifies without this archive."""
    capture_id = record_named(text, after="/exhibit")
    policy = request.args.get("policy", "standard")
    required_claims(policy)
    require_content(required_row(capture_id))
    return exhibit_answer(capture_id, policy)


def _representation() -> str:
    chosen = negotiated((HTML, JSON))
    if chosen is None:
        raise not_acceptable((HTML, JSON))
    return chosen


def _page(capture_id: RecordId, row: RecordRow, path: str) -> Response:
    place = f"{path}?format=html"
    found = seen(row)
    if row.is_withdrawn and found.sight is not Sight.NOTHING:
        return _tombstone(row, found, path)
    if found.sight is not Sight.WHOLE:
        return _closed_page(row, found, path)
    if request.method == "HEAD":
        response = page_head(place)
    else:
        page = record_page(capture_id, row, path, (found, asked_as(capture_id)))
        response = page_response(page, place)
    response.headers["Link"] = links(row, path, current_archive().base_url)
    return response


def _tombstone(row: RecordRow, found: Permission, path: str) -> Response:
    """The page of a withdrawn record: what, when, why, by whom, its digests, what remains."""
    page = withdrawn_page(row, found)
    response = Response(page, 410, content_type="text/html; charset=utf-8")
    response.vary.add("Accept")
    response.headers["Content-Location"] = f"{path}?format=html"
    response.headers["Cache-Control"] = headers.TOMBSTONE
    response.headers["Link"] = links(row, path, current_archive().base_url)
    return response


def _closed_page(row: RecordRow, found: Permission, path: str) -> Response:
    """The page of a restricted record, for a reader to whom its content is closed."""
    response = Response(restricted_page(row, found), 403, content_type="text/html; charset=utf-8")
    response.vary.add("Accept")
    response.headers["Link"] = headers.link(f"{current_archive().base_url}{path}", "cite-as")
    return response


def _nothing_there(named: str, slug: str) -> Problem:
    detail = f"{named[:64]} has no {slug[:64]!r} here."
    if _VERSION.fullmatch(slug):
        detail = f"A capture is one look and has one version: /{named}/v1."
    return Problem(404, NotFound.code, title_of(NotFound), detail)


def _not_citable(capture_id: RecordId) -> Problem:
    detail = f"This record fails verification and is not cited: see /{capture_id}/verify."
    return Problem(500, ObjectConflict.code, title_of(ObjectConflict), detail)


def _unknown_style(error: InputError) -> ProblemRaised:
    return ProblemRaised(
        Problem(
            406, "STYLE_UNKNOWN", "A citation style that this archive does not have", str(error)
        )
    )
