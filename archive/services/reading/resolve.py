# SPDX-License-Identifier: Apache-2.0
"""Resolves what people bring for a record ID: the right record, or an honest "no such record".

The grammar is tested before any look-up. Wrong check digits never resolve; they give candidates
that exist. An ID without check digits resolves as *unchecked*, for the reader to confirm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from archive.canonical import JsonValue
from archive.catalog import evidence
from archive.errors import MalformedId, NotFound
from archive.id_mentions import find_ids
from archive.id_reading import IdReading, ReadingStatus, read_id
from archive.ids import Kind, RecordId
from archive.services.context import Archive
from archive.services.effects.restriction import restriction_state
from archive.services.effects.standing import standing_of


@dataclass(frozen=True, slots=True)
class Resolution:
    """What an input resolves to.

    `status` is one of `ok`, `unchecked`, `restricted`, `withdrawn`, `bad_check`, `not_found`,
    `malformed`; `id` is there for the first four only, `candidates` lists existing records that
    may have been meant. An ID without check digits is `unchecked`, whatever became of the record.
    """

    input: str
    status: str
    id: RecordId | None
    candidates: tuple[RecordId, ...]
    detail: str

    def to_json(self) -> JsonValue:
        """The row that `muniment resolve --json` prints."""
        return {
            "input": self.input,
            "status": self.status,
            "id": str(self.id) if self.id else None,
            "url": f"/{self.id}" if self.id else None,
            "candidates": [str(candidate) for candidate in self.candidates],
            "detail": self.detail,
        }


def resolve(archive: Archive, text: str) -> Resolution:
    """What the text, as one ID, resolves to. Never raises for bad input."""
    try:
        reading = read_id(text, prefix=archive.identity.prefix)
    except MalformedId as error:
        return Resolution(text, "malformed", None, (), str(error))
    return _resolved(archive, text, reading)


def resolve_mentions(archive: Archive, text: str) -> list[Resolution]:
    """What each ID that stands in a running text resolves to, in order."""
    mentions = find_ids(text, prefix=archive.identity.prefix)
    return [
        _resolved(archive, text[mention.start : mention.end], mention.reading)
        for mention in mentions
    ]


def _resolved(archive: Archive, text: str, reading: IdReading) -> Resolution:
    wanted = [*reading.candidates, *([reading.id] if reading.id else [])]
    existing = _existing(archive, wanted)
    candidates = tuple(item for item in reading.candidates if str(item) in existing)
    if reading.id is None:
        detail = f"the check digits of {reading.written} do not fit: a digit or letter is wrong"
        return Resolution(text, "bad_check", None, candidates, detail)
    if str(reading.id) not in existing:
        return Resolution(text, "not_found", None, candidates, f"there is no record {reading.id}")
    if reading.status is ReadingStatus.UNCHECKED:
        detail = "written without check digits: confirm that this is the record that was meant"
        return Resolution(text, "unchecked", reading.id, candidates, detail)
    if restriction_state(archive, reading.id).is_restricted:
        # Of a hidden record it is not told that it was withdrawn.
        detail = "the record is restricted: its content is for those who were granted it"
        return Resolution(text, "restricted", reading.id, candidates, detail)
    withdrawn = standing_of(archive, str(reading.id)).withdrawn
    if withdrawn is not None:
        instead = f"; {withdrawn.replacement} stands in its place" if withdrawn.replacement else ""
        detail = f"the record was withdrawn on {withdrawn.at[:10]}{instead}"
        return Resolution(text, "withdrawn", reading.id, candidates, detail)
    return Resolution(text, "ok", reading.id, candidates, "")


def _existing(archive: Archive, ids: Sequence[RecordId]) -> set[str]:
    captures = [str(item) for item in ids if item.kind is Kind.CAPTURE]
    if not captures:
        return set()
    with archive.database.reading() as connection:
        return set(evidence.existing_ids(connection, captures))


def resolve_cited(archive: Archive, text: str) -> Resolution:
    """As `resolve`, and also takes the one ID within a citation, a permalink or `ID/v1`."""
    whole = resolve(archive, text)
    if whole.status != "malformed":
        return whole
    mentions = resolve_mentions(archive, text)
    return mentions[0] if len(mentions) == 1 else whole


def required_id(archive: Archive, text: str) -> RecordId:
    """The one record that the text means, or cites.

    Raises MalformedId (no ID, or wrong check digits) and NotFound, each with candidates.
    """
    found = resolve_cited(archive, text)
    if found.id is not None:
        return found.id
    meant = "".join(f"; did you mean {candidate}?" for candidate in found.candidates)
    error = NotFound if found.status == "not_found" else MalformedId
    raise error(f"{found.detail}{meant}")
