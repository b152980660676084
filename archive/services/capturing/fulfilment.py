# SPDX-License-Identifier: Apache-2.0
"""Answers what a request got: its record, nothing yet, or "somebody is at it".

A request is a name that its maker chooses and keeps (`<job ID>/<item>.<try>`). Made again after
a crash it gets the record that the first run signed, never a second one.
"""

import json

from archive.canonical import JsonValue
from archive.catalog import evidence, requests, sequence
from archive.errors import NotFound, RequestUnderWay
from archive.services.context import Archive
from archive.services.ownership import is_gone
from archive.services.reading.show import read_observation
from archive.services.recovery.recover import recover


def record_of(archive: Archive, request: str) -> str | None:
    """The capture ID or observation digest that the request got; None when it is free.

    What a dead process left open is settled first. Raises RequestUnderWay when the process that
    works on it lives (or may live, on another machine), StorageError, CatalogError.
    """
    archive.owed.settle(archive.database)
    with archive.database.reading() as connection:
        claim = requests.claim_of(connection, request)
        if claim is None or claim.record is not None:
            return None if claim is None else claim.record
        reserved = sequence.open_reservation(connection, claim.kind, claim.number)
    if reserved is not None:
        if not is_gone(reserved, archive.clock.now()):
            raise RequestUnderWay("another process works on the same request: wait for it")
        recover(archive)
    with archive.database.writing() as connection:
        if sequence.open_reservation(connection, claim.kind, claim.number) is not None:
            raise RequestUnderWay("what a dead process left of this request cannot be settled yet")
        requests.settle(connection, claim.kind, [claim.number])
        settled = requests.claim_of(connection, request)
    return None if settled is None else settled.record


def read_record(archive: Archive, record: str) -> dict[str, JsonValue]:
    """The JSON of a capture, by ID, or of an observation, by digest. Raises NotFound."""
    with archive.database.reading() as connection:
        row = evidence.capture_by_id(connection, record)
    if row is not None:
        found: dict[str, JsonValue] = json.loads(row.record_json)
        return found
    if "-" in record:
        raise NotFound(f"there is no record {record}")
    return read_observation(archive, record)
