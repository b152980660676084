# SPDX-License-Identifier: Apache-2.0
"""The page of a restricted record: what of it may be told, until when, and how to get to it."""

from urllib.parse import urlsplit

from flask import render_template

from api.pages.custody_words import shown_custody
from api.record_json import RecordRow
from api.state import current_archive, public_base_url
from archive.clock import parse_rfc3339
from archive.ids import parse_id
from archive.services.access.permission import Permission, Sight
from archive.services.effects.restriction import restriction_state
from archive.services.reading.cite import cite


def restricted_page(row: RecordRow, found: Permission) -> str:
    """The page for a reader who may not see the content, and perhaps not even the metadata."""
    until = parse_rfc3339(found.until) if found.until else None
    if found.sight is Sight.NOTHING:
        return render_template("restricted.html", id=row.id, until=until, record=None)
    archive, record = current_archive(), row.record
    record_id = parse_id(row.id)
    state = restriction_state(archive, record_id).to_json()
    return render_template(
        "restricted.html",
        id=row.id,
        until=until,
        record=record,
        reason=state["reason"],
        host=urlsplit(record["final_url"]).hostname or record["final_url"],
        captured=parse_rfc3339(record["captured_at"]),
        citation=cite(archive, record, public_base_url()),
        custody=shown_custody(record_id, found),
    )
