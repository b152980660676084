# SPDX-License-Identifier: Apache-2.0
"""Claim inventory.bound: the statement signs this inventory, and both list the same digests."""

from collections.abc import Iterator

from archive.checks.evidence import Absent, Claim, Evidence
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, MalformedStatement
from archive.model.claim import Finding
from archive.model.inventory import Inventory
from archive.model.statement import CONTAINER, INVENTORY

CLAIM = Claim(
    "inventory.bound",
    "Is the list of parts the one that was signed?",
    ("statement.canonical",),
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


def expected_subjects(inventory: Inventory, inventory_sha256: str) -> dict[str, str]:
    """The subjects that the statement must have.

    An observation's is its inventory; a capture's are inventory, container, body and text.
    """
    subjects = {INVENTORY: inventory_sha256}
    if inventory.capture_id is None:
        return subjects
    if inventory.own_container:
        subjects[CONTAINER] = inventory.own_container
    for role in ("body", "text"):
        part = inventory.part(role)
        if part is not None and part.sha256 is not None:
            subjects[role] = part.sha256
    return subjects
