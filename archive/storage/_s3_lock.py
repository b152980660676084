# SPDX-License-Identifier: Apache-2.0
"""Object lock on S3: what an object is made with, and what is in force afterwards.

A lock is on a version. COMPLIANCE is lifted by nobody before its end, GOVERNANCE by whoever has
the right to bypass it, a legal hold by whoever has the right to set it.
"""

import datetime as dt
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from archive.clock import UTC, Clock
from archive.errors import StorageRefused
from archive.model.lock import NO_LOCK, LockPromise, ObjectLock
from archive.storage._s3_bucket import Bucket
from archive.storage._s3_client import status_of
from archive.storage.layout import is_content

_MISSING = {"NoSuchKey", "NoSuchVersion", "NoSuchBucket"}
_UNKNOWN_TO_SERVER = {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}


class Locks:
    """The locks in one bucket, by what the archive promises (None: it locks nothing)."""

    def __init__(self, bucket: Bucket, promise: LockPromise | None, clock: Clock) -> None:
        self._bucket = bucket
        self.promise = promise
        self._clock = clock

    def creation(self, key: str) -> dict[str, Any]:
        """The members of the request that makes an object."""
        if self.promise is None:
            return {}
        members: dict[str, Any] = {
            "ObjectLockMode": self.promise.mode(is_content=is_content(key)),
            "ObjectLockRetainUntilDate": self.promise.end(self._clock.now()),
        }
        if is_content(key):
            members["ObjectLockLegalHoldStatus"] = "ON"
        return members

    def of(self, key: str, version_id: str | None) -> ObjectLock:
        """What is in force on a version (None: the present one). Raises ClientError."""
        target, client = self._version(key, version_id), self._bucket.client
        try:
            retention = client.get_object_retention(**target)["Retention"]
        except ClientError as error:
            if not says_no_lock(error):
                raise
            retention = {}
        try:
            hold = client.get_object_legal_hold(**target)["LegalHold"]
        except ClientError as error:
            if not says_no_lock(error):
                raise
            hold = {}
        until = retention.get("RetainUntilDate")
        return ObjectLock(
            retention.get("Mode"), until and until.astimezone(UTC), hold.get("Status") == "ON"
        )

    def prolong(self, key: str, version_id: str | None) -> None:
        """Lock what was there already as if it were made now. Raises ClientError."""
        if self.promise is None:
            return
        there = self.of(key, version_id)
        until = self.promise.end(self._clock.now())
        if there.until is None or until > there.until:
            mode = there.mode or self.promise.mode(is_content=is_content(key))
            self.retain(key, version_id, mode, until)
        if is_content(key) and not there.is_held:
            self._bucket.client.put_object_legal_hold(
                **self._version(key, version_id), LegalHold={"Status": "ON"}
            )

    def retain(self, key: str, version_id: str | None, mode: str, until: dt.datetime) -> None:
        """Ask for a retention of a version. Raises ClientError."""
        retention: Any = {"Mode": mode, "RetainUntilDate": until}
        self._bucket.client.put_object_retention(
            **self._version(key, version_id), Retention=retention
        )

    def erase(self, key: str, version_id: str, *, bypass: bool, is_marker: bool = False) -> None:
        """Delete one version. Raises StorageRefused while it is locked, ClientError."""
        target, client = self._version(key, version_id), self._bucket.client
        there = NO_LOCK if is_marker else self.of(key, version_id)
        is_kept = there.until is not None and there.until > self._clock.now()
        if (is_kept or there.is_held) and not bypass:
            raise StorageRefused(
                f"{key} is locked: it is erased only by an operator who bypasses the lock"
            )
        if there.is_held:
            client.put_object_legal_hold(**target, LegalHold={"Status": "OFF"})
        if is_kept:
            client.delete_object(**target, BypassGovernanceRetention=True)
        else:
            client.delete_object(**target)

    def _version(self, key: str, version_id: str | None) -> dict[str, Any]:
        selection = {} if version_id is None else {"VersionId": version_id}
        return self._bucket.target(key) | selection


def says_no_lock(error: ClientError) -> bool:
    """Whether the answer means that version, bucket or server has no lock."""
    status, code = status_of(error), error.response["Error"].get("Code", "")
    if status == HTTPStatus.NOT_FOUND:
        return code not in _MISSING
    # A bucket that was made without object lock answers InvalidRequest.
    is_unlocked_bucket = status == HTTPStatus.BAD_REQUEST and code == "InvalidRequest"
    return is_unlocked_bucket or status in _UNKNOWN_TO_SERVER
