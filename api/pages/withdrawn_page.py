# SPDX-License-Identifier: Apache-2.0
"""The tombstone of a withdrawn record: what it was, who withdrew it, when and why, what remains."""

from urllib.parse import urlsplit

from flask import render_template

from api.pages.custody_words import shown_custody
from api.record_json import RecordRow
from api.state import current_archive, public_base_url
from archive.clock import parse_rfc3339
from archive.ids import parse_id
from archive.services.access.permission import Permission
from archive.services.acts.declare import OPERATOR
from archive.services.reading.cite import cite

_REASONS = {
    "error": "it was made in error",
    "duplicate": "another record holds the same",
    "request": "somebody asked for it",
    "rights": "somebody\u2019s rights stand against it",
    "privacy": "it holds personal data",
    "legal-order": "a court or an authority ordered it",
    "other": "for another reason",
}


def withdrawn_page(row: RecordRow, found: Permission) -> str:
    """The page in place of a withdrawn record, for a reader who may see its metadata."""
    record = row.record
    gone = record["withdrawal"]
    return render_template(
        "withdrawn.html",
        record=record,
        gone=gone,
        because=_REASONS[gone["reason_code"]],
        by="the operator" if gone["actor"] == OPERATOR else gone["actor"],
        at=parse_rfc3339(gone["at"]),
        host=urlsplit(record["final_url"]).hostname or record["final_url"],
        captured=parse_rfc3339(record["captured_at"]),
        citation=cite(current_archive(), record, public_base_url()),
        custody=shown_custody(parse_id(row.id), found),
    )
