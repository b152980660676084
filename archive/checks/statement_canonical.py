# SPDX-License-Identifier: Apache-2.0
"""Claim statement.canonical: the signed bytes are RFC 8785 and of a known schema."""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.errors import MalformedEvidence, MalformedJson
from archive.model.claim import Finding
from archive.model.statement import CAPTURE_V1, OBSERVATION_V1

CLAIM = Claim(
    "statement.canonical",
    "Has the signed statement exactly one reading?",
    ("envelope.form", "signature"),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding about the statement's form."""
    payload = ("statement.json", evidence.envelope.payload)
    try:
        kind = evidence.statement.predicate_type
        if kind not in {CAPTURE_V1, OBSERVATION_V1}:
            yield CLAIM.fails(
                "statement", "STATEMENT_SCHEMA", f"{kind} says nothing of a capture", payload
            )
            return
        is_capture = evidence.look.capture_id is not None
    except MalformedJson as error:
        yield CLAIM.fails("statement", "STATEMENT_NOT_CANONICAL", str(error), payload)
        return
    except MalformedEvidence as error:
        yield CLAIM.fails("statement", "STATEMENT_SCHEMA", str(error), payload)
        return
    if is_capture != (kind == CAPTURE_V1):
        yield CLAIM.fails(
            "statement", "STATEMENT_SCHEMA", "only a capture statement names a capture", payload
        )
        return
    yield CLAIM.passes("statement", f"RFC 8785, {kind}", payload)
