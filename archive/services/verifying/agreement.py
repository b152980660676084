# SPDX-License-Identifier: Apache-2.0
"""Claim catalog.agrees: the catalogue's rows say what the signed files say.

The catalogue is an index that anyone with the database can edit, and it is what pages and
citations are made from. So each row is made again from the evidence and compared, column by
column. This claim is the archive's about itself; a stranger's verifier has no catalogue.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from archive.catalog import evidence as rows
from archive.checks.custody_chain import CLAIM as CUSTODY_CLAIM
from archive.checks.evidence import Absent, Claim, Evidence
from archive.digests import sha256_hex
from archive.errors import MunimentError
from archive.model.claim import Finding, Status
from archive.services.context import Archive
from archive.services.statements.content_kinds import KINDS
from archive.services.statements.record import SignedLook, capture_rows, observation_row

CLAIM = Claim(
    "catalog.agrees",
    "Does the catalogue say what the signed files say?",
    ("inventory.bound",),
)


def agreement(
    archive: Archive, gathered: Evidence, envelope_key: str, findings: Sequence[Finding]
) -> Finding:
    """One finding; skipped when the signed files themselves do not hold."""
    is_bound = any(f.claim == "inventory.bound" and f.status is Status.PASS for f in findings)
    signed = _signed_look(gathered, envelope_key) if is_bound else None
    if signed is None:
        return CLAIM.skipped("catalogue", "DEPENDS", "the signed files do not hold")
    differing = _differing(archive, signed)
    if any(f.claim == CUSTODY_CLAIM.id for f in findings):
        differing += _differing_custody(archive, gathered)
    if differing:
        return CLAIM.fails(
            "catalogue",
            "CATALOG_DISAGREES",
            f"the catalogue differs in {', '.join(differing)}: run `muniment rebuild`",
        )
    return CLAIM.passes("catalogue", "its rows are those that the signed files give")


def _signed_look(gathered: Evidence, envelope_key: str) -> SignedLook | None:
    envelope, inventory = gathered.envelope_bytes, gathered.inventory_bytes
    if isinstance(envelope, Absent) or isinstance(inventory, Absent):
        return None
    try:
        look = gathered.look.whole(gathered.statement.predicate, gathered.inventory.overflow)
    except MunimentError:
        return None
    return SignedLook(
        look=look,
        inventory=gathered.inventory,
        inventory_sha256=sha256_hex(inventory),
        statement_sha256=sha256_hex(gathered.envelope.payload),
        envelope_sha256=sha256_hex(envelope),
        envelope_key=envelope_key,
    )


def _differing(archive: Archive, signed: SignedLook) -> list[str]:
    capture_id = signed.look.capture_id
    with archive.database.reading() as connection:
        if capture_id is None:
            row = rows.observation_by_digest(connection, signed.statement_sha256)
            return _columns(observation_row(signed), row)
        expected = capture_rows(signed, capture_id.number)
        differing = _columns(expected.capture, rows.capture_by_id(connection, str(capture_id)))
        parts = {row.role: row for row in rows.parts_of(connection, capture_id.number)}
        if (cdx := expected.cdx) is not None:
            there = rows.cdx_at(connection, cdx["container_sha256"], cdx["offset"])
            differing += [f"cdx.{column}" for column in _columns(cdx, there)]
    for part in expected.parts:
        found = _columns(part, parts.pop(part["role"], None))
        differing += [f"{part['role']}.{column}" for column in found]
    return differing + [f"{role} (a part that is not signed)" for role in sorted(parts)]


def _differing_custody(archive: Archive, gathered: Evidence) -> list[str]:
    """What was read for claim custody.chain has the rows from which it is told."""
    told = gathered.custody() if gathered.custody is not None else ()
    read = [(item.statement_sha256, item.signed) for item in told]
    with archive.database.reading() as connection:
        return [
            f"custody {digest[:12]}"
            for digest, signed in read
            if not isinstance(signed, Absent)
            and KINDS[signed.kind].differing(connection, signed.told, digest)
        ]


def _columns(expected: Mapping[str, Any], row: Any) -> list[str]:
    if row is None:
        return ["the whole row"]
    return [name for name, value in expected.items() if getattr(row, name) != value]
