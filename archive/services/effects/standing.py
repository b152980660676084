# SPDX-License-Identifier: Apache-2.0
"""How a record stands: withdrawn, superseded, corrected, redacted, or untouched.

Every door asks here, so that none can forget: what is told of a record is told with its acts.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy.engine import Connection

from archive import canonical
from archive.canonical import JsonValue
from archive.catalog.acts import ActRow, acts_among, acts_of
from archive.errors import RecordWithdrawn
from archive.ids import RecordId, parse_id
from archive.model.act import Act
from archive.model.redaction import Redaction
from archive.model.supersession import Supersession
from archive.model.withdrawal import WITHDRAWN, Withdrawal
from archive.services.context import Archive
from archive.services.statements.content_kinds import KINDS

# Whoever makes longer chains of newer records has lost the way already.
_CHAIN_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Said:
    """An act and the statement that says it."""

    kind: str
    act: Act
    statement_sha256: str

    def to_json(self) -> dict[str, JsonValue]:
        """The content of the statement, and its digest."""
        members = cast("dict[str, JsonValue]", self.act.to_json())
        told = {name: value for name, value in members.items() if name not in {"v", "record"}}
        return {**told, "statement_sha256": self.statement_sha256}


@dataclass(frozen=True, slots=True)
class Standing:
    """The acts that count for one record.

    `withdrawal` and `supersession` are the latest of their kind, also when they take back the one
    before. `latest` is the end of the chain of newer records, None where there is none;
    `predecessors` are the records that this one supersedes.
    """

    record_id: str
    withdrawal: Said | None = None
    supersession: Said | None = None
    latest: RecordId | None = None
    predecessors: tuple[RecordId, ...] = ()
    corrections: tuple[Said, ...] = ()
    redactions: tuple[Said, ...] = ()

    @property
    def withdrawn(self) -> Withdrawal | None:
        """The withdrawal that is in force, or None."""
        said = self.withdrawal.act if self.withdrawal else None
        return said if isinstance(said, Withdrawal) and said.state == WITHDRAWN else None

    @property
    def superseded(self) -> Supersession | None:
        """The supersession that is in force, or None."""
        said = self.supersession.act if self.supersession else None
        return said if isinstance(said, Supersession) and said.newer is not None else None

    def members(self) -> dict[str, JsonValue]:
        """What is told beside the record's own members; nothing of one that is untouched."""
        told: dict[str, JsonValue] = {}
        if self.withdrawn is not None and self.withdrawal is not None:
            told["state"] = WITHDRAWN
            told["withdrawal"] = {"status": WITHDRAWN, **self.withdrawal.to_json()}
        if self.superseded is not None and self.supersession is not None:
            latest = str(self.latest) if self.latest else None
            told["superseded_by"] = {**self.supersession.to_json(), "latest": latest}
        if self.predecessors:
            told["supersedes"] = [str(record) for record in self.predecessors]
        if self.corrections:
            told["corrections"] = [said.to_json() for said in self.corrections]
        if self.redactions:
            told["redactions"] = [self._redaction_json(said) for said in self.redactions]
        return told

    def told(self, record: JsonValue) -> JsonValue:
        """The record with what was done with it; parts that were removed say so.

        The title is drawn out of the body, and is told no more than that is.
        """
        told = {**record, **self.members()}
        if "title" in record and self.removed_roles & {"body", "text"}:
            told["title"] = None
        if self.redactions and "parts" in record:
            gone = self.removed_roles
            told["parts"] = [
                {**part, "redacted": True} if part["role"] in gone else part
                for part in record["parts"]
            ]
        return told

    @property
    def removed_roles(self) -> frozenset[str]:
        """The parts of this record that were removed."""
        return frozenset(role for said in self.redactions for role in self._roles(said))

    def _roles(self, said: Said) -> list[str]:
        act = said.act
        return act.roles_of(parse_id(self.record_id)) if isinstance(act, Redaction) else []

    def _redaction_json(self, said: Said) -> JsonValue:
        told = said.to_json()
        names = ("reason_code", "reason", "at", "actor", "statement_sha256")
        return {"parts": self._roles(said), **{name: told[name] for name in names}}


def standing_of(archive: Archive, record_id: str) -> Standing:
    """How a record stands; one that is not there is untouched."""
    with archive.database.reading() as connection:
        return read_standing(connection, record_id)


def read_standing(connection: Connection, record_id: str) -> Standing:
    """As `standing_of`, within a transaction."""
    acts = _read(acts_of(connection, record_id))
    if not acts:
        return Standing(record_id)
    own = [said for said in acts if str(said.act.records[0]) == record_id]
    supersession = _latest(own, "supersession")
    return Standing(
        record_id=record_id,
        withdrawal=_latest(own, "withdrawal"),
        supersession=supersession,
        latest=_end_of_chain(connection, record_id, supersession),
        predecessors=_predecessors(connection, record_id, acts),
        corrections=_in_order(own, "correction"),
        redactions=tuple(
            sorted(
                (said for said in acts if said.kind == "redaction"), key=lambda said: said.act.at
            )
        ),
    )


def latest_act(connection: Connection, record_id: str, kind: str) -> Said | None:
    """The act of this kind about a record that counts, or None."""
    own = [said for said in _read(acts_of(connection, record_id)) if said.kind == kind]
    return _latest([said for said in own if str(said.act.records[0]) == record_id], kind)


def withdrawn_among(archive: Archive, record_ids: Iterable[str]) -> frozenset[str]:
    """Those of these records that are withdrawn."""
    with archive.database.reading() as connection:
        acts = acts_among(connection, sorted(set(record_ids)))
        named = {row.record_id for row in acts if row.kind == "withdrawal"}
        return frozenset(
            record_id for record_id in named if read_standing(connection, record_id).withdrawn
        )


def removed_among(archive: Archive, record_ids: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Record and role of each part of these records that a redaction removed."""
    with archive.database.reading() as connection:
        acts = acts_among(connection, sorted(set(record_ids)))
        named = {row.record_id for row in acts if row.kind == "redaction"}
        return frozenset(
            (record_id, role)
            for record_id in named
            for role in read_standing(connection, record_id).removed_roles
        )


def refuse_withdrawn(standing: Standing) -> None:
    """Raise RecordWithdrawn when the record is withdrawn."""
    said = standing.withdrawn
    if said is None:
        return
    instead = f"; {said.replacement} stands in its place" if said.replacement else ""
    raise RecordWithdrawn(
        f"{standing.record_id} was withdrawn on {said.at[:10]}: {said.reason}{instead}"
    )


def told_bytes(data: bytes, standing: Standing) -> bytes:
    """The record as it is served, with what was done with it: as the catalogue writes records."""
    if not standing.members():
        return data
    record = standing.told(json.loads(data))
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def newer_of(connection: Connection, record_id: str) -> RecordId | None:
    """The record that supersedes this one now, or None."""
    said = latest_act(connection, record_id, "supersession")
    return said.act.newer if said and isinstance(said.act, Supersession) else None


def _read(rows: Sequence[ActRow]) -> list[Said]:
    return [
        Said(
            row.kind,
            KINDS[row.kind].read(canonical.loads(row.content, canonical.CONTENT_LIMIT)),
            row.statement_sha256,
        )
        for row in rows
    ]


def _in_order(acts: Iterable[Said], kind: str) -> tuple[Said, ...]:
    of_kind = (said for said in acts if said.kind == kind)
    return tuple(sorted(of_kind, key=lambda said: (said.act.rank, said.statement_sha256)))


def _latest(acts: Iterable[Said], kind: str) -> Said | None:
    found = _in_order(acts, kind)
    return found[-1] if found else None


def _end_of_chain(
    connection: Connection, record_id: str, supersession: Said | None
) -> RecordId | None:
    """The newest record that a chain leads to; None where it runs in a circle."""
    said = supersession.act if supersession else None
    newer = said.newer if isinstance(said, Supersession) else None
    passed = {record_id}
    end = None
    while newer is not None:
        if str(newer) in passed or len(passed) > _CHAIN_LIMIT:
            return None
        passed.add(str(newer))
        end = newer
        newer = newer_of(connection, str(newer))
    return end


def _predecessors(
    connection: Connection, record_id: str, acts: Sequence[Said]
) -> tuple[RecordId, ...]:
    named = {
        said.act.record
        for said in acts
        if isinstance(said.act, Supersession) and str(said.act.newer) == record_id
    }
    return tuple(
        older
        for older in sorted(named, key=str)
        if newer_of(connection, str(older)) == parse_id(record_id)
    )
