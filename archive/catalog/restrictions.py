# SPDX-License-Identifier: Apache-2.0
"""The latest restriction of each record, and the rule by which a search leaves records out.

Which statement is the latest follows from the statements alone: the highest number, and of two
with one number the stricter. So the rows do not depend on the order in which they are read.
"""

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from archive.catalog.absent import insert_if_absent
from archive.catalog.access import EVERY_RECORD
from archive.catalog.tables import ops_grant, restriction

HIDDEN = "hidden"
_NEVER = "9999-12-31T23:59:59.999999Z"


@dataclass(frozen=True, slots=True)
class RestrictionRow:
    """The state of one record. `until` and `metadata_policy` are None once it is lifted."""

    record_id: str
    number: int
    is_restricted: int
    until: str | None
    metadata_policy: str | None
    reason: str
    at: str
    statement_sha256: str

    @property
    def rank(self) -> tuple[object, ...]:
        """What orders the statements about one record; the highest counts."""
        return (
            self.number,
            self.is_restricted,
            self.metadata_policy == HIDDEN,
            self.until or _NEVER,
            self.statement_sha256,
        )


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who searches, and when: hidden records that this key was not granted are left out.

    `key_id` is None for a reader without a key, or whose key may not read.
    """

    key_id: str | None
    now: str


def put_restriction(connection: Connection, row: RestrictionRow) -> None:
    """Make this the record's state, unless a later statement gave it another."""
    is_put = False
    while not is_put:
        known = restriction_of(connection, row.record_id)
        if known is not None:
            if known.rank >= row.rank:
                return
            same = restriction.c.statement_sha256 == known.statement_sha256
            connection.execute(sa.delete(restriction).where(same))
        # False when another curator's came in between: then the two are compared.
        is_put = insert_if_absent(connection, restriction, asdict(row))


def restriction_of(connection: Connection, record_id: str) -> RestrictionRow | None:
    """The record's latest restriction, lifted or not, or None."""
    wanted = sa.select(restriction).where(restriction.c.record_id == record_id)
    row = connection.execute(wanted).mappings().first()
    return None if row is None else RestrictionRow(**row)


def is_visible(record_id: sa.ColumnElement[str], viewer: Viewer) -> sa.ColumnElement[bool]:
    """The condition that a record is not hidden from this viewer."""
    return _is_not(record_id, viewer, restriction.c.metadata_policy == HIDDEN)


def is_open(record_id: sa.ColumnElement[str], viewer: Viewer) -> sa.ColumnElement[bool]:
    """The condition that the content of a record is not closed to this viewer."""
    return _is_not(record_id, viewer, sa.true())


def _is_not(
    record_id: sa.ColumnElement[str], viewer: Viewer, closed: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    hides: list[Any] = [
        restriction.c.record_id == record_id,
        restriction.c.is_restricted == 1,
        closed,
        sa.or_(restriction.c.until.is_(None), restriction.c.until > viewer.now),
    ]
    if viewer.key_id is not None:
        granted = sa.exists().where(
            ops_grant.c.key_id == viewer.key_id,
            ops_grant.c.record_id.in_((record_id, EVERY_RECORD)),
        )
        hides.append(~granted)
    return ~sa.exists().where(*hides)
