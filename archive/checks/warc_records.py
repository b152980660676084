# SPDX-License-Identifier: Apache-2.0
"""Claim warc.records: every WARC record holds, and those of this look are as the statement says."""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.checks.exchanges import Exchanges, contradiction
from archive.checks.given import given_contradiction, notes_contradiction
from archive.errors import MalformedWarc
from archive.model.claim import Finding
from archive.model.inventory import Container
from archive.warc.flaws import WARC_BLOCK_DIGEST, check_record
from archive.warc.read import WarcRecord

CLAIM = Claim(
    "warc.records",
    "Do the WARC records agree with their digests and with the statement?",
    ("object.digest",),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding for each container; the own one is also held against the statement."""
    if evidence.inventory.own_container is None:
        yield _without_container(evidence)
    for container in evidence.inventory.containers:
        yield _of_container(evidence, container)


def _of_container(evidence: Evidence, container: Container) -> Finding:
    left = evidence.remaining(container)
    removed = evidence.removals(container)
    target = f"container:{(left or container).sha256[:12]}"
    if left is None:
        replaced = evidence.replaced(container.sha256) if evidence.replaced else None
        statement = replaced.statement_sha256 if replaced else ""
        return CLAIM.redacted(target, statement, "nothing of it remains")
    try:
        records = evidence.records(container)
    except MalformedWarc as error:
        return CLAIM.fails(target, error.code, str(error))
    for record in records:
        for flaw in check_record(record):
            return CLAIM.fails(target, flaw.code, f"{record.record_id}: {flaw.detail}")
        # The archive states one for every record that it writes; others need not.
        is_own = container.sha256 == evidence.inventory.own_container
        if is_own and record.header("WARC-Block-Digest") is None:
            return CLAIM.fails(target, WARC_BLOCK_DIGEST, f"{record.record_id}: it states none")
    differing = _contradiction(evidence, container, records)
    if differing is not None:
        return CLAIM.fails(target, "WARC_STATEMENT_MISMATCH", f"the statement: {differing}")
    gone = f", and {removed} removed by a redaction" if removed else ""
    return CLAIM.passes(target, f"{len(records)} records{gone}")


def _contradiction(
    evidence: Evidence, container: Container, records: tuple[WarcRecord, ...]
) -> str | None:
    look, is_own = evidence.whole_look, container.sha256 == evidence.inventory.own_container
    if look.imported is not None and not is_own:
        # Of an import the record that was given is all there is: removed, it says nothing.
        is_gone = not records and evidence.removals(container)
        return None if is_gone else given_contradiction(look, records)
    if look.imported is not None:
        return notes_contradiction(records)
    if is_own:
        gone = frozenset(
            part.span.record_id
            for part in evidence.inventory.parts
            if part.span.container_sha256 == container.sha256 and evidence.removal(part.span)
        )
        return contradiction(look, evidence.inventory, Exchanges.of(records, gone))
    return None


def _without_container(evidence: Evidence) -> Finding:
    differing = contradiction(evidence.whole_look, evidence.inventory, Exchanges.of(()))
    if differing is not None:
        return CLAIM.fails("container", "WARC_STATEMENT_MISMATCH", f"the statement: {differing}")
    return CLAIM.not_applicable("container", "nothing was received, so nothing is stored")
