# SPDX-License-Identifier: Apache-2.0
"""Sees what a server really does, with canaries of a few bytes under `probe/`.

Servers ignore conditions, checksums and locks in silence (seaweedfs/seaweedfs#11333 deleted what
it had accepted under COMPLIANCE). So no answer is believed: what counts is what lies there
afterwards. Canaries are deleted; those under lock stay until their minute is over, and are
deleted by a later probe.
"""

import datetime as dt
import logging
import secrets
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from archive.clock import UTC, Clock
from archive.model.lock import COMPLIANCE, GOVERNANCE, LockPromise
from archive.model.probe import LockCapabilities, StoreCapabilities
from archive.storage._s3_bucket import Bucket
from archive.storage._s3_client import UNSUPPORTED, is_passing, status_of
from archive.storage._s3_lock import Locks, says_no_lock
from archive.storage._s3_parts import sha256_base64
from archive.storage._s3_versions import Versions
from archive.storage.layout import PROBES, probe_key

_log = logging.getLogger(__name__)

_LOCK_SECONDS = 60
_SHORTENED_SECONDS = 30
_LEFTOVER_AGE = dt.timedelta(hours=1)
# A writer that starts must not spend long on what others left.
_LEFTOVERS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Probe:
    """Probes one bucket."""

    bucket: Bucket
    versions: Versions
    locks: Locks
    clock: Clock

    def basics(self) -> StoreCapabilities:
        """What every writer must know: create-only, checksums, versions."""
        canary, damaged = self._canary("canary"), self._canary("damaged")
        create_only = self._saw_create_only(canary)
        checksum_refused = self._saw_checksum_refused(damaged)
        is_versioned = self.bucket.version_id(canary) is not None
        if is_versioned:
            self.versions.note_kept()
        seen = StoreCapabilities(create_only, checksum_refused, is_versioned)
        self._delete(canary)
        self._delete(damaged)
        return seen

    def parts_create_only(self) -> bool:
        """Whether completing an upload in parts respects the object that is there."""
        key = self._canary("parts")
        self.bucket.send(key, b"first")
        client, target = self.bucket.client, self.bucket.target(key)
        upload = client.create_multipart_upload(**target)["UploadId"]
        part = client.upload_part(**target, UploadId=upload, PartNumber=1, Body=b"second")
        parts: Any = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        try:
            client.complete_multipart_upload(
                **target, UploadId=upload, MultipartUpload=parts, IfNoneMatch="*"
            )
        except ClientError as error:
            _log.info("completing parts was refused: %s", status_of(error))
            client.abort_multipart_upload(**target, UploadId=upload)
        is_first = self.bucket.answer(key)["Body"].read() == b"first"
        self._delete(key)
        return is_first

    def locks_as(self, promise: LockPromise) -> bool:
        """Whether what is signed would be locked as promised, in what a writer sees at its start.

        Leaves one canary under lock for a minute.
        """
        self._sweep()
        canary = self._locked("locked", {"ObjectLockMode": promise.signed_mode})
        if canary is None:
            return False
        is_kept = canary.is_under(promise.signed_mode) and canary.outlives_deletion()
        return is_kept and (promise.signed_mode != COMPLIANCE or canary.outlives_shortening())

    def lock(self) -> LockCapabilities | None:
        """All that a server does under lock; None when it will lock nothing.

        Leaves two canaries under lock for a minute.
        """
        self._sweep()
        strict = self._locked("locked", {"ObjectLockMode": COMPLIANCE})
        if strict is None:
            return None
        hold = {"ObjectLockMode": GOVERNANCE, "ObjectLockLegalHoldStatus": "ON"}
        held = self._locked("held", hold)
        deletes = self._deletes()
        retention_kept = strict.is_under(COMPLIANCE)
        delete_refused = _told(is_kept=strict.outlives_deletion(), is_tried=deletes)
        shorten_refused = strict.outlives_shortening()
        hold_kept, governance_kept = (
            self._of_held(held, deletes=deletes) if held else (False, False)
        )
        return LockCapabilities(
            retention_kept=retention_kept,
            delete_refused=delete_refused,
            shorten_refused=shorten_refused,
            governance_kept=governance_kept,
            hold_kept=hold_kept,
        )

    @staticmethod
    def _of_held(held: "_LockedCanary", *, deletes: bool) -> tuple[bool | None, bool | None]:
        """What legal hold and GOVERNANCE did."""
        outlived = held.outlives_deletion(BypassGovernanceRetention=True)
        hold_kept = _told(is_kept=outlived, is_tried=deletes)
        is_under = held.is_under(GOVERNANCE)
        is_released = held.release()
        outlived = held.outlives_deletion()
        held.outlives_deletion(BypassGovernanceRetention=True)
        governance_kept = _told(is_kept=is_under and outlived, is_tried=deletes and is_released)
        return hold_kept, governance_kept

    def _deletes(self) -> bool:
        """Whether a version without a lock is deleted for this caller."""
        key = self._canary("unlocked")
        version_id = self.bucket.send(key, b"unlocked")
        self._delete(key)
        selection = {} if version_id is None else {"VersionId": version_id}
        return not self.bucket.exists(key, **selection)

    def _locked(self, word: str, lock: dict[str, Any]) -> "_LockedCanary | None":
        key = self._canary(word)
        until = self._from_now(_LOCK_SECONDS)
        try:
            version_id = self.bucket.send(key, b"locked", ObjectLockRetainUntilDate=until, **lock)
        except ClientError as error:
            if not (says_no_lock(error) or status_of(error) == HTTPStatus.FORBIDDEN):
                raise
            _log.info("the server locks nothing: %s", status_of(error))
            return None
        if version_id is None:
            # Without versions there is nothing that a lock could hold on to.
            self._delete(key)
            return None
        shorter = self._from_now(_SHORTENED_SECONDS)
        return _LockedCanary(self.bucket, self.locks, key, version_id, (until, shorter))

    def _from_now(self, seconds: int) -> dt.datetime:
        return self.clock.now().replace(microsecond=0) + dt.timedelta(seconds=seconds)

    def _saw_create_only(self, key: str) -> bool:
        try:
            self.bucket.create(key, partial(self._send, key, b"first"))
        except ClientError as error:
            if status_of(error) not in UNSUPPORTED:
                raise
            self.bucket.send(key, b"first")
            return False
        is_made_again = self.bucket.create(key, partial(self._send, key, b"second"))
        return not is_made_again and self.bucket.answer(key)["Body"].read() == b"first"

    def _send(self, key: str, data: bytes, **conditions: Any) -> None:
        self.bucket.send(key, data, **conditions)

    def _saw_checksum_refused(self, key: str) -> bool:
        # The right digest of the first canary was taken, so a refusal is about this wrong one.
        try:
            self.bucket.send(key, b"one", ChecksumSHA256=sha256_base64(b"another"))
        except ClientError as error:
            if status_of(error) != HTTPStatus.BAD_REQUEST:
                raise
            return True
        return False

    def _delete(self, key: str) -> None:
        """Delete a canary, every version of it."""
        try:
            if self.versions.are_kept():
                history = self.versions.history(key)
                for version in [*history.versions, *history.markers] if history else []:
                    self.bucket.client.delete_object(
                        **self.bucket.target(key), VersionId=version.version_id
                    )
            else:
                self.bucket.client.delete_object(**self.bucket.target(key))
        except ClientError as error:
            _log.info("the server keeps the canary %s: %s", key, status_of(error))

    def _sweep(self) -> None:
        """Delete what earlier probes left under lock, and no canary of a probe under way."""
        oldest = dt.datetime.now(UTC) - _LEFTOVER_AGE
        left = _LEFTOVERS_AT_ONCE
        for history in self.versions.histories(PROBES):
            if left and all(item.made_at < oldest for item in history.versions + history.markers):
                self._delete(history.key)
                left -= 1

    @staticmethod
    def _canary(word: str) -> str:
        return probe_key(secrets.token_hex(16), word)


@dataclass(frozen=True, slots=True)
class _LockedCanary:
    """A version under lock, on which is tried what must not work."""

    bucket: Bucket
    locks: Locks
    key: str
    version_id: str
    ends: tuple[dt.datetime, dt.datetime]
    """When its retention ends, and a time before that."""

    def is_under(self, mode: str) -> bool:
        lock = self.locks.of(self.key, self.version_id)
        return lock.mode == mode and lock.until is not None and lock.until >= self.ends[0]

    def outlives_deletion(self, **request: Any) -> bool:
        try:
            self.bucket.client.delete_object(**self._target(), **request)
        except ClientError as error:
            # A server in trouble has not refused: that would be seen in what was never tried.
            if is_passing(error):
                raise
            _log.debug("a locked canary was not deleted: %s", status_of(error))
        return self.bucket.exists(self.key, VersionId=self.version_id)

    def outlives_shortening(self) -> bool:
        if not self.bucket.exists(self.key, VersionId=self.version_id):
            return False
        try:
            self.locks.retain(self.key, self.version_id, COMPLIANCE, self.ends[1])
        except ClientError as error:
            if is_passing(error):
                raise
            _log.debug("a locked canary was not shortened: %s", status_of(error))
        return self.is_under(COMPLIANCE)

    def release(self) -> bool:
        """Lift the legal hold, so that the canary does not stay for good; whether that worked."""
        if not self.bucket.exists(self.key, VersionId=self.version_id):
            return True
        try:
            self.bucket.client.put_object_legal_hold(**self._target(), LegalHold={"Status": "OFF"})
        except ClientError as error:
            _log.warning("the canary %s stays under legal hold: %s", self.key, status_of(error))
            return False
        return True

    def _target(self) -> dict[str, Any]:
        return self.bucket.target(self.key) | {"VersionId": self.version_id}


def _told(*, is_kept: bool, is_tried: bool) -> bool | None:
    """What a deletion that was tried shows; one that never works shows nothing."""
    return None if is_kept and not is_tried else is_kept
