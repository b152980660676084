# SPDX-License-Identifier: Apache-2.0
"""Restricts a record, until a date or for good, and lifts a restriction: each a signed statement.

Whoever reads the store alone sees who was kept out of what, since when, and why. What is open to
a key in spite of it (a grant) is operational and not signed.
"""

import datetime as dt
from dataclasses import dataclass

from archive.catalog import evidence
from archive.clock import rfc3339
from archive.errors import InputError
from archive.ids import RecordId
from archive.model.restriction import (
    LIFTED,
    METADATA_POLICIES,
    REASON_LIMIT,
    RESTRICTED,
    Restriction,
)
from archive.services.context import Archive, signing_key
from archive.services.custody import note_key_use
from archive.services.effects.restriction import RestrictionState, restriction_state
from archive.services.statements.assertion import Assertion, state
from archive.services.trust import trusted_keyset

OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a record is to be restricted. `until` is None for good."""

    until: dt.datetime | None
    metadata: str
    reason: str


def restrict(archive: Archive, record_id: RecordId, wanted: Wanted, actor: str) -> RestrictionState:
    """The record restricted as wanted; nothing is signed when it is so already.

    Raises NotFound, InputError, SigningError, StorageError.
    """
    _check(archive, wanted)
    before = restriction_state(archive, record_id)
    until = None if wanted.until is None else rfc3339(wanted.until)
    asked = (until, wanted.metadata, wanted.reason)
    row = before.row
    if before.is_restricted and row and asked == (row.until, row.metadata_policy, row.reason):
        return before
    return _say(
        archive,
        before,
        Restriction(
            record=record_id,
            number=row.number + 1 if row else 1,
            state=RESTRICTED,
            until=until,
            metadata=wanted.metadata,
            reason=wanted.reason,
            at=rfc3339(archive.clock.now()),
            actor=actor,
        ),
    )


def unrestrict(archive: Archive, record_id: RecordId, reason: str, actor: str) -> RestrictionState:
    """The record open to everybody; nothing is signed when it was never restricted, or lifted.

    Raises NotFound, InputError, SigningError, StorageError.
    """
    _check_reason(reason)
    before = restriction_state(archive, record_id)
    row = before.row
    if row is None or not row.is_restricted:
        return before
    return _say(
        archive,
        before,
        Restriction(
            record=record_id,
            number=row.number + 1,
            state=LIFTED,
            until=None,
            metadata=None,
            reason=reason,
            at=rfc3339(archive.clock.now()),
            actor=actor,
        ),
    )


def _say(archive: Archive, before: RestrictionState, said: Restriction) -> RestrictionState:
    with archive.database.reading() as connection:
        row = evidence.capture_by_id(connection, str(said.record))
    about = () if row is None else (row.statement_sha256,)
    previous = before.row.statement_sha256 if before.row else None
    key = signing_key(archive, trusted_keyset(archive))
    note_key_use(archive, key)
    state(archive, key, [Assertion("restriction", said.to_json(), about, previous)])
    return restriction_state(archive, said.record)


def _check(archive: Archive, wanted: Wanted) -> None:
    _check_reason(wanted.reason)
    if wanted.metadata not in METADATA_POLICIES:
        raise InputError(f"metadata: say one of {', '.join(METADATA_POLICIES)}")
    if wanted.until is not None and wanted.until <= archive.clock.now():
        raise InputError("until: that time has passed; give one to come, or none for good")


def _check_reason(reason: str) -> None:
    if not (reason.strip() and reason.isprintable() and len(reason) <= REASON_LIMIT):
        raise InputError(f"reason: give one line of at most {REASON_LIMIT} characters")
