# SPDX-License-Identifier: Apache-2.0
"""By when a statement over a content file was there, as the log's checkpoints show."""

import datetime as dt

from archive.catalog.statements import StatementRow
from archive.checks.evidence import CoveringCheckpoint
from archive.checks.stamped import Trust
from archive.checks.trusted_time import times_of_entry
from archive.errors import MalformedEvidence
from archive.model.log_entry import LogEntry
from archive.proofs.keyset_chain import KeysetChain
from archive.services.context import Archive
from archive.services.log.told import LogReader
from archive.services.stamping.pinned_authorities import Authorities
from archive.services.stamping.proof_batches import batches_or_absent


def trusted_time_of(
    archive: Archive,
    row: StatementRow,
    log: LogReader | None,
    chain: KeysetChain,
    authorities: Authorities,
) -> dt.datetime | None:
    """The earliest time by which others vouch that its envelope was there, or None."""
    if log is None:
        return None
    try:
        keyset = chain.newest
    except MalformedEvidence:
        return None
    entry = LogEntry(row.kind, None, row.statement_sha256, row.envelope_sha256)
    trust = Trust(authorities, archive.clock.now())
    times = [
        found.at
        for size, proof in log.covering(row.statement_sha256).items()
        for found in times_of_entry(
            entry,
            CoveringCheckpoint(proof, batches_or_absent(archive.store, str(size))),
            keyset,
            trust,
        )
    ]
    return min(times, default=None)
