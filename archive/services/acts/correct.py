# SPDX-License-Identifier: Apache-2.0
"""Corrects what was said of a record, by a signed statement beside what was signed."""

import json
from dataclasses import dataclass

from archive.canonical import JsonValue
from archive.clock import rfc3339
from archive.errors import InputError, NotFound
from archive.ids import RecordId
from archive.model.correction import TEXT_LIMIT, VALUE_LIMIT, Correction
from archive.services.acts.declare import check_reason, declare, next_number, required_standing
from archive.services.context import Archive
from archive.services.effects.standing import Standing
from archive.services.reading.cite import read_record


@dataclass(frozen=True, slots=True)
class CorrectionWanted:
    """What is wrong and what is right, in words; for one member of the record its name, too.

    `old` is what the record says there; left out, it is taken from the record.
    """

    text: str
    field: str | None = None
    old: str | None = None
    new: str | None = None


def correct(
    archive: Archive, record_id: RecordId, wanted: CorrectionWanted, actor: str
) -> Standing:
    """The record with one more correction; the same one is not signed twice.

    Raises NotFound, InputError, SigningError, StorageError.
    """
    check_reason(wanted.text, "text", TEXT_LIMIT)
    before = required_standing(archive, record_id)
    old = _old_value(archive, record_id, wanted)
    asked = (wanted.text, wanted.field, old, wanted.new)
    for said in before.corrections:
        told = said.act
        if isinstance(told, Correction) and asked == (told.text, told.field, told.old, told.new):
            return before
    previous = before.corrections[-1] if before.corrections else None
    declare(
        archive,
        "correction",
        Correction(
            record=record_id,
            number=next_number(previous),
            text=wanted.text,
            field=wanted.field,
            old=old,
            new=wanted.new,
            at=rfc3339(archive.clock.now()),
            actor=actor,
        ),
        previous,
    )
    return required_standing(archive, record_id)


def corrections_json(standing: Standing) -> JsonValue:
    """The corrections of a record, the oldest first."""
    return {
        "id": standing.record_id,
        "corrections": [said.to_json() for said in standing.corrections],
    }


def _old_value(archive: Archive, record_id: RecordId, wanted: CorrectionWanted) -> str | None:
    if wanted.field is None:
        if (wanted.old, wanted.new) != (None, None):
            raise InputError("field: say which member old and new are of")
        return None
    if wanted.new is None or len(wanted.new) > VALUE_LIMIT:
        raise InputError(f"new: say what is right, in at most {VALUE_LIMIT} characters")
    said = _value(archive, record_id, wanted.field)
    if wanted.old is not None and wanted.old != said:
        raise InputError(f"old: the record says {said!r}")
    return said


def _value(archive: Archive, record_id: RecordId, field: str) -> str | None:
    found = archive.hot.record(str(record_id))
    if found is None:
        raise NotFound(f"there is no record {record_id}")
    record = json.loads(found[0])
    value = record.get(field)
    if field not in record or isinstance(value, dict | list):
        plain = sorted(name for name in record if not isinstance(record[name], dict | list))
        raise InputError(f"field: give one of {', '.join(plain)}, or none")
    if field == "title":
        value = read_record(archive, record_id)["title"]  # it may have been removed
    # Longer than what is signed here can only be a URL, whose beginning names it well enough.
    return None if value is None else str(value)[:VALUE_LIMIT]
