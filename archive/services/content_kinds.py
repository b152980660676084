# SPDX-License-Identifier: Apache-2.0
"""The kinds of statement over a content file: how each is read, and which rows it gives.

Rows must not depend on the order in which statements are taken in: a rebuild reads them by
digest. To add a kind: a name in `model.statement.CONTENT_TYPES`, its content in `model/`, and
an entry here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from archive.canonical import JsonValue
from archive.model.custody import CustodyEvent
from archive.model.probe import ProbeResult


def _no_rows(_connection: Connection, _content: Any, _statement_sha256: str) -> None:
    """A kind whose statement row says all that the catalogue needs."""


@dataclass(frozen=True, slots=True)
class ContentKind:
    """One kind. `read` is strict and raises MalformedStatement.

    `concerns` names the record IDs and digests by which its statements are looked up; `add_rows`
    puts its own rows into the evidence tables, by content and statement digest.
    """

    read: Callable[[JsonValue], Any]
    concerns: Callable[[Any], Sequence[str]]
    add_rows: Callable[[Connection, Any, str], None] = _no_rows


def _custody_concerns(event: CustodyEvent) -> Sequence[str]:
    return [str(record) for record in event.records]


def _no_concerns(_content: Any) -> Sequence[str]:
    return []


KINDS = {
    "custody": ContentKind(CustodyEvent.from_json, _custody_concerns),
    "probe": ContentKind(ProbeResult.from_json, _no_concerns),
}
