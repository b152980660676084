# SPDX-License-Identifier: Apache-2.0
"""Which version of an object is the one that the archive wrote: the first.

Every key is created once, so whatever came after the first version (another version, a delete
marker) is not the archive's. That rule needs nothing kept beside the objects: the server's own
list of versions says which is which, and under object lock nobody can remove the first one.
"""

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from botocore.exceptions import ClientError

from archive.storage._s3_bucket import Bucket
from archive.storage._s3_client import status_of

_log = logging.getLogger(__name__)

_REMEMBERED = 50_000
_PAGE = 1000
_PAGE_OF_ONE_KEY = 20
_NOT_TOLD = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_IMPLEMENTED,
}


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or a delete marker (which has no bytes)."""

    version_id: str
    size: int
    made_at: dt.datetime
    is_delete_marker: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """What lies under one key: its versions, the newest first, and its delete markers."""

    key: str
    versions: list[Version]
    markers: list[Version]

    @property
    def first(self) -> Version | None:
        """The version that the archive wrote; None when there are delete markers alone."""
        return self.versions[-1] if self.versions else None

    @property
    def foreign(self) -> list[Version]:
        """All that is not the archive's."""
        return self.versions[:-1] + self.markers


class Versions:
    """The versions in one bucket. Safe to use from many threads."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._are_kept: bool | None = None
        self._first: dict[str, str] = {}

    def are_kept(self) -> bool:
        """Whether the bucket keeps versions, or has kept some. Asked once.

        Where that is not told, the versions that it lists show it. One that lists none either is
        taken for one that keeps none, until a put shows otherwise.
        """
        if self._are_kept is None:
            self._are_kept = self._asked()
        return self._are_kept

    def note_kept(self) -> None:
        """Take it as seen that the bucket keeps versions."""
        self._are_kept = True

    def history(self, key: str) -> History | None:
        """What lies under one key, or None."""
        # Of all names that begin with it, the key itself is listed first.
        found = next(self.histories(key, _PAGE_OF_ONE_KEY), None)
        return found if found is not None and found.key == key else None

    def first_id(self, key: str) -> str | None:
        """The first version's ID, or None when there is no version."""
        if key in self._first:
            return self._first[key]
        history = self.history(key)
        first = history.first if history else None
        return first.version_id if first else None

    def forget(self, key: str) -> None:
        """Forget which version of an object was the first, since there is none any more."""
        self._first.pop(key, None)

    def histories(self, prefix: str, page: int = _PAGE) -> Iterator[History]:
        """What lies under each key that begins with the prefix, in the order of the server."""
        pages = self._bucket.client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket.name,
            Prefix=self._bucket.prefix + prefix,
            PaginationConfig={"PageSize": page},
        )
        open_ones: dict[str, History] = {}
        for answer in pages:
            last = ""
            for entry in answer.get("Versions", []):
                last = entry["Key"]
                version = Version(entry["VersionId"], entry["Size"], entry["LastModified"])
                self._of(open_ones, last).versions.append(version)
            # A key's versions may go on in the next page; all before it are complete.
            unfinished = {last}
            for marker in answer.get("DeleteMarkers", []):
                last = marker["Key"]
                deletion = Version(
                    marker["VersionId"], 0, marker["LastModified"], is_delete_marker=True
                )
                self._of(open_ones, last).markers.append(deletion)
            unfinished |= {last, answer.get("NextKeyMarker", "")}
            for name in [name for name in open_ones if name not in unfinished]:
                yield self._finished(open_ones.pop(name))
        yield from map(self._finished, open_ones.values())

    def _of(self, open_ones: dict[str, History], name: str) -> History:
        if name not in open_ones:
            open_ones[name] = History(name.removeprefix(self._bucket.prefix), [], [])
        return open_ones[name]

    def _finished(self, history: History) -> History:
        if history.first is not None:
            if len(self._first) >= _REMEMBERED:
                self._first.clear()
            self._first[history.key] = history.first.version_id
        return history

    def _asked(self) -> bool:
        try:
            answer = self._bucket.client.get_bucket_versioning(Bucket=self._bucket.name)
        except ClientError as error:
            if status_of(error) not in _NOT_TOLD:
                raise
            _log.info("the bucket does not tell whether it keeps versions: %s", status_of(error))
            return self._lists_some()
        return "Status" in answer

    def _lists_some(self) -> bool:
        try:
            answer = self._bucket.client.list_object_versions(
                Bucket=self._bucket.name, Prefix=self._bucket.prefix
            )
        except ClientError as error:
            if status_of(error) not in _NOT_TOLD:
                raise
            _log.warning(
                "the bucket neither tells whether it keeps versions nor lists them: the newest is "
                "read, whoever wrote it; give the archive the right s3:ListBucketVersions"
            )
            return False
        found = answer.get("Versions", [])
        return bool(answer.get("DeleteMarkers")) or any(v["VersionId"] != "null" for v in found)
