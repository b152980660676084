# SPDX-License-Identifier: Apache-2.0
"""Object lock: what an archive promises for what it stores, and what a store says is in force.

A promise has two halves. What is signed (envelopes, keysets, proofs, log) holds digests and can
be kept for good. Content (blobs, inventories) may have to be taken down one day, so it is held
by a lock that a person with the right to do so can lift, and by a legal hold that has no end.
"""

import datetime as dt
from dataclasses import dataclass

GOVERNANCE = "GOVERNANCE"
COMPLIANCE = "COMPLIANCE"
LEVELS = ("governance", "compliance")
DAYS_LIMIT = 36_500


@dataclass(frozen=True, slots=True)
class LockPromise:
    """What an archive locks its objects with, and for how many days from storing them.

    Level `compliance`: what is signed under COMPLIANCE, content under GOVERNANCE. Level
    `governance`: all under GOVERNANCE. Content has a legal hold too.
    """

    level: str
    days: int

    @property
    def signed_mode(self) -> str:
        """The mode of what is signed; that of content is GOVERNANCE at every level."""
        return COMPLIANCE if self.level == "compliance" else GOVERNANCE

    def end(self, start: dt.datetime) -> dt.datetime:
        """When the lock of what was stored at a time may end: whole seconds, never too early."""
        end = start + dt.timedelta(days=self.days)
        return end if not end.microsecond else end.replace(microsecond=0) + dt.timedelta(seconds=1)

    def mode(self, *, is_content: bool) -> str:
        """The mode that an object is locked with."""
        return GOVERNANCE if is_content else self.signed_mode


@dataclass(frozen=True, slots=True)
class ObjectLock:
    """What a store says of one object: retention mode and end (both or none), and legal hold."""

    mode: str | None
    until: dt.datetime | None
    is_held: bool


NO_LOCK = ObjectLock(None, None, is_held=False)
