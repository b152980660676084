# SPDX-License-Identifier: Apache-2.0
"""The record page: what it says, who said it when, how to cite it, and what is proven.

A damaged record still has its page, which shows the claims that fail and neither the bytes nor a
citation. A large one is not verified for its page, which says so.
"""

import datetime as dt
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import render_template

from api.pages.claim_words import shown_report
from api.pages.custody_words import shown_custody
from api.record_json import RecordRow
from api.reports import LARGE_BYTES, disowns_catalog, is_failed, is_large, record_report
from api.state import current_archive, public_base_url
from archive.canonical import JsonValue
from archive.clock import parse_rfc3339
from archive.errors import MalformedEvidence, NotFound, PartRedacted, StorageError
from archive.ids import RecordId
from archive.model.claim import Report
from archive.services.access.permission import Permission
from archive.services.acts.attest import attestations
from archive.services.log.published import log_index
from archive.services.reading.cite import cite, readable
from archive.services.reading.parts import part_bytes
from archive.services.reading.resolve import Resolution

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
    is_redacted: bool = False


def record_page(
    capture_id: RecordId, row: RecordRow, path: str, request: tuple[Permission, Resolution | None]
) -> str:
    """The page of a record, with its claims unless it is large. Raises the problem 503.

    `request` is what the reader may see, and how the ID was written if that is to be confirmed.
    """
    found, asked = request
    record = json.loads(row.data)
    report = None if is_large(row) else record_report(row)
    is_disowned = report is not None and disowns_catalog(report)
    is_citable = report is None or not is_failed(report)
    return render_template(
        "record.html",
        record=record,
        path=path,
        host=urlsplit(record["final_url"]).hostname or record["final_url"],
        captured=_moment(record["captured_at"]),
        asked=asked,
        excerpt=_NOT_SHOWN if is_disowned else _excerpt(capture_id, record),
        citation=cite(current_archive(), record, public_base_url()) if is_citable else None,
        parts=[_part(part) for part in record["parts"]],
        report=shown_report(report) if report is not None else None,
        is_disowned=is_disowned,
        permission=found,
        custody=shown_custody(capture_id, found),
        attested=attestations(current_archive(), row.id, 1),
        roots=current_archive().pinned_roots,
        log_index=log_index(current_archive(), record["statement_sha256"]),
    )


def report_page(report: Report) -> str:
    """The page of a verification report on a record."""
    return render_template(
        "report.html",
        report=shown_report(report),
        record_id=report.subject["record_id"],
        standing=report.standing or {},
    )


_NOT_SHOWN = Excerpt(
    (), is_cut=False, missing="Not shown, since the catalogue is not to be trusted."
)


def _excerpt(capture_id: RecordId, record: JsonValue) -> Excerpt:
    if any(part["role"] == "text" and part["bytes"] > LARGE_BYTES for part in record["parts"]):
        return Excerpt((), is_cut=False, missing="The text is large, and not shown on this page.")
    try:
        text = part_bytes(current_archive(), capture_id, "text").data.decode("utf-8")
    except PartRedacted:
        return Excerpt((), is_cut=False, missing="The words of this page were removed for good.")
    except NotFound:
        return Excerpt((), is_cut=False, missing="No text could be drawn out of this file.")
    except (StorageError, MalformedEvidence, UnicodeDecodeError):
        # Which claim fails, and how, stands below on the same page.
        return Excerpt((), is_cut=False, missing="The stored text is damaged and is not shown.")
    return cut_excerpt(text)


def cut_excerpt(text: str) -> Excerpt:
    """The first words of a text, cut between words, one paragraph for each line.

    Controls that act on a terminal or turn words around are left out: these are a page's words.
    """
    is_cut = len(text) > EXCERPT_CHARACTERS
    begun = text[:EXCERPT_CHARACTERS]
    if is_cut:
        begun = begun.rsplit(maxsplit=1)[0] if len(begun.split()) > 1 else begun
    lines = tuple(filter(None, map(readable, begun.splitlines())))
    return Excerpt(lines, is_cut, "" if lines else "The page has no words.")


def _part(part: JsonValue) -> ShownPart:
    return ShownPart(
        role=part["role"],
        covers=_COVERS.get(part["role"], part["role"]),
        media_type=part["media_type"],
        bytes=part["bytes"],
        sha256=part["sha256"],
        commitment=part.get("commitment"),
        is_redacted=part.get("redacted", False),
    )


def _moment(text: str) -> dt.datetime:
    return parse_rfc3339(text)
