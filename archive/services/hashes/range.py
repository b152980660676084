# SPDX-License-Identifier: Apache-2.0
"""Every part whose SHA-256 begins with a few digits, so that nobody needs to tell the whole one.

Whoever asks takes the range and compares at home. What it finds is a search; nothing is verified.
"""

import re

from archive.canonical import JsonValue
from archive.catalog.matches import parts_with_prefix
from archive.catalog.restrictions import Viewer
from archive.clock import rfc3339
from archive.errors import MalformedDigest
from archive.services.context import Archive

RANGE_LIMIT = 10_000
_PREFIX = re.compile(r"[0-9a-f]{5,8}", re.ASCII)


def hash_range(archive: Archive, prefix: str) -> JsonValue:
    """The range of a prefix of 5 to 8 hex digits, the same for everybody.

    Records that are hidden are left out, whoever asks. Raises MalformedDigest.
    """
    digits = prefix.lower()
    if not _PREFIX.fullmatch(digits):
        raise MalformedDigest("give the first 5 to 8 hex digits of a SHA-256")
    anybody = Viewer(None, rfc3339(archive.clock.now()))
    with archive.database.reading() as connection:
        found = parts_with_prefix(connection, digits, RANGE_LIMIT + 1, anybody)
    return {
        "prefix": digits,
        "is_complete": len(found) <= RANGE_LIMIT,
        "matches": [
            {"suffix": item.sha256[len(digits) :], "id": item.capture_id, "part": item.role}
            for item in found[:RANGE_LIMIT]
        ],
    }
