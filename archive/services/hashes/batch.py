# SPDX-License-Identifier: Apache-2.0
"""Answers many questions in one call: each a record ID or a digest in any spelling.

Each item has one answer, in order; one that is malformed, or whose record cannot be read now,
costs the others nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from archive.canonical import JsonValue
from archive.digests import DigestReading, Sha1Reading, read_digest
from archive.errors import MalformedDigest, MunimentError
from archive.model.claim import Report, Result
from archive.services.access.keys import Reader
from archive.services.access.permission import Sight, permission, viewer
from archive.services.context import Archive
from archive.services.hashes.desk import BytesAnswer, verify_digest
from archive.services.reading.resolve import Resolution, resolve, resolve_cited
from archive.services.verifying.judge import required_claims
from archive.services.verifying.verify import verify_record

ITEMS_LIMIT = 1000
ITEM_CHARACTERS = 512
_SHOWN = 256


@dataclass
class Batch:
    """The answers to one call; a record that is asked for again is not verified again.

    `reader` is who asks; None is the operator, who sees all.
    """

    archive: Archive
    policy: str
    reader: Reader | None
    _reports: dict[str, Report] = field(default_factory=dict)
    _answers: dict[str, BytesAnswer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise InputError for an unknown policy."""
        required_claims(self.policy)

    def answer(self, item: JsonValue) -> dict[str, JsonValue]:
        """The answer to one item. Raises nothing that belongs to the item."""
        if not isinstance(item, str) or not item.strip():
            return _malformed(item, "MALFORMED", "give a record ID or a digest as text")
        if len(item) > ITEM_CHARACTERS:
            return _malformed(item, "MALFORMED", f"over {ITEM_CHARACTERS} characters")
        try:
            return self._answered(item)
        except MalformedDigest as error:
            detail = f"no record ID, and as a digest it cannot be read: {error}"
            return _malformed(item, error.code, detail)
        except MunimentError as error:
            # What could not be read now proves nothing of the item.
            return _told(item, status="unread", code=error.code, note="ask for it again")

    def _answered(self, item: str) -> dict[str, JsonValue]:
        found = resolve(self.archive, item)
        if found.status != "malformed":
            return self._of_record(item, found)
        try:
            # First, since a line of `sha256sum` may name a file by a record ID.
            reading = read_digest(item)
        except MalformedDigest:
            found = resolve_cited(self.archive, item)
            if found.status == "malformed":
                raise
            return self._of_record(item, found)
        if item not in self._answers:
            who = None if self.reader is None else viewer(self.archive, self.reader)
            self._answers[item] = verify_digest(self.archive, reading, self.policy, who)
        return _of_bytes(item, reading, self._answers[item])

    def _of_record(self, item: str, found: Resolution) -> dict[str, JsonValue]:
        told: dict[str, JsonValue] = {
            "kind": "id",
            "status": "found" if found.status == "ok" else found.status,
            "id": str(found.id) if found.id else None,
            "candidates": [str(candidate) for candidate in found.candidates],
            "note": found.detail,
        }
        if found.id is None or self._is_hidden(str(found.id)):
            is_malformed = found.status == "bad_check"
            result = Result.MALFORMED if is_malformed else Result.INCOMPLETE
            return _told(item, result=result, **told)
        name = str(found.id)
        if name not in self._reports:
            self._reports[name] = verify_record(self.archive, found.id, self.policy)
        return _told(item, result=self._reports[name].result, **told)

    def _is_hidden(self, record_id: str) -> bool:
        row = self.archive.hot.record(record_id)
        if self.reader is None or row is None:
            return False
        return permission(self.archive, self.reader, record_id, row[2], row[3]).sight is (
            Sight.NOTHING
        )


def exit_code(results: Mapping[str, int]) -> int:
    """The exit code of a whole batch: the worst of failed, malformed, incomplete, verified."""
    for result in (Result.FAILED, Result.MALFORMED, Result.INCOMPLETE):
        if results.get(result.value):
            return result.exit_code
    return Result.VERIFIED.exit_code if results else Result.INCOMPLETE.exit_code


def _of_bytes(
    item: str, reading: DigestReading | Sha1Reading, answer: BytesAnswer
) -> dict[str, JsonValue]:
    is_search = isinstance(reading, Sha1Reading) or reading.is_prefix
    kind = "sha1" if isinstance(reading, Sha1Reading) else "prefix" if is_search else "sha256"
    is_there = bool(answer.matches or answer.imported or answer.report)
    found = "candidates" if is_search else "found"
    return _told(
        item,
        kind=kind,
        status=found if is_there else "not_found",
        id=answer.matches[0].capture_id if answer.matches and not is_search else None,
        matches=answer.matches_json(),
        result=answer.report.result if answer.report else Result.INCOMPLETE,
        note=answer.note,
    )


def _malformed(item: JsonValue, code: str, note: str) -> dict[str, JsonValue]:
    return _told(item, status="malformed", result=Result.MALFORMED, code=code, note=note)


def _told(
    item: JsonValue, *, result: Result = Result.INCOMPLETE, **members: JsonValue
) -> dict[str, JsonValue]:
    return {
        "input": item[:_SHOWN] if isinstance(item, str) else None,
        "kind": None,
        "status": None,
        "id": None,
        "matches": [],
        "candidates": [],
        "verified": result is Result.VERIFIED,
        "result": result.value,
        "exit_code": result.exit_code,
        "code": None,
        "note": "",
        **members,
    }
