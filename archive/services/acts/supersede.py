# SPDX-License-Identifier: Apache-2.0
"""Says that a newer record is to be read in place of one, and takes that back: signed statements.

The newer records of records never run in a circle: whoever would close one is refused.
"""

from archive.canonical import JsonValue
from archive.clock import rfc3339
from archive.errors import InputError, NotFound
from archive.ids import RecordId
from archive.model.supersession import Supersession
from archive.services.acts.declare import (
    check_reason,
    declare,
    next_number,
    require_record,
    required_standing,
)
from archive.services.context import Archive
from archive.services.effects.standing import Standing, newer_of


def supersede(
    archive: Archive, record_id: RecordId, newer: RecordId | None, reason: str, actor: str
) -> Standing:
    """The record superseded by the newer one, or by None no more.

    Nothing is signed when it is so already. Raises NotFound, InputError (also for a circle),
    SigningError, StorageError.
    """
    check_reason(reason)
    before = required_standing(archive, record_id)
    said = before.superseded
    if (said.newer if said else None) == newer and (said is None or said.reason == reason):
        return before
    if newer is not None:
        _check(archive, record_id, newer)
    previous = before.supersession
    declare(
        archive,
        "supersession",
        Supersession(
            record=record_id,
            number=next_number(previous),
            newer=newer,
            reason=reason,
            at=rfc3339(archive.clock.now()),
            actor=actor,
        ),
        previous,
    )
    return required_standing(archive, record_id)


def supersession_json(standing: Standing) -> JsonValue:
    """What supersedes a record, as the command line and the API tell it."""
    said = standing.supersession
    told = said.to_json() if said else {}
    members: dict[str, JsonValue] = {
        "id": standing.record_id,
        "is_superseded": standing.superseded is not None,
        "latest": str(standing.latest) if standing.latest else None,
        "supersedes": [str(record) for record in standing.predecessors],
    }
    names = ("number", "newer", "reason", "at", "actor", "statement_sha256")
    members.update({name: told.get(name) for name in names})
    return members


def _check(archive: Archive, record_id: RecordId, newer: RecordId) -> None:
    try:
        require_record(archive, newer)
    except NotFound as error:
        raise InputError(f"newer: {error}") from error
    passed: set[RecordId] = set()
    step: RecordId | None = newer
    while step is not None and step not in passed:
        if step == record_id:
            raise InputError(f"newer: {newer} is itself superseded by {record_id}: a circle")
        passed.add(step)
        with archive.database.reading() as connection:
            step = newer_of(connection, str(step))
