# SPDX-License-Identifier: Apache-2.0
"""Verifies a record and puts that on record: a signed statement of what was found, and when.

At most one for a record and a policy within a minute: whoever may ask cannot fill the store.
"""

import datetime as dt
from dataclasses import dataclass

from archive.canonical import JsonValue
from archive.catalog.statements import statement_by_digest
from archive.catalog.verifications import (
    VerificationRow,
    count_verifications,
    newest_verification,
    verification_by,
    verifications_of,
)
from archive.clock import parse_rfc3339
from archive.errors import NotFound
from archive.ids import RecordId
from archive.model.claim import Report
from archive.model.verification import Verification
from archive.services.acts.declare import require_record
from archive.services.context import Archive, signing_key
from archive.services.custody import note_key_use
from archive.services.statements.adopt import adopt_assertion
from archive.services.statements.assertion import Assertion, state
from archive.services.trust import trusted_keyset
from archive.services.verifying.verify import verify_record

EVERY_SECONDS = 60
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Attested:
    """A report that is on record. `is_new` is false when this minute's is given again."""

    report: Report | None
    row: VerificationRow
    is_new: bool

    def to_json(self) -> dict[str, JsonValue]:
        """Where it is on record, as the command line and the API tell it."""
        return {**row_json(self.row), "is_new": self.is_new}


@dataclass(frozen=True, slots=True)
class Attestations:
    """How many verifications of a record are on record, and the newest of them."""

    count: int
    newest: tuple[VerificationRow, ...]


def attest(archive: Archive, record_id: RecordId, policy: str, actor: str) -> Attested:
    """The record verified, and that put on record.

    Raises NotFound, InputError for an unknown policy, SigningError, StorageError.
    """
    subject_sha256 = require_record(archive, record_id)
    with archive.database.reading() as connection:
        last = newest_verification(connection, str(record_id))
        recent = newest_verification(connection, str(record_id), policy)
    if recent is not None and _is_recent(archive, recent):
        return Attested(None, recent, is_new=False)
    report = verify_record(archive, record_id, policy)
    said = Verification.of(report, record_id, subject_sha256, actor)
    key = signing_key(archive, trusted_keyset(archive))
    note_key_use(archive, key)
    previous = last.statement_sha256 if last else None
    assertion = Assertion("verification", said.to_json(), (subject_sha256,), previous)
    [stated] = state(archive, key, [assertion])
    with archive.database.reading() as connection:
        row = verification_by(connection, stated.row.statement_sha256)
    if row is None:
        raise NotFound("the verification was signed, and is not listed: run `muniment rebuild`")
    return Attested(report, row, is_new=True)


def attestations(archive: Archive, record_id: str, limit: int = SHOWN) -> Attestations:
    """The verifications of a record that are on record, the newest first."""
    with archive.database.reading() as connection:
        newest = verifications_of(connection, record_id, limit)
        count = count_verifications(connection, record_id)
    return Attestations(count, tuple(newest))


def read_attestation(archive: Archive, statement_sha256: str) -> dict[str, JsonValue]:
    """A verification that is on record, out of its signed files.

    Raises NotFound, MalformedEvidence when it does not hold, StorageError.
    """
    with archive.database.reading() as connection:
        row = statement_by_digest(connection, statement_sha256)
    if row is None or row.kind != "verification":
        raise NotFound(f"there is no verification {statement_sha256[:64]}")
    stated = adopt_assertion(archive.store, trusted_keyset(archive), row.envelope_key)
    content: dict[str, JsonValue] = stated.content.to_json()
    signer = stated.predicate.signer
    return {
        **content,
        "statement_sha256": statement_sha256,
        "signed_at": row.made_at,
        "signer": {"keyid": signer.keyid, "keyset_version": signer.keyset_version},
    }


def row_json(row: VerificationRow) -> dict[str, JsonValue]:
    """A verification in short."""
    return {
        "statement_sha256": row.statement_sha256,
        "url": f"/api/v1/verifications/{row.statement_sha256}",
        "verified_at": row.verified_at,
        "policy": row.policy,
        "result": row.result,
        "actor": row.actor,
    }


def _is_recent(archive: Archive, row: VerificationRow) -> bool:
    age = archive.clock.now() - parse_rfc3339(row.verified_at)
    return dt.timedelta(0) <= age < dt.timedelta(seconds=EVERY_SECONDS)
