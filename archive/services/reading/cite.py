# SPDX-License-Identifier: Apache-2.0
"""Cites a capture in a style, by the fixed version, its time and its full digest."""

import json
import unicodedata
from urllib.parse import urlsplit

from archive.canonical import JsonValue
from archive.citation.base import Cited, style
from archive.clock import parse_rfc3339
from archive.errors import NotFound
from archive.ids import RecordId
from archive.services.context import Archive
from archive.services.effects.standing import refuse_withdrawn, standing_of

_BIDI_CONTROLS = dict.fromkeys(
    (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
)


def read_record(archive: Archive, capture_id: RecordId) -> JsonValue:
    """The record's JSON, with what was done with it. Raises NotFound."""
    found = archive.hot.record(str(capture_id))
    if found is None:
        raise NotFound(f"there is no record {capture_id}")
    record, has_acts = json.loads(found[0]), found[4]
    return standing_of(archive, str(capture_id)).told(record) if has_acts else record


def read_citable(archive: Archive, capture_id: RecordId) -> JsonValue:
    """As `read_record`. Raises RecordWithdrawn for one that may not be cited any more, too."""
    refuse_withdrawn(standing_of(archive, str(capture_id)))
    return read_record(archive, capture_id)


def readable(text: str) -> str:
    """Page text on one line, without the controls that act on a terminal or turn words around."""
    plain = "".join(" " if unicodedata.category(char) == "Cc" else char for char in text)
    return " ".join(plain.translate(_BIDI_CONTROLS).split())


def cite(archive: Archive, record: JsonValue, base_url: str, style_name: str = "plain") -> str:
    """The citation of a record; `base_url` is the archive's public address.

    Raises InputError for an unknown style.
    """
    body = next(part for part in record["parts"] if part["role"] == "body")
    given = record.get("import")
    host = urlsplit(record["final_url"]).hostname or record["final_url"]
    return style(style_name)(
        Cited(
            author=f"{host} (host name)",
            title=readable(record["title"] or record["final_url"]),
            url=record["url"],
            captured_at=parse_rfc3339(record["captured_at"]),
            archive_name=archive.identity.name,
            permalink=f"{base_url}/{record['id']}/v1" if base_url else f"{record['id']}/v1",
            sha256=body["sha256"],
            warc_date=given and readable(given["warc_date"]),
        )
    )
