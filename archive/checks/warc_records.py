# SPDX-License-Identifier: Apache-2.0
"""Claim warc.records: every WARC record's own digests, lengths, URI and date hold."""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.errors import MalformedWarc
from archive.model.claim import Finding
from archive.model.inventory import Container
from archive.warc.flaws import check_record

CLAIM = Claim(
    "warc.records",
    "Do the WARC records agree with the digests that they carry?",
    ("object.digest",),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding for each container."""
    if not evidence.inventory.containers:
        yield CLAIM.not_applicable("container", "nothing was received, so nothing is stored")
        return
    for container in evidence.inventory.containers:
        yield _of_container(evidence, container)


def _of_container(evidence: Evidence, container: Container) -> Finding:
    target = f"container:{container.sha256[:12]}"
    try:
        records = evidence.records(container)
    except MalformedWarc as error:
        return CLAIM.fails(target, error.code, str(error))
    for record in records:
        for flaw in check_record(record):
            return CLAIM.fails(target, flaw.code, f"{record.record_id}: {flaw.detail}")
    return CLAIM.passes(target, f"{len(records)} records")
