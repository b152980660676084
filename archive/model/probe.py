# SPDX-License-Identifier: Apache-2.0
"""What a store was seen to do, whatever its vendor or its settings claim.

The content of a `probe/v1` statement: what was observed, and what the archive promises from then
on for what it stores there.
"""

from dataclasses import asdict, dataclass
from typing import Self

from archive.canonical import JsonValue
from archive.errors import MalformedStatement
from archive.model.fields import Fields
from archive.model.lock import COMPLIANCE, DAYS_LIMIT, LEVELS, LockPromise


@dataclass(frozen=True, slots=True)
class LockCapabilities:
    """What a store did to canaries under lock. Each is judged by what was there afterwards.

    None is "could not be told": a store that deletes nothing for this caller, locked or not, shows
    nothing of its locks by keeping what is locked.
    """

    retention_kept: bool
    """It said that the retention asked for, or a longer one, is in force."""
    delete_refused: bool | None
    """It did not delete a version under COMPLIANCE."""
    shorten_refused: bool
    """It did not bring the end of a COMPLIANCE retention forward."""
    governance_kept: bool | None
    """It did not delete a version under GOVERNANCE for one who did not ask to bypass it."""
    hold_kept: bool | None
    """It did not delete a version under legal hold, even for one who asked to bypass GOVERNANCE."""


@dataclass(frozen=True, slots=True)
class StoreCapabilities:
    """What a store was seen to do in a probe."""

    create_only: bool
    """It refused to overwrite an object when asked to create one."""
    checksum_refused: bool
    """It refused bytes that do not have the SHA-256 sent with them."""
    versioned: bool
    """It gave what it stored a version of its own."""
    parts_create_only: bool = False
    """It refused to overwrite an object by completing an upload in parts."""
    lock: LockCapabilities | None = None
    """What it did under lock; None when it would lock nothing, or was not asked to."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One probe of one store. `store` is the store's name; `at` is RFC 3339.

    `promise` is None when the archive promises no lock.
    """

    store: str
    at: str
    promise: LockPromise | None
    seen: StoreCapabilities

    @property
    def is_kept(self) -> bool | None:
        """Whether the store was seen to lock as promised; None when that could not be told."""
        lock = self.seen.lock
        if self.promise is None:
            return True
        if lock is None:
            return False
        answers = [lock.retention_kept, lock.governance_kept, lock.hold_kept]
        if self.promise.signed_mode == COMPLIANCE:
            answers += [lock.delete_refused, lock.shorten_refused]
        if False in answers:
            return False
        return None if None in answers else True

    def to_json(self) -> dict[str, JsonValue]:
        """The content file's value."""
        promise, lock = self.promise, self.seen.lock
        return {
            "v": 1,
            "store": self.store,
            "at": self.at,
            "promise": None if promise is None else asdict(promise),
            "observed": {
                "create_only": self.seen.create_only,
                "parts_create_only": self.seen.parts_create_only,
                "checksum_refused": self.seen.checksum_refused,
                "versioned": self.seen.versioned,
                "lock": None if lock is None else asdict(lock),
            },
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The probe of a content file. Raises MalformedStatement."""
        fields = Fields(value, MalformedStatement, "probe")
        fields.constant("v", 1)
        promised = fields.optional_object("promise")
        promise = None
        if promised is not None:
            promise = LockPromise(promised.choice("level", LEVELS), promised.count("days"))
            promised.end()
            if not 1 <= promise.days <= DAYS_LIMIT:
                raise MalformedStatement(f"a lock of {promise.days} days is promised")
        probe = cls(
            store=fields.text("store"),
            at=fields.time("at"),
            promise=promise,
            seen=_observed(fields.object("observed")),
        )
        fields.end()
        return probe


def _observed(fields: Fields) -> StoreCapabilities:
    locked = fields.optional_object("lock")
    lock = None
    if locked is not None:
        lock = LockCapabilities(
            retention_kept=locked.flag("retention_kept"),
            delete_refused=locked.optional_flag("delete_refused"),
            shorten_refused=locked.flag("shorten_refused"),
            governance_kept=locked.optional_flag("governance_kept"),
            hold_kept=locked.optional_flag("hold_kept"),
        )
        locked.end()
    seen = StoreCapabilities(
        create_only=fields.flag("create_only"),
        parts_create_only=fields.flag("parts_create_only"),
        checksum_refused=fields.flag("checksum_refused"),
        versioned=fields.flag("versioned"),
        lock=lock,
    )
    fields.end()
    return seen
