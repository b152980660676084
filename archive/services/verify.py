# SPDX-License-Identifier: Apache-2.0
"""Verifies a record, or tells which part of which record some bytes or a digest are.

A digest in full names bytes, so the record that has them is verified. A truncated one is a
search: it lists candidates and verifies nothing.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from archive import __version__
from archive.canonical import JsonValue
from archive.catalog import evidence as rows
from archive.catalog.evidence import PartMatch
from archive.catalog.restrictions import Viewer
from archive.checks.evidence import Evidence
from archive.checks.runner import run_checks
from archive.clock import rfc3339
from archive.digests import SHA256_OF_NOTHING, DigestReading, sha256_hex
from archive.errors import MalformedEvidence, NotFound
from archive.ids import RecordId, parse_id
from archive.model.claim import Finding, Report, Result, Status, TrustInputs
from archive.model.withdrawal import WITHDRAWN
from archive.proofs.log_policy import policy_text
from archive.services.agreement import CLAIM as CATALOG_CLAIM
from archive.services.agreement import agreement
from archive.services.context import Archive
from archive.services.evidence import (
    ObservationFiles,
    capture_evidence,
    known_before,
    observation_evidence,
)
from archive.services.fingerprint import Fingerprints
from archive.services.imported_bytes import (
    ImportedMatch,
    find_imported,
    imported_note,
    is_imported_file,
)
from archive.services.judge import (
    BYTES_ONLY,
    claims_to_run,
    judge,
    not_proven,
    reading_order,
    required_claims,
)
from archive.services.standing import standing_of, withdrawn_among
from archive.services.trust import keyset_chain

CANDIDATES_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is asked for: the policy, the subject's members, the envelope's key."""

    policy: str
    subject: JsonValue
    envelope_key: str


@dataclass(frozen=True, slots=True)
class BytesAnswer:
    """What the archive says of bytes or a digest.

    `verified` is true only when the full digest is that of a part and its record verifies.
    `near` lists parts whose bytes differ from those given in a known, harmless-looking way;
    `imported` lists imported records that carry the bytes and have no record ID; `withdrawn` the
    IDs among all these of records that were withdrawn.
    """

    sha256: str
    is_prefix: bool
    matches: tuple[PartMatch, ...]
    report: Report | None
    note: str
    near: tuple[tuple[str, PartMatch], ...] = ()
    imported: tuple[ImportedMatch, ...] = ()
    withdrawn: frozenset[str] = frozenset()

    @property
    def exit_code(self) -> int:
        """The report's, or 2: nothing is proven and nothing disproven."""
        return self.report.result.exit_code if self.report else Result.INCOMPLETE.exit_code

    def to_json(self) -> JsonValue:
        """The report's members where there is one, and what was matched."""
        body: dict[str, JsonValue] = dict(self.report.to_json()) if self.report else {}
        body.setdefault("result", Result.INCOMPLETE.value)
        body.setdefault("exit_code", self.exit_code)
        body.update(
            verified=self.report is not None and self.report.result is Result.VERIFIED,
            sha256=None if self.is_prefix else self.sha256,
            prefix=self.sha256 if self.is_prefix else None,
            note=self.note,
            matches=[self._told(match) for match in self.matches],
            near=[{"difference": how, **self._told(match)} for how, match in self.near],
            imported=[match.to_json() for match in self.imported],
        )
        return body

    def _told(self, match: PartMatch) -> dict[str, JsonValue]:
        is_withdrawn = match.capture_id in self.withdrawn
        return {**_match_json(match), "state": WITHDRAWN if is_withdrawn else "signed"}


def verify_record(
    archive: Archive,
    capture_id: RecordId,
    policy: str = "standard",
    pinned: Sequence[bytes] = (),
) -> Report:
    """The report on a capture; `pinned` are checkpoints of the log that were kept elsewhere.

    Raises NotFound, and InputError for an unknown policy.
    """
    required_claims(policy)
    with archive.database.reading() as connection:
        row = rows.capture_by_id(connection, str(capture_id))
    if row is None:
        raise NotFound(f"there is no record {capture_id}")
    chain = keyset_chain(archive)
    known = known_before(archive, chain, pinned)
    gathered = capture_evidence(archive, capture_id, row.envelope_key, chain, known)
    subject = {"record_id": str(capture_id), "capture_id": str(capture_id)}
    return report_on(archive, gathered, Asked(policy, subject, row.envelope_key))


def verify_observation(archive: Archive, statement_sha256: str, policy: str = "standard") -> Report:
    """The report on an observation, by the digest of its statement. Raises NotFound."""
    with archive.database.reading() as connection:
        row = rows.observation_by_digest(connection, statement_sha256)
    if row is None:
        raise NotFound(f"there is no observation {statement_sha256}")
    files = ObservationFiles(statement_sha256, row.inventory_sha256, row.envelope_key)
    gathered = observation_evidence(archive, files, keyset_chain(archive))
    subject = {"record_id": None, "capture_id": None, "observation": statement_sha256}
    return report_on(archive, gathered, Asked(policy, subject, row.envelope_key))


def verify_digest(
    archive: Archive,
    reading: DigestReading,
    policy: str = "standard",
    viewer: Viewer | None = None,
) -> BytesAnswer:
    """What the archive says of a SHA-256, full or truncated.

    To a viewer, a record that is hidden from it is as one that is not there; None sees all.
    """
    return _marked(archive, _of_digest(archive, reading, policy, viewer))


def _of_digest(
    archive: Archive, reading: DigestReading, policy: str, viewer: Viewer | None
) -> BytesAnswer:
    required_claims(policy)
    if reading.is_prefix:
        return _search(archive, reading.hex, viewer)
    if reading.is_of_nothing:
        note = "this is the digest of no bytes at all; it names no record"
        return BytesAnswer(reading.hex, is_prefix=False, matches=(), report=None, note=note)
    matches = _matches(archive, reading.hex, viewer)
    if matches:
        return _verified_match(archive, reading.hex, matches, policy)
    with archive.database.reading() as connection:
        owner = rows.capture_with_object(connection, reading.hex, viewer)
        observed = rows.observation_by_digest(connection, reading.hex)
    if owner is not None:
        report = verify_record(archive, parse_id(owner), policy)
        note = f"a file of the evidence of {owner} (container, inventory or statement)"
        return BytesAnswer(reading.hex, is_prefix=False, matches=(), report=report, note=note)
    if observed is not None:
        report = verify_observation(archive, reading.hex, policy)
        note = "the statement of an observation that was not minted as a capture"
        return BytesAnswer(reading.hex, is_prefix=False, matches=(), report=report, note=note)
    imported = find_imported(archive, reading.hex, CANDIDATES_LIMIT)
    if imported:
        note = imported_note(imported)
        return BytesAnswer(
            reading.hex, is_prefix=False, matches=(), report=None, note=note, imported=imported
        )
    if is_imported_file(archive, reading.hex):
        note = "a file that was imported, or what it was packed anew to; it is no record"
        return BytesAnswer(reading.hex, is_prefix=False, matches=(), report=None, note=note)
    note = "no record of this archive has bytes with this digest"
    return BytesAnswer(reading.hex, is_prefix=False, matches=(), report=None, note=note)


def verify_bytes(
    archive: Archive,
    chunks: Iterable[bytes],
    policy: str = "standard",
    viewer: Viewer | None = None,
) -> BytesAnswer:
    """What the archive says of a file given in chunks, whatever its size; memory stays flat.

    `viewer` is as for `verify_digest`.
    """
    fingerprints = Fingerprints()
    for chunk in chunks:
        fingerprints.update(chunk)
    sha256 = fingerprints.sha256()
    reading = DigestReading(sha256, is_prefix=False, spelling="file")
    answer = verify_digest(archive, reading, policy, viewer)
    if answer.report is not None or answer.imported or sha256 == SHA256_OF_NOTHING:
        return answer
    near = tuple(
        (how, match)
        for how, other in fingerprints.variants()
        for match in _matches(archive, other, viewer)[:1]
    )
    if not near:
        return answer
    note = f"not the bytes of any record, but {near[0][0]} they would be"
    found = BytesAnswer(sha256, is_prefix=False, matches=(), report=None, note=note, near=near)
    return _marked(archive, found)


def _marked(archive: Archive, answer: BytesAnswer) -> BytesAnswer:
    """The answer with those of its records named that were withdrawn."""
    named = {match.capture_id for match in (*answer.matches, *(near for _, near in answer.near))}
    withdrawn = withdrawn_among(archive, named) if named else frozenset()
    is_first = bool(answer.matches) and answer.matches[0].capture_id in withdrawn
    note = f"{answer.note}; that record was withdrawn" if is_first else answer.note
    return replace(answer, note=note, withdrawn=withdrawn)


def report_on(archive: Archive, gathered: Evidence, asked: Asked) -> Report:
    """The report that the checks give on gathered evidence, and on the catalogue's rows of it."""
    found = run_checks(gathered, claims_to_run(asked.policy))
    if asked.policy != BYTES_ONLY:
        found = (*found, agreement(archive, gathered, asked.envelope_key, found))
    findings = tuple(sorted(found, key=_reading_order))
    return Report(
        report_id=f"urn:uuid:{uuid.UUID(bytes=archive.random_bytes(16), version=4)}",
        policy=asked.policy,
        subject={**asked.subject, "package_sha256": None},
        trust=_trust(archive, gathered),
        findings=findings,
        required_failed=not_proven(findings, asked.policy),
        result=judge(findings, asked.policy),
        verified_at=rfc3339(archive.clock.now()),
        claimed_time=_claimed_time(gathered, findings),
        verifier=("muniment", __version__),
        standing=_standing(archive, gathered),
    )


def _standing(archive: Archive, gathered: Evidence) -> JsonValue:
    """What was done with the record; the acts themselves are judged by the claim custody.chain."""
    if gathered.record_id is None:
        return None
    return standing_of(archive, str(gathered.record_id)).members() or None


def _reading_order(finding: Finding) -> tuple[int, bool]:
    return reading_order(finding.claim), finding.claim != CATALOG_CLAIM.id


def _verified_match(
    archive: Archive, sha256: str, matches: Sequence[PartMatch], policy: str
) -> BytesAnswer:
    first = matches[0]
    report = verify_record(archive, parse_id(first.capture_id), policy)
    if any(f.claim == CATALOG_CLAIM.id and f.status is Status.FAIL for f in report.findings):
        note = f"the catalogue names {first.capture_id}, but the signed files do not say so"
        return BytesAnswer(sha256, is_prefix=False, matches=(), report=report, note=note)
    note = f"the {first.role} of {first.capture_id}, captured {first.captured_at}"
    if len(matches) > 1:
        note += f", and of {len(matches) - 1} more"
    return BytesAnswer(sha256, is_prefix=False, matches=tuple(matches), report=report, note=note)


def _search(archive: Archive, prefix: str, viewer: Viewer | None) -> BytesAnswer:
    found = _matches(archive, prefix, viewer)
    noun = "candidate" if len(found) == 1 else "candidates"
    imported = find_imported(archive, prefix, CANDIDATES_LIMIT)
    note = f"prefix only: a search with {len(found)} {noun}, not a verification"
    if imported:
        note += f"; and {len(imported)} in imported records without a record ID"
    return BytesAnswer(
        prefix, is_prefix=True, matches=found, report=None, note=note, imported=imported
    )


def _matches(archive: Archive, prefix: str, viewer: Viewer | None) -> tuple[PartMatch, ...]:
    with archive.database.reading() as connection:
        return tuple(rows.parts_with_sha256(connection, prefix, CANDIDATES_LIMIT, viewer))


def _match_json(match: PartMatch) -> dict[str, JsonValue]:
    return {
        "id": match.capture_id,
        "part": match.role,
        "sha256": match.sha256,
        "captured_at": match.captured_at,
    }


def _trust(archive: Archive, gathered: Evidence) -> TrustInputs:
    roots = tuple(archive.pinned_roots)
    try:
        keyset = gathered.keyset
    except MalformedEvidence:
        return TrustInputs(roots, "configured", None)
    pinned = gathered.log.pinned if gathered.log else ()
    return TrustInputs(
        root_fingerprints=roots,
        root_source="configured",
        keyset_version=keyset.version,
        log_policy_sha256=sha256_hex(policy_text(keyset).encode()) if keyset.logs else None,
        pinned_checkpoint=sha256_hex(pinned[0]) if pinned else None,
    )


def _claimed_time(gathered: Evidence, findings: Sequence[Finding]) -> str | None:
    is_read = any(f.claim == "statement.canonical" and f.code == "" for f in findings)
    return gathered.look.claimed_time if is_read else None
