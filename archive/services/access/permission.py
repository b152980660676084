# SPDX-License-Identifier: Apache-2.0
"""The one decision on what a reader may see of a record.

An open record is everybody's. A restricted one is seen whole by a key of scope `read` that was
granted it; anybody else sees what its metadata policy leaves: everything but the content, or
nothing but that it is restricted. No scope stands in for a grant.
"""

import enum
from dataclasses import dataclass

from archive.catalog import access
from archive.catalog.restrictions import Viewer
from archive.clock import rfc3339
from archive.model.restriction import HIDDEN, is_over
from archive.services.access.keys import Reader
from archive.services.context import Archive


class Sight(enum.Enum):
    """How much of a record a reader may see."""

    WHOLE = "whole"
    METADATA = "metadata"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Permission:
    """What a reader may see. `is_restricted` says that not everybody may see the whole.

    `until` is when the restriction ends by itself, None for never or for an open record.
    """

    sight: Sight
    is_restricted: bool
    until: str | None = None


OPEN = Permission(Sight.WHOLE, is_restricted=False)


def permission(
    archive: Archive, reader: Reader, record_id: str, policy: str | None, until: str | None
) -> Permission:
    """What the reader may see of a record; `archive.hot` gives its policy and end with its row."""
    if policy is None or is_over(until, archive.clock.now()):
        return OPEN
    if _is_granted(archive, reader, record_id):
        return Permission(Sight.WHOLE, is_restricted=True, until=until)
    sight = Sight.NOTHING if policy == HIDDEN else Sight.METADATA
    return Permission(sight, is_restricted=True, until=until)


def viewer(archive: Archive, reader: Reader) -> Viewer:
    """The reader as searches know it: hidden records that it was not granted are left out."""
    key_id = reader.key_id if "read" in reader.scopes else None
    return Viewer(key_id, rfc3339(archive.clock.now()))


def _is_granted(archive: Archive, reader: Reader, record_id: str) -> bool:
    if reader.key_id is None or "read" not in reader.scopes:
        return False
    with archive.database.reading() as connection:
        return access.is_granted(connection, reader.key_id, record_id)


def tells_actors(reader: Reader, found: Permission) -> bool:
    """Whether the reader is told which keys read a record: a curator, or one who was granted it."""
    is_granted = found.is_restricted and found.sight is Sight.WHOLE
    return is_granted or bool(reader.scopes & {"curate", "admin"})
