# SPDX-License-Identifier: Apache-2.0
"""Claim storage.lock: what the archive promised to lock is locked, for as long as it promised.

The promise is the one that the archive signed in its latest probe before the record was made;
whether it is kept is the store's own word about the record's own files, not the settings'.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from archive.checks.evidence import Absent, Claim, Evidence
from archive.clock import parse_rfc3339, rfc3339
from archive.model.claim import Finding
from archive.model.lock import COMPLIANCE, LockPromise, ObjectLock

CLAIM = Claim(
    "storage.lock",
    "Does the store still lock the record's files as the archive promised?",
    ("inventory.bound",),
)


def run(evidence: Evidence) -> Iterator[Finding]:
    """One finding for each file under a promise; one for all without."""
    facts, look = evidence.store, evidence.look
    if facts is None:
        yield CLAIM.unknown("store", "LOCK_UNASKED", "there is no store at hand to ask")
        return
    made_at = parse_rfc3339(look.received_at or look.requested_at)
    promise = facts.promise(made_at)
    if isinstance(promise, Absent):
        yield CLAIM.unknown("store", "LOCK_UNASKED", f"the promise: {promise.detail}")
    elif promise is None:
        yield CLAIM.not_applicable("store", "no lock was promised when this was recorded")
    elif (end := promise.end(made_at)) <= facts.now:
        yield CLAIM.not_applicable("store", f"the lock was promised until {rfc3339(end)}")
    else:
        files = {"statement": "statement", "inventory": "inventory"}
        for container in evidence.inventory.containers:
            left = evidence.remaining(container)
            if left is not None:
                files[f"container:{left.sha256[:12]}"] = left.sha256
        for target, name in files.items():
            wanted = Wanted.of(promise, made_at, is_content=name != "statement")
            yield judged(target, facts.lock(name), wanted)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The lock that one file must have."""

    mode: str
    end: dt.datetime
    is_held: bool

    @classmethod
    def of(cls, promise: LockPromise, made_at: dt.datetime, *, is_content: bool) -> "Wanted":
        """What was promised for a file of something that was made at a time."""
        return cls(promise.mode(is_content=is_content), promise.end(made_at), is_content)


def judged(target: str, lock: ObjectLock | Absent, wanted: Wanted) -> Finding:
    """The finding about one file, by what the store says of it."""
    if isinstance(lock, Absent):
        return CLAIM.unknown(target, "LOCK_UNASKED", lock.detail)
    if lock.mode is None or lock.until is None:
        return CLAIM.fails(target, "LOCK_ABSENT", "the store says that no retention is in force")
    said = f"{lock.mode} until {rfc3339(lock.until)}{', legal hold' if lock.is_held else ''}"
    lacking = ""
    if lock.mode not in {wanted.mode, COMPLIANCE}:
        lacking = wanted.mode
    elif lock.until < wanted.end:
        lacking = f"until {rfc3339(wanted.end)}"
    elif wanted.is_held and not lock.is_held:
        lacking = "a legal hold"
    if lacking:
        return CLAIM.fails(target, "LOCK_SHORT", f"{said}: promised was {lacking}")
    return CLAIM.passes(target, said)
