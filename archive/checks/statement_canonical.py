# SPDX-License-Identifier: Apache-2.0
"""Claim statement.canonical: the signed bytes are RFC 8785 and of a known schema."""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.errors import MalformedEvidence, MalformedJson
from archive.model.claim import Finding
from archive.model.look import IMPORT_VANTAGE, UNKNOWN_LANGUAGE, Look
from archive.model.outcome import OutcomeKind
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
        look = evidence.look
    except MalformedJson as error:
        yield CLAIM.fails("statement", "STATEMENT_NOT_CANONICAL", str(error), payload)
        return
    except MalformedEvidence as error:
        yield CLAIM.fails("statement", "STATEMENT_SCHEMA", str(error), payload)
        return
    contradiction = _contradiction(look, is_capture=kind == CAPTURE_V1)
    if contradiction is not None:
        yield CLAIM.fails("statement", "STATEMENT_SCHEMA", contradiction, payload)
        return
    yield CLAIM.passes("statement", f"RFC 8785, {kind}", payload)


def _contradiction(look: Look, *, is_capture: bool) -> str | None:
    if (look.capture_id is not None) != is_capture:
        return "only a capture statement names a capture"
    if (look.outcome is OutcomeKind.OK) != is_capture:
        return f"the outcome {look.outcome.value} is not that of a {_noun(is_capture=is_capture)}"
    if (look.imported is not None) != (look.mode == "import"):
        return "an imported capture, and no other, names where it comes from"
    if look.imported is not None and not _is_only_given(look):
        return "an imported capture tells of what the archive did not see"
    if (look.received_at is None) != (look.status is None):
        return "a response has a status and a time at which it came, or neither"
    # One form of time, so that the order of the texts is that of the moments.
    if look.received_at is not None and look.received_at < look.requested_at:
        return f"it was received at {look.received_at}, before {look.requested_at}, when asked for"
    return None


def _is_only_given(look: Look) -> bool:
    seen = (look.remote_address, look.tls_leaf_sha256)
    return (
        look.capture_id is not None
        and seen == (None, None)
        and not look.redirects
        and look.received_at == look.requested_at
        and (look.vantage, look.language) == (IMPORT_VANTAGE, UNKNOWN_LANGUAGE)
    )


def _noun(*, is_capture: bool) -> str:
    return "capture" if is_capture else "observation"
