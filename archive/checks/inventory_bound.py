# SPDX-License-Identifier: Apache-2.0
"""Claim inventory.bound: the statement signs this inventory, and both list the same digests."""

from collections.abc import Iterator

from archive.checks.evidence import Absent, Claim, Evidence
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, MalformedStatement
from archive.model.claim import Finding
from archive.model.inventory import expected_subjects
from archive.model.statement import INVENTORY

CLAIM = Claim(
    "inventory.bound",
    "Is the list of parts the one that was signed?",
    ("statement.canonical", "statement.id"),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about the inventory file."""
    data = evidence.inventory_bytes
    if isinstance(data, Absent):
        yield CLAIM.absent("inventory", data)
        return
    named = ("inventory.json", data)
    if evidence.statement.subjects.get(INVENTORY) != sha256_hex(data):
        yield CLAIM.fails(
            "inventory", "INVENTORY_NOT_BOUND", "the statement signs another inventory", named
        )
        return
    try:
        inventory = evidence.inventory
        evidence.look.whole(evidence.statement.predicate, inventory.overflow)
    except MalformedStatement as error:
        yield CLAIM.fails("inventory", "INVENTORY_NOT_BOUND", str(error), named)
        return
    except MalformedEvidence as error:
        yield CLAIM.fails("inventory", error.code, str(error), named)
        return
    expected = expected_subjects(inventory, sha256_hex(data))
    subjects = dict(evidence.statement.subjects)
    if subjects != expected:
        differing = sorted(
            name for name in {*subjects, *expected} if subjects.get(name) != expected.get(name)
        )
        yield CLAIM.fails(
            "inventory",
            "OBJECT_UNLISTED",
            f"statement and inventory disagree on {', '.join(differing)}",
            named,
        )
        return
    yield CLAIM.passes("inventory", f"{len(inventory.parts)} parts, signed", named)
