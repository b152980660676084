# SPDX-License-Identifier: Apache-2.0
"""Finds parts by their digests, and captures that may be of the same document.

Records that are hidden from the viewer are left out everywhere; None sees all.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.evidence import PartMatch
from archive.catalog.restrictions import Viewer, is_open, is_visible
from archive.catalog.tables import capture, cdx, part

_COLUMNS = (capture.c.id, part.c.role, part.c.sha256, capture.c.captured_at)


def parts_among(
    connection: Connection, digests: Sequence[str], viewer: Viewer | None
) -> list[PartMatch]:
    """For each of these SHA-256 the first part that has it, in the order of the digests."""
    found: dict[str, PartMatch] = {}
    for match in _matches(connection, part.c.sha256.in_(digests), viewer, None):
        found.setdefault(match.sha256, match)
    return [found[sha256] for sha256 in digests if sha256 in found]


def parts_with_prefix(
    connection: Connection, prefix: str, limit: int, viewer: Viewer | None
) -> list[PartMatch]:
    """Parts whose SHA-256 begins with these hex digits, by digest."""
    wanted = _selection(sa.and_(part.c.sha256 >= prefix, part.c.sha256 < prefix + "g"), viewer)
    ordered = wanted.order_by(part.c.sha256, part.c.capture_number, part.c.role).limit(limit)
    return [PartMatch(*row) for row in connection.execute(ordered)]


def parts_with_sha1(
    connection: Connection, sha1: str, limit: int, viewer: Viewer | None
) -> list[PartMatch]:
    """Bodies with this SHA-1, as received or decoded, the oldest capture first."""
    of_index = sa.select(cdx.c.capture_number).where(
        cdx.c.sha1 == sha1, cdx.c.capture_number.is_not(None)
    )
    is_payload = sa.and_(
        part.c.capture_number.in_(of_index),
        part.c.sha1 == sha1,
        part.c.role.in_(("body", "body-raw")),
    )
    is_body = sa.and_(part.c.sha1 == sha1, part.c.role == "body")
    found = [
        match
        for condition in (is_payload, is_body)
        for match in _matches(connection, condition, viewer, limit)
    ]
    return list(dict.fromkeys(found))[:limit]


def like_documents(
    connection: Connection,
    named: tuple[Sequence[str], str | None],
    limit: int,
    viewer: Viewer | None,
) -> list[PartMatch]:
    """Bodies of the newest captures of these URLs or, failing that, with this title.

    Only of records that are open to the viewer, since these bytes are going to be compared.
    """
    urls, title = named
    conditions: list[Any] = [capture.c.url.in_(urls)] if urls else []
    if title:
        conditions.append(capture.c.title == title)
    for condition in conditions:
        wanted = _selection(sa.and_(part.c.role == "body", condition), viewer)
        if viewer is not None:
            wanted = wanted.where(is_open(capture.c.id, viewer))
        ordered = wanted.order_by(capture.c.number.desc()).limit(limit)
        if found := [PartMatch(*row) for row in connection.execute(ordered)]:
            return found
    return []


def _matches(
    connection: Connection,
    condition: sa.ColumnElement[bool],
    viewer: Viewer | None,
    limit: int | None,
) -> list[PartMatch]:
    wanted = _selection(condition, viewer).order_by(part.c.capture_number, part.c.role)
    return [PartMatch(*row) for row in connection.execute(wanted.limit(limit))]


def _selection(condition: sa.ColumnElement[bool], viewer: Viewer | None) -> sa.Select[Any]:
    wanted = (
        sa.select(*_COLUMNS)
        .join(capture, capture.c.number == part.c.capture_number)
        .where(condition)
    )
    return wanted if viewer is None else wanted.where(is_visible(capture.c.id, viewer))
