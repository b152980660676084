# SPDX-License-Identifier: Apache-2.0
"""The JSON of a record as it leaves the archive: the catalogue's ready-made bytes and headers.

The thin path and the Flask path both build their answer here, so that they cannot differ.
"""

import json
from dataclasses import dataclass
from http import HTTPStatus

from werkzeug.http import parse_etags

from api import headers
from api.headers import HeaderList
from archive.canonical import JsonValue
from archive.services.effects.standing import Standing

_ABOUT_PAGE = "https://schema.org/AboutPage"
_WEB_PAGE = "https://schema.org/WebPage"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response, before any framework sees it."""

    status: int
    headers: HeaderList
    body: bytes


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record as `archive.hot` gives it: its ID, the bytes to serve, and their SHA-256.

    Of a restricted record also the metadata policy, and the end if there is one; only
    `api.permission` tells what follows from them. `standing` is None for a record with which
    nothing was done.
    """

    id: str
    data: bytes
    sha256: str
    metadata_policy: str | None = None
    until: str | None = None
    standing: Standing | None = None

    @property
    def is_withdrawn(self) -> bool:
        """Whether a tombstone stands in the record's place."""
        return self.standing is not None and self.standing.withdrawn is not None

    @property
    def record(self) -> JsonValue:
        """The record's members."""
        return json.loads(self.data)


def record_answer(row: RecordRow, base_url: str, if_none_match: str | None) -> Answer:
    """The answer to `GET /{id}` in JSON; 304 when the client has it already, 410 of a tombstone."""
    return _answer(row, _headers(row, f"/{row.id}", base_url, headers.REVALIDATE), if_none_match)


def version_answer(row: RecordRow, base_url: str, if_none_match: str | None) -> Answer:
    """The answer to `GET /{id}/v1` in JSON: the fixed version, kept by caches for an hour."""
    caching = headers.SETTLED if row.standing is None else headers.REVALIDATE
    return _answer(row, _headers(row, f"/{row.id}/v1", base_url, caching), if_none_match)


def links(row: RecordRow, path: str, base_url: str) -> str:
    """The `Link` field of a record (Signposting, RFC 5829): cite-as, item, type and others."""
    here, parts = f"{base_url}/{row.id}", json.loads(row.data)["parts"]
    items = [
        headers.link(f"{here}/parts/{part['role']}", "item", _type(part["media_type"]))
        for part in parts
        if part["sha256"] is not None and not part.get("redacted") and not row.is_withdrawn
    ]
    return ", ".join(
        [
            headers.link(f"{base_url}{path}", "cite-as"),
            headers.link(f"{here}?format=json", "describedby", "application/json"),
            *items,
            *_other_versions(row, base_url),
            headers.link(_ABOUT_PAGE, "type"),
            headers.link(_WEB_PAGE, "type"),
        ]
    )


def _other_versions(row: RecordRow, base_url: str) -> list[str]:
    """The records before and after this one (RFC 5829)."""
    standing = row.standing
    if standing is None:
        return []
    found = [(record, "predecessor-version") for record in standing.predecessors]
    if standing.superseded is not None and standing.superseded.newer is not None:
        found.append((standing.superseded.newer, "successor-version"))
    if standing.latest is not None:
        found.append((standing.latest, "latest-version"))
    return [headers.link(f"{base_url}/{record}", relation) for record, relation in found]


def tombstone_fields(fields: HeaderList) -> HeaderList:
    """The fields of what is gone: kept by caches for a minute, in case it comes back."""
    kept = [(name, value) for name, value in fields if name not in {"Cache-Control", "ETag"}]
    return [*kept, ("Cache-Control", headers.TOMBSTONE)]


def _type(recorded: str) -> str:
    return headers.safe_media_type(recorded).partition(";")[0]


def _headers(row: RecordRow, path: str, base_url: str, caching: str) -> HeaderList:
    return [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(row.data))),
        ("ETag", f'"{row.sha256}"'),
        ("Repr-Digest", headers.digest_field(row.sha256)),
        ("Content-Location", f"{path}?format=json"),
        ("Vary", "Accept"),
        ("Cache-Control", caching),
        ("Link", links(row, path, base_url)),
        *headers.PUBLIC,
        *headers.SECURITY,
    ]


def _answer(row: RecordRow, fields: HeaderList, if_none_match: str | None) -> Answer:
    if row.is_withdrawn:
        return Answer(HTTPStatus.GONE, tombstone_fields(fields), row.data)
    if if_none_match is not None and parse_etags(if_none_match).contains_weak(row.sha256):
        return Answer(304, headers.not_modified(fields), b"")
    return Answer(200, fields, row.data)
