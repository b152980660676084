# SPDX-License-Identifier: Apache-2.0
"""Claim log.witness: as many witnesses cosigned the checkpoint as the keyset asks for.

A witness cosigns only what grew out of all that it cosigned before. So a log that shows one
history to some and another one to others needs as many witnesses to help it.
"""

from collections.abc import Iterator

from archive.checks.evidence import Absent, Claim, Evidence
from archive.checks.log_evidence import witness_keys
from archive.model.claim import Finding
from archive.proofs.checkpoint import SignedCheckpoint, cosigned_moment

CLAIM = Claim(
    "log.witness",
    "Did enough independent witnesses see the same log?",
    ("log.checkpoint",),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about the cosignatures together."""
    given, witnesses = evidence.log, evidence.keyset.witnesses
    if given is None or not evidence.keyset.logs:
        yield CLAIM.not_applicable("witnesses", "the keyset names no log")
        return
    if not witnesses.quorum:
        yield CLAIM.not_applicable("witnesses", "the keyset asks for no witness")
        return
    note = given.note
    if isinstance(note, Absent):
        yield CLAIM.absent("witnesses", note)
        return
    checkpoint = SignedCheckpoint.from_bytes(note)
    judged = {key.name: checkpoint.judged(key) for key in witness_keys(evidence.keyset)}
    forged = sorted(name for name, found in judged.items() if found.is_present > found.is_valid)
    if forged:
        detail = f"a cosignature by {', '.join(forged)} does not hold"
        yield CLAIM.fails("witnesses", "WITNESS_SIGNATURE", detail)
        return
    times = {name: found.time for name, found in judged.items() if found.time is not None}
    told = ", ".join(f"{name} at {cosigned_moment(time)}" for name, time in sorted(times.items()))
    asked = f"{len(times)} of {witnesses.quorum} that are asked for"
    if len(times) < witnesses.quorum:
        detail = f"{asked}{': ' if told else ''}{told}"
        yield CLAIM.unknown("witnesses", "WITNESS_QUORUM", detail)
        return
    yield CLAIM.passes("witnesses", f"{asked}: {told}", ("log.checkpoint", note))
