# SPDX-License-Identifier: Apache-2.0
"""Claim log.entry: the leaf of the log names this statement and this envelope."""

from collections.abc import Iterator

from archive.checks.evidence import Absent, Claim, Evidence
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence
from archive.model.claim import Finding
from archive.model.log_entry import LogEntry
from archive.model.statement import CAPTURE_V1

CLAIM = Claim(
    "log.entry",
    "Does the log's entry name this statement and its signature?",
    ("statement.canonical", "signature"),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about the leaf."""
    given = evidence.log
    if not evidence.keyset.logs:
        yield CLAIM.not_applicable("entry", "the keyset names no log")
        return
    if given is None:
        yield CLAIM.unknown("entry", "LOG_UNASKED", "no evidence of the log is at hand")
        return
    if isinstance(given.entry, Absent):
        absent = given.entry
        if absent.is_certain:
            yield CLAIM.fails("entry", "LOG_NOT_INCLUDED", absent.detail)
        else:
            yield CLAIM.unknown("entry", absent.code, absent.detail)
        return
    try:
        entry = LogEntry.from_bytes(given.entry)
    except MalformedEvidence as error:
        yield CLAIM.fails("entry", error.code, str(error))
        return
    expected = due_entry(evidence)
    differing = [
        what
        for what, found, wanted in (
            ("statement", entry.statement_sha256, expected.statement_sha256),
            ("envelope", entry.envelope_sha256, expected.envelope_sha256),
            ("record ID", entry.record_id, expected.record_id),
            ("kind", entry.kind, expected.kind),
        )
        if found != wanted
    ]
    if differing:
        detail = f"the entry names another {' and another '.join(differing)}"
        yield CLAIM.fails("entry", "LOG_ENTRY_MISMATCH", detail)
        return
    yield CLAIM.passes("entry", f"a {entry.kind}'s entry", ("entry.json", given.entry))


def due_entry(evidence: Evidence) -> LogEntry:
    """The leaf that this statement and envelope must have. Raises as the evidence does."""
    envelope, capture_id = evidence.envelope_bytes, evidence.look.capture_id
    return LogEntry(
        kind="capture" if evidence.statement.predicate_type == CAPTURE_V1 else "observation",
        record_id=None if capture_id is None else str(capture_id),
        statement_sha256=sha256_hex(evidence.envelope.payload),
        envelope_sha256=None if isinstance(envelope, Absent) else sha256_hex(envelope),
    )
