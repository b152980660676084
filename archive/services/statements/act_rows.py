# SPDX-License-Identifier: Apache-2.0
"""The rows that an act gives: one for each record whose doors tell of it, and its custody event."""

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from archive import canonical
from archive.catalog.acts import ActRow, acts_by, add_acts
from archive.catalog.custody import EventRow, add_event, event_of
from archive.catalog.evidence import add_containers, container_size
from archive.catalog.replacements import ReplacementRow, add_replacements, replacements_by
from archive.model.act import Act
from archive.model.redaction import Redaction


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


def add_redaction(connection: Connection, said: Redaction, statement_sha256: str) -> None:
    """Insert the rows of a redaction: those of an act, and what became of each file."""
    add_act("redaction", connection, said, statement_sha256)
    new = [item.new for item in said.replaced if item.new is not None]
    add_containers(connection, [{"sha256": item.sha256, "size": item.size} for item in new])
    add_replacements(connection, _replacements(said, statement_sha256))


def redaction_differing(
    connection: Connection, said: Redaction, statement_sha256: str
) -> list[str]:
    """Which of its rows are not what the redaction gives."""
    differing = act_differing("redaction", connection, said, statement_sha256)
    if replacements_by(connection, statement_sha256) != _replacements(said, statement_sha256):
        differing.append("its rows of erased files")
    for item in said.replaced:
        if item.new is not None and container_size(connection, item.new.sha256) != item.new.size:
            differing.append(f"the container {item.new.sha256[:12]}")
    return differing


def _replacements(said: Redaction, statement_sha256: str) -> list[ReplacementRow]:
    return [
        ReplacementRow(item.old.sha256, statement_sha256, item.new.sha256 if item.new else None)
        for item in said.replaced
    ]


def _rows(kind: str, act: Act, statement_sha256: str) -> list[ActRow]:
    content = canonical.dumps(act.to_json())
    marked = sorted({str(record) for record in act.marked})
    return [ActRow(record_id, statement_sha256, kind, content) for record_id in marked]


def _event(act: Act, statement_sha256: str) -> EventRow:
    return EventRow(statement_sha256, act.event, act.at, act.actor, act.words)
