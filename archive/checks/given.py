# SPDX-License-Identifier: Apache-2.0
"""Compares what the statement of an imported capture says with the record that was given.

The archive did not see the exchange, so all that its statement tells of it must be in the record.
"""

from collections.abc import Sequence

from archive.clock import rfc3339
from archive.errors import MalformedEvidence, MalformedTime, MalformedUrl
from archive.model.look import Look, signed_http_date
from archive.net.head import header_values, parse_head
from archive.net.url import parse_capture_url
from archive.warc.dates import read_warc_date
from archive.warc.read import WarcRecord

_SHOWN_LIMIT = 200


def given_contradiction(look: Look, records: Sequence[WarcRecord]) -> str | None:
    """Where the look and the one response that was given differ, or None when they agree."""
    if len(records) != 1 or records[0].type != "response":
        return "its parts do not lie in one response that was given"
    record = records[0]
    try:
        head = parse_head(record.block[: record.http_body_start])
        target = parse_capture_url(record.target_uri or "").href
        at = rfc3339(read_warc_date(record.date).start)
    except (MalformedEvidence, MalformedUrl, MalformedTime) as error:
        return f"the record that was given cannot be read: {error}"
    sent = header_values(head.headers, "date")
    http_date = signed_http_date(sent[0] if sent else None)
    told_and_given = (
        ("the URL asked for", look.url, target),
        ("the final URL", look.final_url, target),
        ("the status", look.status, head.status),
        ("the Date header", look.http_date, http_date),
        ("the time", look.requested_at, at),
        ("the WARC-Date", look.imported and look.imported.warc_date, record.date),
    )
    for what, told, given in told_and_given:
        if told != given:
            return f"{what} is {str(told)[:_SHOWN_LIMIT]}, {str(given)[:_SHOWN_LIMIT]} was given"
    return None


def notes_contradiction(records: Sequence[WarcRecord]) -> str | None:
    """What an imported capture's own container may not hold: an exchange that nobody saw."""
    foreign = [record.type for record in records if record.type not in {"conversion", "metadata"}]
    return f"its own container holds a {foreign[0]} record" if foreign else None
