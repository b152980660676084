# SPDX-License-Identifier: Apache-2.0
"""Claim envelope.form: the statement file is one DSSE envelope with one reading."""

from collections.abc import Iterator

from archive.checks.evidence import Absent, Claim, Evidence
from archive.errors import MalformedEnvelope
from archive.model.claim import Finding

CLAIM = Claim("envelope.form", "Is the statement file a well-formed DSSE envelope?")


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about the envelope file."""
    data = evidence.envelope_bytes
    if isinstance(data, Absent):
        yield CLAIM.absent("statement", data)
        return
    try:
        envelope = evidence.envelope
    except MalformedEnvelope as error:
        yield CLAIM.fails("statement", error.code, str(error), ("statement.dsse.json", data))
        return
    yield CLAIM.passes(
        "statement",
        f"one signature, key {envelope.keyid[:8]}, strict form",
        ("statement.dsse.json", data),
    )
