# SPDX-License-Identifier: Apache-2.0
"""Objects in a bucket of Amazon S3 or a compatible server.

Servers differ in what they do with conditional writes, checksums and locks, and some ignore them
in silence. So nothing is assumed: a probe sees what the server really does before the first write.
"""

import contextlib
import datetime as dt
import email.utils
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from archive.clock import Clock, SystemClock
from archive.errors import (
    InputError,
    ObjectMissing,
    SettingsError,
    StorageError,
    StorageRefused,
)
from archive.model.lock import LockPromise, ObjectLock
from archive.model.probe import StoreCapabilities
from archive.proofs.log_layout import LATEST
from archive.storage._s3_bucket import Bucket
from archive.storage._s3_client import PARALLEL, UNSUPPORTED, new_client, status_of, translating
from archive.storage._s3_lock import Locks
from archive.storage._s3_parts import UploadSizes
from archive.storage._s3_probe import Probe
from archive.storage._s3_versions import History, Version, Versions
from archive.storage._source import (
    checked_sha256,
    digest_of,
    refuse_other_digest,
    require_source,
    source_pieces,
    source_size,
)
from archive.storage.base import (
    ForeignVersion,
    StoredObject,
    StoreOptions,
    Writing,
    checked_blob,
    checked_key,
    checked_prefix,
    checked_range,
    checked_replaceable,
    exact_range,
    is_key,
    refuse_other_bytes,
)

_log = logging.getLogger(__name__)

# Each takes a page of versions; a server that deletes nothing must not be asked for ever.
_ERASE_ROUNDS = 50


def open_url(url: str, options: StoreOptions) -> "S3Store":
    """The store of `s3://BUCKET` or `s3://BUCKET/PREFIX`. Raises SettingsError."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket or set(url) & set("?#@"):
        raise SettingsError("an S3 store is written `s3://BUCKET/PREFIX`, without keys or options")
    try:
        return S3Store(
            bucket, prefix.removesuffix("/"), options.endpoint, means=Means(promise=options.promise)
        )
    except InputError as error:
        raise SettingsError("the prefix of the S3 store must follow the key grammar") from error


@dataclass(frozen=True, slots=True)
class Means:
    """What a store in S3 works with beside its bucket: the lock promised, clock, pauses, sizes."""

    promise: LockPromise | None = None
    clock: Clock = field(default_factory=SystemClock)
    sleep: Callable[[float], None] = time.sleep
    sizes: UploadSizes = field(default_factory=UploadSizes)


class S3Store:
    """A write-once store in a bucket that exists, under an optional prefix.

    Credentials and region come from where boto3 looks for them (environment, profile, role); they
    never pass through here. What the caller can rely on depends on what `capabilities` saw:
    - create_only: the server itself decides which of two writers wins (`If-None-Match: *`). Without
      it an object is looked for, written and read back. Two writers of different bytes
      at the same moment can then both look first, and the later one wins unseen by the earlier:
      the caller's own uniqueness (the catalogue's) must keep them apart. So it is everywhere for
      files above 5 GiB, which are sent in parts.
    - checksum_refused: the server compares each object with the SHA-256 sent along. Without it each
      object is read back after it was written.
    - versioned: the first version of each object is the one that is read, whatever was put over it
      or deleted since; `foreign_versions` names what was.

    When a lock is promised, every object is locked as it is made, and a bucket that was not seen
    to lock is not written to. What is put again is locked anew, from now on.

    The ETag is used for nothing: it is no digest of a multipart or encrypted object. A store that
    answers 403 refuses; it is not taken for a missing object, even where S3 means one (a key
    that is not there, asked for without the right to list). Durability is the server's word: an
    object counts as stored when the server has acknowledged it.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        endpoint: str | None = None,
        *,
        means: Means | None = None,
    ) -> None:
        means = means or Means()
        self.name = f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"
        self.is_served = True
        self.promise = means.promise
        self._bucket = Bucket(
            new_client(endpoint),
            bucket,
            f"{checked_key(prefix)}/" if prefix else "",
            means.sleep,
        )
        self._sizes = means.sizes
        self._versions = Versions(self._bucket)
        self._locks = Locks(self._bucket, means.promise, means.clock)
        self._probe = Probe(self._bucket, self._versions, self._locks, means.clock)
        self._seen: StoreCapabilities | None = None
        self._probing = threading.Lock()

    def close(self) -> None:
        """Close the connections that are kept for the next request."""
        self._bucket.client.close()

    def capabilities(self) -> StoreCapabilities:
        """What the server does, seen by a probe that is made once, at the latest by a write.

        Raises StorageRefused when a lock is promised and the bucket was not seen to lock.
        """
        with self._probing:
            if self._seen is None:
                with translating("the probe"):
                    seen = self._probe.basics()
                    if self.promise is not None and not self._probe.locks_as(self.promise):
                        raise StorageRefused(
                            f"{self.name} does not lock what is put there, and store.lock is "
                            f"{self.promise.level!r}: use a bucket made with object lock, with the "
                            'right to set retention, or set store.lock to "none"'
                        )
                _log.info("store probed: %s", seen)
                self._seen = seen
            return self._seen

    def probe(self) -> StoreCapabilities:
        """Everything that can be seen of the server, observed anew.

        Leaves canaries of a few bytes under `probe/`: two under lock, for a minute, where the
        server locks; all where it refuses to delete.
        """
        with translating("the probe"):
            return replace(
                self._probe.basics(),
                parts_create_only=self._probe.parts_create_only(),
                lock=self._probe.lock(),
            )

    def put(self, key: str, data: bytes) -> None:
        """Store an object under a key that is new, or holds the same bytes."""
        checked_key(key)
        seen = self.capabilities()
        create = self._bucket.create if seen.create_only else self._bucket.create_unguarded
        with translating(key):
            made = create(key, partial(self._send, key, data))
        if not (made and seen.create_only and seen.checksum_refused and self._is_alone(key)):
            refuse_other_bytes(key, self.get(key), data)
        if not made:
            self.prolong(key)

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Store a group, eight at a time."""
        for key, _ in objects:
            checked_key(key)
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(lambda item: self.put(*item), objects))

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        """Store a file: by one PUT up to 5 GiB, in parts above that, and then read back."""
        checked_key(key)
        checked_sha256(sha256)
        require_source(path, digest_of(source_pieces(path)), sha256)
        seen = self.capabilities()
        is_whole = source_size(path) <= self._sizes.single_bytes
        send = self._send_file if is_whole else self._send_parts
        with translating(key):
            # Some servers overwrite when parts are completed, whatever the condition.
            if seen.create_only and (is_whole or not self._bucket.exists(key)):
                made = self._bucket.create(key, partial(send, key, path, sha256))
            else:
                made = self._bucket.create_unguarded(key, partial(send, key, path, sha256))
        is_proven = made and is_whole and seen.create_only and seen.checksum_refused
        if not (is_proven and self._is_alone(key)):
            refuse_other_digest(key, self.stream(key), sha256)
        # Ceph takes the lock that an upload in parts begins with, and sets none (16.2, seen).
        if not (made and is_whole):
            self.prolong(key)

    def get(self, key: str) -> bytes:
        """The whole object, in its first version."""
        checked_key(key)
        with translating(key):
            return self._bucket.answer(key, **self._pinned(key))["Body"].read()

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`, in the first version."""
        checked_key(key)
        checked_range(offset, length)
        with translating(key):
            pinned = self._pinned(key)
            if length == 0:  # HTTP has no empty range
                self._bucket.client.head_object(**self._bucket.target(key) | pinned)
                return b""
            answer = self._bucket.answer(
                key, Range=f"bytes={offset}-{offset + length - 1}", **pinned
            )
            with contextlib.closing(answer["Body"]) as body:
                if "ContentRange" in answer:
                    data = body.read()
                else:  # a server may ignore the range and send all (RFC 9110, 14.2)
                    data = body.read(offset + length)[offset:]
        return exact_range(key, data, length)

    def stream(self, key: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """The object in chunks, in its first version; memory stays flat."""
        checked_key(key)
        with translating(key):
            answer = self._bucket.answer(key, **self._pinned(key))
            with contextlib.closing(answer["Body"]) as body:
                yield from body.iter_chunks(chunk_bytes)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every object whose key begins with the prefix, in the order the server lists them.

        By S3's documentation that is key order. SeaweedFS lists folder by folder instead: `a/x`
        before `a-b`. Sorting here would hold all names of the bucket in memory. Where versions
        are kept, an object under a delete marker is listed too, and each with its first size.
        """
        checked_prefix(prefix)
        with translating(prefix or "the store"):
            for key, size in self._listed(prefix):
                if is_key(key):
                    yield StoredObject(key, size)
                else:
                    _log.warning("not an object of the store, left alone: %r", key)

    def replace(self, key: str, data: bytes) -> None:
        """Put the object, unlocked; where versions are kept it is the newest of them."""
        checked_replaceable(key)
        self.capabilities()
        with translating(key):
            self._bucket.send(key, data)

    def newest(self, key: str) -> bytes:
        """The object, in its newest version."""
        checked_replaceable(key)
        with translating(key):
            return self._bucket.answer(key)["Body"].read()

    def lock_of(self, key: str) -> ObjectLock:
        """What is in force on the first version of an object."""
        checked_key(key)
        with translating(key):
            pinned = self._pinned(key)
            if not pinned:
                # Asked for a lock, a bucket without locks tells nothing of the object.
                self._bucket.client.head_object(**self._bucket.target(key))
            return self._locks.of(key, pinned.get("VersionId"))

    def prolong(self, key: str) -> None:
        """Lock the first version of an object as if it were stored now."""
        checked_key(key)
        if self.promise is not None:
            with translating(key):
                self._locks.prolong(key, self._pinned(key).get("VersionId"))

    def erase(self, key: str, *, bypass_lock: bool = False) -> bool:
        """Remove every version of a blob, and every delete marker over it."""
        checked_blob(key)
        with translating(key):
            if not self._versions.are_kept():
                is_there = self._bucket.exists(key)
                self._bucket.client.delete_object(**self._bucket.target(key))
                return is_there
            erased = False
            for _ in range(_ERASE_ROUNDS):
                history = self._versions.history(key)
                if history is None:
                    return erased
                for version in (*history.versions, *history.markers):
                    self._locks.erase(
                        key,
                        version.version_id,
                        bypass=bypass_lock,
                        is_marker=version.is_delete_marker,
                    )
                    erased = True
                self._versions.forget(key)
        raise StorageRefused(f"{self.name} still has versions of {key} after they were deleted")

    def check_writable(self, key: str) -> Writing:
        """Offers the same bytes again under the key, to be created only if nothing lies there.

        A server that honours `If-None-Match` refuses them (412) once it has checked the caller's
        right to write. One that does not stores the same bytes once more.
        """
        data = self.get(key)
        with translating("a write"):
            try:
                is_made = self._bucket.create(key, partial(self._send, key, data))
            except ClientError as error:
                if status_of(error) in UNSUPPORTED:
                    return Writing.UNKNOWN
                raise
        return Writing.OVERWRITES if is_made else Writing.CREATES_ONLY

    def server_time(self) -> dt.datetime | None:
        """The `Date` of the server's answer, also of one that refuses (RFC 9110, 6.6.1)."""
        try:
            with translating("the server's clock"):
                answer = self._bucket.client.head_bucket(Bucket=self._bucket.name)
            headers = answer["ResponseMetadata"]["HTTPHeaders"]
        except StorageError as error:
            if not isinstance(error.__cause__, ClientError):
                raise
            headers = error.__cause__.response["ResponseMetadata"]["HTTPHeaders"]
        stated = headers.get("date", "")
        try:
            return email.utils.parsedate_to_datetime(stated).astimezone(dt.UTC)
        except ValueError:
            return None

    def foreign_versions(self, prefix: str = "") -> Iterator[ForeignVersion]:
        """What somebody put over objects of the store: later versions, and delete markers.

        A version with the bytes of the first one is none: where the server does not honour the
        condition, two writers of the same bytes make two versions.
        """
        checked_prefix(prefix)
        with translating(prefix or "the store"):
            if not self._versions.are_kept():
                return
            for history in self._versions.histories(prefix):
                if history.key == LATEST:
                    continue
                for version in history.foreign:
                    if not self._repeats_first(history, version):
                        yield ForeignVersion(
                            history.key, version.version_id, is_deletion=version.is_delete_marker
                        )

    def _repeats_first(self, history: History, version: Version) -> bool:
        first = history.first
        if first is None or version.is_delete_marker or version.size != first.size:
            return False
        found, wanted = (
            digest_of(self._bucket.answer(history.key, VersionId=name)["Body"].iter_chunks(1 << 20))
            for name in (version.version_id, first.version_id)
        )
        return found == wanted

    def _pinned(self, key: str) -> dict[str, Any]:
        """The selection of the first version; none where the bucket keeps no versions."""
        if not self._versions.are_kept():
            return {}
        first = self._versions.first_id(key)
        if first is None:
            raise ObjectMissing(f"nothing lies under {key}")
        return {"VersionId": first}

    def _is_alone(self, key: str) -> bool:
        """Whether no other version can be the first: an object may lie under a delete marker."""
        if not self._versions.are_kept():
            return True
        history = self._versions.history(key)
        return history is not None and len(history.versions) == 1

    def _listed(self, prefix: str) -> Iterator[tuple[str, int]]:
        if self._versions.are_kept():
            for history in self._versions.histories(prefix):
                if history.first is not None:
                    yield history.key, history.first.size
            return
        pages = self._bucket.client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket.name, Prefix=self._bucket.prefix + prefix
        )
        for entry in (entry for page in pages for entry in page.get("Contents", [])):
            yield entry["Key"].removeprefix(self._bucket.prefix), entry["Size"]

    def _send(self, key: str, data: bytes, **conditions: Any) -> None:
        self._bucket.send(key, data, **self._locks.creation(key), **conditions)

    def _send_file(self, key: str, path: Path, sha256: str, **conditions: Any) -> None:
        self._bucket.send_file(key, path, sha256, **self._locks.creation(key), **conditions)

    def _send_parts(self, key: str, path: Path, _sha256: str, **conditions: Any) -> None:
        part_bytes = self._sizes.part_bytes_of(source_size(path))
        self._bucket.send_parts(key, path, part_bytes, self._locks.creation(key), **conditions)
