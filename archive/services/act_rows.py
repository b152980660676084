# SPDX-License-Identifier: Apache-2.0
"""The rows that an act gives: one for each record whose doors tell of it, and its custody event."""

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from archive import canonical
from archive.catalog.acts import ActRow, acts_by, add_acts
from archive.catalog.custody import EventRow, add_event, event_of
from archive.model.act import Act


def act_concerns(act: Act) -> Sequence[str]:
    """The record IDs by which its statement is looked up."""
    return [str(record) for record in act.records]


def add_act(kind: str, connection: Connection, act: Act, statement_sha256: str) -> None:
    """Insert the rows of an act."""
    add_acts(connection, _rows(kind, act, statement_sha256))
    add_event(connection, _event(act, statement_sha256))


def act_differing(kind: str, connection: Connection, act: Act, statement_sha256: str) -> list[str]:
    """Which of its rows are not what the act gives."""
    differing = []
    if acts_by(connection, statement_sha256) != _rows(kind, act, statement_sha256):
        differing.append("its rows of the acts")
    if event_of(connection, statement_sha256) != _event(act, statement_sha256):
        differing.append("its row of the custody events")
    return differing


def _rows(kind: str, act: Act, statement_sha256: str) -> list[ActRow]:
    content = canonical.dumps(act.to_json())
    marked = sorted({str(record) for record in act.marked})
    return [ActRow(record_id, statement_sha256, kind, content) for record_id in marked]


def _event(act: Act, statement_sha256: str) -> EventRow:
    return EventRow(statement_sha256, act.event, act.at, act.actor, act.words)
