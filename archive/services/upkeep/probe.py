# SPDX-License-Identifier: Apache-2.0
"""Probes the store and signs what was seen, with the lock that the archive promises from then on.

The promise counts for what is recorded afterwards, so a change of `store.lock` takes effect in
reports with the next probe.
"""

from dataclasses import dataclass

from archive.catalog.statements import latest_statement, statements_of_kind
from archive.clock import rfc3339
from archive.model.probe import ProbeResult
from archive.services.context import Archive, signing_key
from archive.services.statements.adopt import adopt_assertion
from archive.services.statements.assertion import Assertion, state
from archive.services.trust import trusted_keyset


@dataclass(frozen=True, slots=True)
class Probed:
    """A probe and the digest of its statement."""

    result: ProbeResult
    statement_sha256: str


def probe(archive: Archive) -> Probed:
    """What the store is seen to do now, signed and stored.

    Raises StorageRefused when a lock is promised and the store does not lock, SigningError,
    StorageError, CatalogError.
    """
    keyset = trusted_keyset(archive)
    key = signing_key(archive, keyset)
    result = ProbeResult(
        store=archive.store.name,
        at=rfc3339(archive.clock.now()),
        promise=archive.store.promise,
        seen=archive.store.probe(),
    )
    with archive.database.reading() as connection:
        before = latest_statement(connection, "probe")
    previous = before.statement_sha256 if before else None
    assertion = Assertion("probe", result.to_json(), previous=previous)
    stated = state(archive, key, [assertion])[0]
    return Probed(result, stated.row.statement_sha256)


def probe_when_new(archive: Archive) -> Probed | None:
    """A probe of a served store of which none says what is promised now, or None.

    Raises as `probe`.
    """
    if not archive.store.is_served:
        return None
    keyset = trusted_keyset(archive)
    with archive.database.reading() as connection:
        rows = statements_of_kind(connection, "probe")
    for row in rows:
        known: ProbeResult = adopt_assertion(archive.store, keyset, row.envelope_key).content
        if known.store == archive.store.name:
            return None if known.promise == archive.store.promise else probe(archive)
    return probe(archive)
