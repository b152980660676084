# SPDX-License-Identifier: Apache-2.0
"""Claim statement.id: record, statement and inventory speak of the same capture."""

from collections.abc import Iterator

from archive.checks.evidence import Absent, Claim, Evidence
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence
from archive.model.claim import Finding
from archive.model.statement import INVENTORY

CLAIM = Claim(
    "statement.id",
    "Is this the statement of the record that was asked for?",
    ("statement.canonical",),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding: the IDs agree, wherever they stand."""
    signed = evidence.look.capture_id
    if evidence.record_id is not None and signed != evidence.record_id:
        yield CLAIM.fails(
            "statement", "ID_MISMATCH", f"the statement is of {signed}, not {evidence.record_id}"
        )
        return
    digest = sha256_hex(evidence.envelope.payload)
    if evidence.statement_sha256 not in {None, digest}:
        yield CLAIM.fails(
            "statement",
            "ID_MISMATCH",
            f"the statement has digest {digest}, not {evidence.statement_sha256}",
        )
        return
    listed = _inventory_id(evidence)
    if listed not in {"", str(signed)}:
        yield CLAIM.fails(
            "statement", "ID_MISMATCH", f"the inventory is of {listed}, the statement of {signed}"
        )
        return
    yield CLAIM.passes("statement", str(signed) if signed else f"observation {digest}")


def _inventory_id(evidence: Evidence) -> str:
    data = evidence.inventory_bytes
    # An inventory that is not the signed one is inventory.bound's question, and says nothing here.
    if isinstance(data, Absent) or evidence.statement.subjects.get(INVENTORY) != sha256_hex(data):
        return ""
    try:
        return str(evidence.inventory.capture_id)
    except MalformedEvidence:
        return ""
