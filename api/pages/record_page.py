# SPDX-License-Identifier: Apache-2.0
"""The record page: what it says, who said it when, how to cite it, and what is proven.

A damaged record still has its page, which shows the claims that fail and not the bytes.
"""

import datetime as dt
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import render_template

from api.pages.claim_words import shown_report
from api.record_json import RecordRow
from api.state import current_archive, public_base_url
from archive.canonical import JsonValue
from archive.clock import parse_rfc3339
from archive.errors import MalformedEvidence, NotFound, StorageError
from archive.ids import RecordId
from archive.model.claim import Report
from archive.services.cite import cite
from archive.services.parts import part_bytes
from archive.services.resolve import Resolution
from archive.services.verify import verify_record

EXCERPT_CHARACTERS = 1500

_COVERS = {
    "body": "the file of the page, as a person saves it",
    "body-raw": "the file as it was sent, still compressed",
    "headers": "the response headers of the server",
    "request": "the request that was sent (private: only a salted commitment is published)",
    "text": "the words of the page, drawn out by a fixed recipe",
}


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of the text, in paragraphs; `missing` says why there is none."""

    paragraphs: tuple[str, ...]
    is_cut: bool
    missing: str = ""


@dataclass(frozen=True, slots=True)
class ShownPart:
    """A part with what its digest covers."""

    role: str
    covers: str
    media_type: str
    bytes: int
    sha256: str | None
    commitment: str | None


def record_page(capture_id: RecordId, row: RecordRow, path: str, asked: Resolution | None) -> str:
    """The page of a record. Its claims are answered now, for this page."""
    archive = current_archive()
    record = json.loads(row.data)
    return render_template(
        "record.html",
        record=record,
        path=path,
        host=urlsplit(record["final_url"]).hostname or record["final_url"],
        captured=_moment(record["captured_at"]),
        asked=asked,
        excerpt=_excerpt(capture_id),
        citation=cite(archive, record, public_base_url()),
        parts=[_part(part) for part in record["parts"]],
        report=shown_report(verify_record(archive, capture_id)),
    )


def report_page(report: Report) -> str:
    """The page of a verification report on a record."""
    return render_template(
        "report.html", report=shown_report(report), record_id=report.subject["record_id"]
    )


def _excerpt(capture_id: RecordId) -> Excerpt:
    try:
        text = part_bytes(current_archive(), capture_id, "text").data.decode("utf-8")
    except NotFound:
        return Excerpt((), is_cut=False, missing="No text could be drawn out of this file.")
    except (StorageError, MalformedEvidence, UnicodeDecodeError):
        # Which claim fails, and how, stands below on the same page.
        return Excerpt((), is_cut=False, missing="The stored text is damaged and is not shown.")
    return cut_excerpt(text)


def cut_excerpt(text: str) -> Excerpt:
    """The first words of a text, cut between words, one paragraph for each line."""
    is_cut = len(text) > EXCERPT_CHARACTERS
    begun = text[:EXCERPT_CHARACTERS]
    if is_cut:
        begun = begun.rsplit(maxsplit=1)[0] if len(begun.split()) > 1 else begun
    lines = tuple(line for line in begun.splitlines() if line.strip())
    return Excerpt(lines, is_cut, "" if lines else "The page has no words.")


def _part(part: JsonValue) -> ShownPart:
    return ShownPart(
        role=part["role"],
        covers=_COVERS.get(part["role"], part["role"]),
        media_type=part["media_type"],
        bytes=part["bytes"],
        sha256=part["sha256"],
        commitment=part.get("commitment"),
    )


def _moment(text: str) -> dt.datetime:
    return parse_rfc3339(text)
