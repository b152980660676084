# SPDX-License-Identifier: Apache-2.0
"""Claim inventory.bound: the statement signs this inventory, and both list the same digests."""

from collections.abc import Iterator

from archive.checks.evidence import Absent, Claim, Evidence
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, MalformedStatement
from archive.model.claim import Finding
from archive.model.inventory import FIXED_MEDIA_TYPES, Inventory, expected_subjects
from archive.model.look import Look
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
        look = evidence.whole_look
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
    yield from _of_parts(look, inventory, named)


def _of_parts(look: Look, inventory: Inventory, named: tuple[str, bytes]) -> Iterator[Finding]:
    needed, roles = _needed_roles(look, inventory), {part.role for part in inventory.parts}
    if needed - roles:
        missing = ", ".join(sorted(needed - roles))
        yield CLAIM.fails("inventory", "PART_MISSING", f"it lists no {missing}", named)
        return
    if "text" in roles - needed:
        yield CLAIM.fails(
            "inventory",
            "OBJECT_UNLISTED",
            "it lists a text of which the statement is silent",
            named,
        )
        return
    for part in inventory.parts:
        if part.media_type != FIXED_MEDIA_TYPES.get(part.role, part.media_type):
            yield CLAIM.fails(
                "inventory",
                "MEDIA_TYPE_MISMATCH",
                f"it calls the {part.role} {part.media_type!r}",
                named,
            )
            return
    yield CLAIM.passes("inventory", f"{len(inventory.parts)} parts, signed", named)


def _needed_roles(look: Look, inventory: Inventory) -> set[str]:
    needed = set()
    if look.capture_id is not None:
        needed |= {"body", "headers"}
    # What was asked when an imported record was made, nobody here can tell.
    if inventory.own_container is not None and look.imported is None:
        needed.add("request")
    if look.status is not None:
        needed.add("headers")
    if look.recipe is not None:
        needed.add("text")
    return needed
