# SPDX-License-Identifier: Apache-2.0
"""Withdraws a record, and reinstates it: each a signed statement.

What is withdrawn leaves a tombstone: who, when, why, all digests, and what remains provable.
The bytes stay in the store (taking them out is a redaction); they are not handed out any more.
"""

from dataclasses import dataclass

from archive.canonical import JsonValue
from archive.clock import rfc3339
from archive.errors import InputError, MalformedEvidence, NotFound, StorageError
from archive.ids import RecordId
from archive.model.claim import Status
from archive.model.withdrawal import REASON_CODES, REINSTATED, WITHDRAWN, Withdrawal
from archive.services.acts.declare import (
    check_reason,
    declare,
    last_said,
    next_number,
    require_record,
    required_standing,
)
from archive.services.context import Archive
from archive.services.effects.standing import Standing
from archive.services.verifying.verify import verify_record


@dataclass(frozen=True, slots=True)
class WithdrawalWanted:
    """Why a record is withdrawn, by code and in words, and which record stands in its place."""

    reason_code: str
    reason: str
    replacement: RecordId | None = None


def withdraw(
    archive: Archive, record_id: RecordId, wanted: WithdrawalWanted, actor: str
) -> Standing:
    """The record withdrawn; nothing is signed when it is so already, for the same reason.

    Raises NotFound, InputError, SigningError, StorageError.
    """
    _check(archive, record_id, wanted)
    before = required_standing(archive, record_id)
    said = before.withdrawn
    asked = (wanted.reason_code, wanted.reason, wanted.replacement)
    if said is not None and asked == (said.reason_code, said.reason, said.replacement):
        return before
    remains = _provable(archive, record_id)
    previous = last_said(archive, record_id, "withdrawal")
    declare(
        archive,
        "withdrawal",
        Withdrawal(
            record=record_id,
            number=next_number(previous),
            state=WITHDRAWN,
            reason_code=wanted.reason_code,
            reason=wanted.reason,
            replacement=wanted.replacement,
            remains=remains,
            at=rfc3339(archive.clock.now()),
            actor=actor,
        ),
        previous,
    )
    return required_standing(archive, record_id)


def reinstate(archive: Archive, record_id: RecordId, reason: str, actor: str) -> Standing:
    """The record served again; nothing is signed when it is not withdrawn.

    Raises NotFound, InputError, SigningError, StorageError.
    """
    check_reason(reason)
    before = required_standing(archive, record_id)
    if before.withdrawn is None:
        return before
    previous = before.withdrawal
    declare(
        archive,
        "withdrawal",
        Withdrawal(
            record=record_id,
            number=next_number(previous),
            state=REINSTATED,
            reason_code=None,
            reason=reason,
            replacement=None,
            remains=(),
            at=rfc3339(archive.clock.now()),
            actor=actor,
        ),
        previous,
    )
    return required_standing(archive, record_id)


def withdrawal_json(standing: Standing) -> JsonValue:
    """Whether a record is withdrawn, as the command line and the API tell it."""
    said = standing.withdrawal
    members: dict[str, JsonValue] = {
        "id": standing.record_id,
        "is_withdrawn": standing.withdrawn is not None,
    }
    names = ("number", "state", "reason_code", "reason", "replacement", "remains", "at", "actor")
    told = said.to_json() if said else {}
    members.update({name: told.get(name) for name in (*names, "statement_sha256")})
    return members


def _provable(archive: Archive, record_id: RecordId) -> tuple[str, ...]:
    """The claims that are proven of the record now; none when it cannot be read."""
    try:
        findings = verify_record(archive, record_id).findings
    except (StorageError, MalformedEvidence):
        # What has to be withdrawn is withdrawn, whatever became of its files.
        return ()
    open_ones = {f.claim for f in findings if f.status not in {Status.PASS, Status.NOT_APPLICABLE}}
    passed = {finding.claim for finding in findings if finding.status is Status.PASS}
    return tuple(sorted(passed - open_ones))


def _check(archive: Archive, record_id: RecordId, wanted: WithdrawalWanted) -> None:
    check_reason(wanted.reason)
    if wanted.reason_code not in REASON_CODES:
        raise InputError(f"reason_code: say one of {', '.join(REASON_CODES)}")
    if wanted.replacement == record_id:
        raise InputError("replacement: a record does not replace itself")
    if wanted.replacement is not None:
        try:
            require_record(archive, wanted.replacement)
        except NotFound as error:
            raise InputError(f"replacement: {error}") from error
