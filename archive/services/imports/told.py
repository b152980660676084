# SPDX-License-Identifier: Apache-2.0
"""What came of an import, as JSON: the same for the command line and for a job's result."""

from typing import TYPE_CHECKING

from archive.canonical import JsonValue
from archive.services.statements.record import record_json

if TYPE_CHECKING:
    from archive.services.imports.file import ImportedFile
    from archive.services.imports.gather import Gathered
    from archive.services.imports.mint import Minting


def imported_json(done: "ImportedFile") -> dict[str, JsonValue]:
    """An imported file."""
    return {
        "sha256": done.source.sha256,
        "form": done.source.form,
        "container_sha256": done.container_sha256,
        "records": done.records,
        "indexed": done.indexed,
        **_minting_json(done.minting),
        "flaws": [flaw.to_json() for flaw in done.flaws],
        "findings": [finding.to_json() for finding in done.findings],
        "already": done.is_already,
        "complete": done.is_complete,
    }


def gathered_json(done: "Gathered") -> dict[str, JsonValue]:
    """What was gathered out of another archive."""
    return {
        "asked": done.asked,
        "listed": done.wanted,
        "in_before": done.known,
        "taken": done.taken,
        "containers": list(done.containers),
        **_minting_json(done.minting),
        "findings": [finding.to_json() for finding in done.findings],
        "complete": done.is_complete,
    }


def _minting_json(minting: "Minting") -> dict[str, JsonValue]:
    return {
        "minted": [record_json(signed) for signed in minting.minted],
        "cited_before": list(minting.kept),
        "not_minted": [
            {
                "url": item.url,
                "date": item.date,
                "offset": item.offset,
                "outcome": item.outcome,
                "reason": item.reason,
            }
            for item in minting.refused
        ],
    }
