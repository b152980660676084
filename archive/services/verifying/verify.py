# SPDX-License-Identifier: Apache-2.0
"""Verifies a record or an observation: every claim about it, and what follows under a policy."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from archive import __version__
from archive.canonical import JsonValue
from archive.catalog import evidence as rows
from archive.checks.evidence import Evidence
from archive.checks.runner import run_checks
from archive.clock import rfc3339
from archive.errors import NotFound
from archive.ids import RecordId
from archive.model.claim import Finding, Report
from archive.services.context import Archive
from archive.services.effects.standing import standing_of
from archive.services.stamping.report_time import with_time
from archive.services.trust import keyset_chain
from archive.services.verifying.agreement import CLAIM as CATALOG_CLAIM
from archive.services.verifying.agreement import agreement
from archive.services.verifying.evidence import (
    ObservationFiles,
    capture_evidence,
    known_before,
    observation_evidence,
)
from archive.services.verifying.judge import (
    BYTES_ONLY,
    claims_to_run,
    judge,
    not_proven,
    reading_order,
    required_claims,
)
from archive.services.verifying.trust_inputs import trust_inputs


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is asked for: the policy, the subject's members, the envelope's key."""

    policy: str
    subject: JsonValue
    envelope_key: str


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


def report_on(archive: Archive, gathered: Evidence, asked: Asked) -> Report:
    """The report that the checks give on gathered evidence, and on the catalogue's rows of it."""
    found = run_checks(gathered, claims_to_run(asked.policy))
    if asked.policy != BYTES_ONLY:
        found = (*found, agreement(archive, gathered, asked.envelope_key, found))
    findings = tuple(sorted(found, key=_reading_order))
    report = Report(
        report_id=f"urn:uuid:{uuid.UUID(bytes=archive.random_bytes(16), version=4)}",
        policy=asked.policy,
        subject={**asked.subject, "package_sha256": None},
        trust=trust_inputs(gathered, tuple(archive.pinned_roots), "configured"),
        findings=findings,
        required_failed=not_proven(findings, asked.policy),
        result=judge(findings, asked.policy),
        verified_at=rfc3339(archive.clock.now()),
        claimed_time=_claimed_time(gathered, findings),
        verifier=("muniment", __version__),
        standing=_standing(archive, gathered),
    )
    return with_time(report, gathered) if asked.policy != BYTES_ONLY else report


def _standing(archive: Archive, gathered: Evidence) -> JsonValue:
    """What was done with the record; the acts themselves are judged by the claim custody.chain."""
    if gathered.record_id is None:
        return None
    return standing_of(archive, str(gathered.record_id)).members() or None


def _reading_order(finding: Finding) -> tuple[int, bool]:
    return reading_order(finding.claim), finding.claim != CATALOG_CLAIM.id


def _claimed_time(gathered: Evidence, findings: Sequence[Finding]) -> str | None:
    is_read = any(f.claim == "statement.canonical" and f.code == "" for f in findings)
    return gathered.look.claimed_time if is_read else None
