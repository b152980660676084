# SPDX-License-Identifier: Apache-2.0
"""Tells which part of which record some bytes or a digest are.

A digest in full names bytes, so the record that has them is verified. A truncated one, or a
SHA-1, is a search: it lists candidates and verifies nothing. Of bytes that are nowhere it is said
how they differ from what is here, where that can be told.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from archive.canonical import JsonValue
from archive.catalog import evidence as rows
from archive.catalog import matches as found_parts
from archive.catalog.evidence import PartMatch
from archive.catalog.restrictions import Viewer
from archive.digests import SHA256_OF_NOTHING, DigestReading, Sha1Reading
from archive.ids import RecordId, parse_id
from archive.model.claim import Report, Result, Status
from archive.model.withdrawal import WITHDRAWN
from archive.services.context import Archive
from archive.services.effects.standing import removed_among, withdrawn_among
from archive.services.hashes.fingerprint import Fingerprints
from archive.services.hashes.imported_bytes import (
    ImportedMatch,
    find_imported,
    imported_note,
    is_imported_file,
)
from archive.services.hashes.near_miss import Near, Sample, diagnose
from archive.services.verifying.agreement import CLAIM as CATALOG_CLAIM
from archive.services.verifying.judge import required_claims
from archive.services.verifying.verify import verify_observation, verify_record

CANDIDATES_LIMIT = 20
NO_PROOF = "that nothing matches is no proof of falsehood"
_WITHDRAWN = "; that record was withdrawn"


@dataclass(frozen=True, slots=True)
class BytesAnswer:
    """What the archive says of bytes or a digest.

    `verified` is true only when the full digest is that of a part and its record verifies.
    `near` lists parts whose bytes differ from those given in a way that can be named; `imported`
    lists imported records that carry the bytes and have no record ID; `withdrawn` the IDs among
    all these of records that were withdrawn, and `removed` the parts that a redaction removed.
    `sha1` is what was asked for in place of a SHA-256.
    """

    sha256: str
    is_prefix: bool
    matches: tuple[PartMatch, ...] = ()
    report: Report | None = None
    note: str = ""
    near: tuple[Near, ...] = ()
    imported: tuple[ImportedMatch, ...] = ()
    withdrawn: frozenset[str] = frozenset()
    removed: frozenset[tuple[str, str]] = frozenset()
    sha1: str | None = None

    @property
    def exit_code(self) -> int:
        """The report's, or 2: nothing is proven and nothing disproven."""
        return self.report.result.exit_code if self.report else Result.INCOMPLETE.exit_code

    @property
    def is_verified(self) -> bool:
        """Whether these are a record's bytes, and the record verifies."""
        return self.report is not None and self.report.result is Result.VERIFIED

    def to_json(self) -> JsonValue:
        """The report's members where there is one, and what was matched."""
        body: dict[str, JsonValue] = dict(self.report.to_json()) if self.report else {}
        body.setdefault("result", Result.INCOMPLETE.value)
        body.setdefault("exit_code", self.exit_code)
        is_whole = not self.is_prefix and self.sha1 is None
        body.update(
            verified=self.is_verified,
            sha256=self.sha256 if is_whole else None,
            prefix=self.sha256 if self.is_prefix else None,
            sha1=self.sha1,
            note=self.note,
            matches=self.matches_json(),
            near=[{**near.to_json(), **self._told(near.match)} for near in self.near],
            imported=[match.to_json() for match in self.imported],
        )
        return body

    def matches_json(self) -> list[JsonValue]:
        """The parts that have the digest."""
        return [self._told(match) for match in self.matches]

    def _told(self, match: PartMatch) -> dict[str, JsonValue]:
        return {
            "id": match.capture_id,
            "part": match.role,
            "sha256": match.sha256,
            "captured_at": match.captured_at,
            "state": self._state(match),
        }

    def _state(self, match: PartMatch) -> str:
        if match.capture_id in self.withdrawn:
            return WITHDRAWN
        return "redacted" if (match.capture_id, match.role) in self.removed else "signed"


def verify_digest(
    archive: Archive,
    reading: DigestReading | Sha1Reading,
    policy: str = "standard",
    viewer: Viewer | None = None,
) -> BytesAnswer:
    """What the archive says of a SHA-256, full or truncated, or of a SHA-1.

    To a viewer, a record that is hidden from it is as one that is not there; None sees all.
    """
    required_claims(policy)
    if isinstance(reading, Sha1Reading):
        return _marked(archive, _of_sha1(archive, reading, viewer))
    return _marked(archive, _of_digest(archive, reading, policy, viewer))


def verify_bytes(
    archive: Archive,
    chunks: Iterable[bytes],
    policy: str = "standard",
    viewer: Viewer | None = None,
    against: RecordId | None = None,
) -> BytesAnswer:
    """What the archive says of a file given in chunks, whatever its size; memory stays flat.

    `viewer` is as for `verify_digest`. A file that matches nothing is held against the record
    `against`, or else against those that it names itself.
    """
    fingerprints, sample = Fingerprints(), Sample()
    for chunk in chunks:
        fingerprints.update(chunk)
        sample.update(chunk)
    sha256 = fingerprints.sha256()
    reading = DigestReading(sha256, is_prefix=False, spelling="file")
    answer = verify_digest(archive, reading, policy, viewer)
    if answer.report is not None or answer.imported or sha256 == SHA256_OF_NOTHING:
        return answer
    near = _variants(archive, fingerprints, viewer)
    if near:
        note = f"not the bytes of any record, but {near[0].words} they would be"
        return _marked(archive, replace(answer, note=note, near=near))
    if sample.data is not None:
        near = diagnose(archive, sample.data, viewer, against)
    if not near:
        return answer
    return _marked(archive, replace(answer, note=_near_note(near), near=near))


def _near_note(near: Sequence[Near]) -> str:
    first = near[0]
    what = f"the {first.match.role} of {first.match.capture_id}"
    return f"not the bytes of any record; nearest is {what}: {first.words}"


def _variants(
    archive: Archive, fingerprints: Fingerprints, viewer: Viewer | None
) -> tuple[Near, ...]:
    variants = {variant.sha256: variant for variant in fingerprints.variants()}
    variants.pop(SHA256_OF_NOTHING, None)
    with archive.database.reading() as connection:
        found = found_parts.parts_among(connection, list(variants), viewer)
    return tuple(
        Near(
            variants[match.sha256].codes, f"{variants[match.sha256].words} it would be that", match
        )
        for match in found
    )


def _marked(archive: Archive, answer: BytesAnswer) -> BytesAnswer:
    """The answer with those of its records named that were withdrawn."""
    named = {match.capture_id for match in (*answer.matches, *(n.match for n in answer.near))}
    withdrawn = withdrawn_among(archive, named) if named else frozenset()
    removed = removed_among(archive, named) if named else frozenset()
    note, first = answer.note, answer.matches[0] if answer.matches else None
    if first is not None and first.capture_id in withdrawn:
        note += _WITHDRAWN
    if first is not None and (first.capture_id, first.role) in removed:
        note += "; that part was removed from the archive, its digest is on record"
    return replace(answer, note=note, withdrawn=withdrawn, removed=removed)


def _of_digest(
    archive: Archive, reading: DigestReading, policy: str, viewer: Viewer | None
) -> BytesAnswer:
    if reading.is_prefix:
        return _search(archive, reading.hex, viewer)
    answer = BytesAnswer(reading.hex, is_prefix=False)
    if reading.is_of_nothing:
        return replace(answer, note="this is the digest of no bytes at all; it names no record")
    matches = _matches(archive, reading.hex, viewer)
    if matches:
        return _verified_match(archive, reading.hex, matches, policy)
    with archive.database.reading() as connection:
        owner = rows.capture_with_object(connection, reading.hex, viewer)
        observed = rows.observation_by_digest(connection, reading.hex)
    if owner is not None:
        report = verify_record(archive, parse_id(owner), policy)
        note = f"a file of the evidence of {owner} (container, inventory or statement)"
        if withdrawn_among(archive, [owner]):
            note += _WITHDRAWN
        return replace(answer, report=report, note=note)
    if observed is not None:
        report = verify_observation(archive, reading.hex, policy)
        note = "the statement of an observation that was not minted as a capture"
        return replace(answer, report=report, note=note)
    imported = find_imported(archive, reading.hex, CANDIDATES_LIMIT)
    if imported:
        return replace(answer, note=imported_note(imported), imported=imported)
    if is_imported_file(archive, reading.hex):
        note = "a file that was imported, or what it was packed anew to; it is no record"
        return replace(answer, note=note)
    return replace(answer, note=f"no record of this archive has bytes with this digest; {NO_PROOF}")


def _verified_match(
    archive: Archive, sha256: str, matches: Sequence[PartMatch], policy: str
) -> BytesAnswer:
    first = matches[0]
    report = verify_record(archive, parse_id(first.capture_id), policy)
    answer = BytesAnswer(sha256, is_prefix=False, report=report)
    if any(f.claim == CATALOG_CLAIM.id and f.status is Status.FAIL for f in report.findings):
        note = f"the catalogue names {first.capture_id}, but the signed files do not say so"
        return replace(answer, note=note)
    note = f"the {first.role} of {first.capture_id}, captured {first.captured_at}"
    if len(matches) > 1:
        note += f", and of {len(matches) - 1} more"
    return replace(answer, note=note, matches=tuple(matches))


def _search(archive: Archive, prefix: str, viewer: Viewer | None) -> BytesAnswer:
    found = _matches(archive, prefix, viewer)
    noun = "candidate" if len(found) == 1 else "candidates"
    imported = find_imported(archive, prefix, CANDIDATES_LIMIT)
    note = f"prefix only: a search with {len(found)} {noun}, not a verification"
    if imported:
        note += f"; and {len(imported)} in imported records without a record ID"
    elif not found:
        note += f"; {NO_PROOF}"
    return BytesAnswer(prefix, is_prefix=True, matches=found, note=note, imported=imported)


def _of_sha1(archive: Archive, reading: Sha1Reading, viewer: Viewer | None) -> BytesAnswer:
    with archive.database.reading() as connection:
        found = found_parts.parts_with_sha1(connection, reading.base32, CANDIDATES_LIMIT, viewer)
    noun = "candidate" if len(found) == 1 else "candidates"
    note = f"a SHA-1, which others can match: a search with {len(found)} {noun}, not a verification"
    if not found:
        note += f"; {NO_PROOF}"
    return BytesAnswer("", is_prefix=False, matches=tuple(found), note=note, sha1=reading.base32)


def _matches(archive: Archive, prefix: str, viewer: Viewer | None) -> tuple[PartMatch, ...]:
    with archive.database.reading() as connection:
        return tuple(rows.parts_with_sha256(connection, prefix, CANDIDATES_LIMIT, viewer))
