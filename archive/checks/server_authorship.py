# SPDX-License-Identifier: Apache-2.0
"""Claim server.authorship: that the server really authored the bytes. Never proven."""

from collections.abc import Iterator

from archive.checks.evidence import Claim, Evidence
from archive.model.claim import Finding

CLAIM = Claim("server.authorship", "Did the server at that URL really author these bytes?")


def run(evidence: Evidence) -> Iterator[Finding]:  # noqa: ARG001 - no evidence can prove it
    """One finding, always unknown."""
    yield CLAIM.unknown(
        "server",
        "NOT_PROVABLE",
        "TLS lets the archive know whom it spoke with, and proves nothing to others; what is "
        "proven is what the archive says that it received",
    )
