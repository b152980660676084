# SPDX-License-Identifier: Apache-2.0
"""Reads what a record ID or an observation's digest names, as JSON."""

from archive.canonical import JsonValue
from archive.catalog import evidence
from archive.errors import NotFound
from archive.services.context import Archive
from archive.services.statements.adopt import adopt_observation
from archive.services.statements.record import record_json
from archive.services.trust import trusted_keyset


def read_observation(archive: Archive, statement_sha256: str) -> dict[str, JsonValue]:
    """The record of an observation, out of its signed files.

    Raises NotFound, MalformedEvidence when it does not hold, StorageError.
    """
    with archive.database.reading() as connection:
        row = evidence.observation_by_digest(connection, statement_sha256)
    if row is None:
        raise NotFound(f"there is no observation {statement_sha256}")
    signed = adopt_observation(archive.store, trusted_keyset(archive), row.envelope_key)
    return record_json(signed)
