# SPDX-License-Identifier: Apache-2.0
"""What a token is got for: the statement of a capture, or a published checkpoint of the log."""

from dataclasses import dataclass

from archive.catalog import evidence
from archive.checks.stamped import CHECKPOINT_FILE, Stampable
from archive.clock import parse_rfc3339
from archive.errors import NotFound, ObjectMissing
from archive.ids import parse_id
from archive.model.inventory import Inventory
from archive.model.look import Look
from archive.model.statement import Statement
from archive.proofs.dsse import read_envelope
from archive.proofs.log_layout import checkpoint_key
from archive.services.context import Archive
from archive.storage.layout import blob_key, inventory_key


@dataclass(frozen=True, slots=True)
class Subject:
    """A capture by its ID (or a checkpoint by its size), and what tokens are over, under its key.

    `rests_on` are the keys of everything else that a renewal must cover; tokens are to be had of
    `wanted` authorities.
    """

    name: str
    key: str
    stampable: Stampable
    rests_on: tuple[str, ...]
    wanted: int


def subject_of(archive: Archive, name: str) -> Subject:
    """The subject of this name. Raises NotFound, MalformedEvidence, StorageError."""
    return _checkpoint(archive, name) if name.isdecimal() else _capture(archive, name)


def _checkpoint(archive: Archive, name: str) -> Subject:
    key = checkpoint_key(int(name))
    try:
        note = archive.store.get(key)
    except ObjectMissing as error:
        raise NotFound(f"there is no checkpoint of {name} entries") from error
    return Subject(
        name=name,
        key=key,
        stampable=Stampable(note, None, CHECKPOINT_FILE),
        rests_on=(),
        wanted=len(archive.timestamping.authorities),
    )


def _capture(archive: Archive, name: str) -> Subject:
    with archive.database.reading() as connection:
        row = evidence.capture_by_id(connection, name)
    if row is None:
        raise NotFound(f"there is no record {name}")
    message = archive.store.get(row.envelope_key)
    look = Look.from_predicate(Statement.from_bytes(read_envelope(message).payload).predicate)
    place = inventory_key(parse_id(name))
    inventory = Inventory.from_bytes(archive.store.get(place))
    containers = (blob_key(one.sha256) for one in inventory.containers)
    wanted = archive.timestamping
    return Subject(
        name=name,
        key=row.envelope_key,
        stampable=Stampable(message, parse_rfc3339(look.claimed_time), _file_of(row.envelope_key)),
        rests_on=(place, *containers),
        wanted=min(wanted.tokens or 1, len(wanted.authorities)),
    )


def _file_of(key: str) -> str:
    return key.rpartition("/")[2]
