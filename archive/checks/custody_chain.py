# SPDX-License-Identifier: Apache-2.0
"""Claim custody.chain: what was done with a record since it was made is told without a gap.

Each statement that tells of it names the one before, so one that is taken away, or put in another
place, shows. What shows in nothing is that the newest ones are gone: that takes a log.
"""

import datetime as dt
from collections.abc import Iterator, Sequence

from archive.checks.evidence import Absent, Claim, CustodyStatement, Evidence
from archive.clock import parse_rfc3339
from archive.ids import RecordId
from archive.model.claim import Finding
from archive.model.custody import SignedCustody
from archive.proofs.key_state import Signing, key_fault
from archive.proofs.keyset import MANIFEST, Keyset

CLAIM = Claim(
    "custody.chain",
    "Is what was done with the record since told without a gap, and in order?",
    ("statement.id",),
)
# Two machines sign, and their clocks may differ by so much.
SKEW = dt.timedelta(minutes=5)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding when all is told; else one for each statement that is at fault or not there."""
    if evidence.record_id is None:
        yield CLAIM.not_applicable("custody", "events are told of records that have an ID")
        return
    if evidence.custody is None:
        yield CLAIM.unknown("custody", "CUSTODY_UNASKED", "its custody is not at hand")
        return
    told = evidence.custody()
    if not told:
        yield CLAIM.not_applicable("custody", "nothing was told of it since it was made")
        return
    found = tuple(faults(told, evidence.record_id, evidence.keyset))
    if found:
        yield from found
    else:
        noun = "statement" if len(told) == 1 else "statements"
        detail = f"{len(told)} {noun}, each after the one that it names"
        yield CLAIM.passes("custody", detail)


def faults(
    told: Sequence[CustodyStatement], record_id: RecordId, keyset: Keyset
) -> Iterator[Finding]:
    """A finding for each statement about the record that is not where it should be, or unread."""
    known = {item.statement_sha256: item for item in told}
    for item in told:
        target = target_of(item.statement_sha256)
        if isinstance(item.signed, Absent):
            yield CLAIM.absent(target, item.signed)
            continue
        found = _of_itself(item, item.signed, record_id, keyset) or _of_order(
            target, item.signed, known
        )
        if found is not None:
            yield found


def target_of(statement_sha256: str) -> str:
    """What a finding about this statement names."""
    return f"custody:{statement_sha256[:12]}"


def _of_itself(
    item: CustodyStatement, said: SignedCustody, record_id: RecordId, keyset: Keyset
) -> Finding | None:
    target = target_of(item.statement_sha256)
    key = keyset.keys.get(said.signer.keyid)
    made_at = parse_rfc3339(said.made_at)
    if key is None:
        return CLAIM.fails(target, "CUSTODY_KEY", "no trusted keyset lists its key")
    fault = key_fault(key, Signing(MANIFEST, made_at, item.trusted_not_after))
    if fault is not None:
        return CLAIM.fails(target, "CUSTODY_KEY", f"{fault.code}: {fault.detail}")
    if record_id not in said.told.records:
        return CLAIM.fails(
            target, "CUSTODY_FOREIGN", f"it is listed for {record_id} and tells of another"
        )
    if parse_rfc3339(said.told.at) - made_at > SKEW:
        return CLAIM.fails(target, "CUSTODY_ORDER", "it was signed before what it tells of")
    return None


def _of_order(
    target: str, said: SignedCustody, known: dict[str, CustodyStatement]
) -> Finding | None:
    before = None if said.previous is None else known.get(said.previous)
    number = said.told.number
    if said.previous is not None and before is None:
        return CLAIM.fails(
            target, "CUSTODY_GAP", f"the statement before it, {said.previous}, is not there"
        )
    if before is None:
        is_first = number in {None, 1}
        missing = f"it is number {number}, and names none before it"
        return None if is_first else CLAIM.fails(target, "CUSTODY_GAP", missing)
    if isinstance(before.signed, Absent):
        return None  # which has its own finding
    if parse_rfc3339(before.signed.made_at) - parse_rfc3339(said.made_at) > SKEW:
        return CLAIM.fails(target, "CUSTODY_ORDER", "the one before it was signed after it")
    if before.signed.kind != said.kind:
        return CLAIM.fails(target, "CUSTODY_ORDER", "the one before it is of another kind")
    number_before = before.signed.told.number
    if number_before is not None and number_before + 1 != number:
        return CLAIM.fails(
            target, "CUSTODY_ORDER", f"it is number {number}, after number {number_before}"
        )
    return None
