# SPDX-License-Identifier: Apache-2.0
"""Objects in a bucket of Amazon S3 or a compatible server.

Servers differ in what they do with conditional writes and checksums, and some ignore both in
silence. So nothing is assumed: a probe sees what the server really does before the first write.
"""

import base64
import contextlib
import datetime as dt
import email.utils
import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from archive.errors import (
    InputError,
    ObjectMissing,
    SettingsError,
    StorageError,
    StorageRefused,
    StorageUnavailable,
)
from archive.storage._s3_client import PARALLEL, new_client, status_of, translating
from archive.storage.base import (
    StoreCapabilities,
    StoredObject,
    Writing,
    checked_key,
    checked_prefix,
    checked_range,
    exact_range,
    is_key,
    refuse_other_bytes,
)

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_log = logging.getLogger(__name__)

_CONFLICT_ATTEMPTS = 6
_CONFLICT_WAIT_SECONDS = 0.05
_PROBE_FOLDER = "probe"
# MinIO once answered a conditional put with 304 (minio/minio#19442).
_EXISTS = {304, 412}
_UNSUPPORTED = {400, 405, 501}


def open_url(url: str, endpoint: str | None) -> "S3Store":
    """The store of `s3://BUCKET` or `s3://BUCKET/PREFIX`. Raises SettingsError."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket or set(url) & set("?#@"):
        raise SettingsError("an S3 store is written `s3://BUCKET/PREFIX`, without keys or options")
    try:
        return S3Store(bucket, prefix.removesuffix("/"), endpoint)
    except InputError as error:
        raise SettingsError("the prefix of the S3 store must follow the key grammar") from error


class S3Store:
    """A write-once store in a bucket that exists, under an optional prefix.

    Credentials and region come from where boto3 looks for them (environment, profile, role); they
    never pass through here. What the caller can rely on depends on what `capabilities` saw:
    - create_only: the server itself decides which of two writers wins (`If-None-Match: *`). Without
      it an object is looked for, written and read back. Two writers of different bytes
      at the same moment can then both look first, and the later one wins unseen by the earlier:
      the caller's own uniqueness (the catalogue's) must keep them apart.
    - checksum_refused: the server compares each object with the SHA-256 sent along. Without it each
      object is read back after it was written.
    - versioned: an overwrite from outside leaves the old version readable (`get_version`).

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
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bucket = bucket
        self._prefix = f"{checked_key(prefix)}/" if prefix else ""
        self._client = new_client(endpoint)
        self._sleep = sleep
        self._seen: StoreCapabilities | None = None
        self._probing = threading.Lock()

    def close(self) -> None:
        """Close the connections that are kept for the next request."""
        self._client.close()

    def capabilities(self) -> StoreCapabilities:
        """What the server does, seen by a probe that is made once, at the latest by a write."""
        with self._probing:
            if self._seen is None:
                self._seen = self.probe()
            return self._seen

    def probe(self) -> StoreCapabilities:
        """Write canary objects under `probe/`, see what the server does, and delete them.

        A server that refuses to delete keeps two objects of a few bytes.
        """
        suffix = secrets.token_hex(16)
        canary, damaged = f"{_PROBE_FOLDER}/{suffix}.canary", f"{_PROBE_FOLDER}/{suffix}.damaged"
        with translating("the probe"):
            seen = StoreCapabilities(
                create_only=self._saw_create_only(canary),
                checksum_refused=self._saw_checksum_refused(damaged),
                versioned=self.version_id(canary) is not None,
            )
            self._delete(canary)
            self._delete(damaged)
        _log.info("store probed: %s", seen)
        return seen

    def put(self, key: str, data: bytes) -> None:
        """Store an object under a key that is new, or holds the same bytes."""
        checked_key(key)
        seen = self.capabilities()
        create = self._create if seen.create_only else self._create_unguarded
        with translating(key):
            made = create(key, data)
        if not (made and seen.create_only and seen.checksum_refused):
            refuse_other_bytes(key, self.get(key), data)

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Store a group, eight at a time."""
        for key, _ in objects:
            checked_key(key)
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(lambda item: self.put(*item), objects))

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        """Store a file under a key that is new, or holds the same bytes."""
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StorageError(f"the file for {key} changed while it was stored: try again")
        self.put(key, data)

    def get(self, key: str) -> bytes:
        """The whole object."""
        checked_key(key)
        with translating(key):
            return self._answer(key)["Body"].read()

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`."""
        checked_key(key)
        checked_range(offset, length)
        with translating(key):
            if length == 0:  # HTTP has no empty range
                self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
                return b""
            answer = self._answer(key, Range=f"bytes={offset}-{offset + length - 1}")
            with contextlib.closing(answer["Body"]) as body:
                if "ContentRange" in answer:
                    data = body.read()
                else:  # a server may ignore the range and send all (RFC 9110, 14.2)
                    data = body.read(offset + length)[offset:]
        return exact_range(key, data, length)

    def stream(self, key: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """The object in chunks; memory stays flat."""
        checked_key(key)
        with translating(key), contextlib.closing(self._answer(key)["Body"]) as body:
            yield from body.iter_chunks(chunk_bytes)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every object whose key begins with the prefix, in the order the server lists them.

        By S3's documentation that is key order. SeaweedFS lists folder by folder instead: `a/x`
        before `a-b`. Sorting here would hold all names of the bucket in memory.
        """
        within = self._prefix + checked_prefix(prefix)
        with translating(prefix or "the store"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=within
            )
            for entry in (entry for page in pages for entry in page.get("Contents", [])):
                key = entry["Key"].removeprefix(self._prefix)
                if is_key(key):
                    yield StoredObject(key, entry["Size"])
                else:
                    _log.warning("not an object of the store, left alone: %r", key)

    def version_id(self, key: str) -> str | None:
        """The server's name of the object's present version, None where it keeps no versions."""
        with translating(key):
            answer = self._client.head_object(
                Bucket=self._bucket, Key=self._prefix + checked_key(key)
            )
        version = answer.get("VersionId")
        return None if version == "null" else version

    def get_version(self, key: str, version_id: str) -> bytes:
        """The whole object in a version named by `version_id`, whatever was written since."""
        checked_key(key)
        with translating(key):
            return self._answer(key, VersionId=version_id)["Body"].read()

    def check_writable(self, key: str) -> Writing:
        """Offers the same bytes again under the key, to be created only if nothing lies there.

        A server that honours `If-None-Match` refuses them (412) once it has checked the caller's
        right to write. One that does not stores the same bytes once more.
        """
        data = self.get(key)
        with translating("a write"):
            try:
                is_made = self._create(key, data)
            except ClientError as error:
                if status_of(error) in _UNSUPPORTED:
                    return Writing.UNKNOWN
                raise
        return Writing.OVERWRITES if is_made else Writing.CREATES_ONLY

    def server_time(self) -> dt.datetime | None:
        """The `Date` of the server's answer, also of one that refuses (RFC 9110, 6.6.1)."""
        try:
            with translating("the server's clock"):
                answer = self._client.head_bucket(Bucket=self._bucket)
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

    def _answer(self, key: str, **selection: Any) -> "GetObjectOutputTypeDef":
        return self._client.get_object(Bucket=self._bucket, Key=self._prefix + key, **selection)

    def _send(self, key: str, data: bytes, **conditions: Any) -> None:
        conditions.setdefault("ChecksumSHA256", _sha256_base64(data))
        self._client.put_object(
            Bucket=self._bucket, Key=self._prefix + key, Body=data, **conditions
        )

    def _create(self, key: str, data: bytes) -> bool:
        for attempt in range(_CONFLICT_ATTEMPTS):
            try:
                self._send(key, data, IfNoneMatch="*")
            except ClientError as error:
                status = status_of(error)
                if status in _EXISTS:
                    return False
                if status != HTTPStatus.CONFLICT:
                    raise
                # Another writer of this key is under way: 409 ConditionalRequestConflict.
                self._sleep(_CONFLICT_WAIT_SECONDS * 2**attempt)
            else:
                return True
        raise StorageUnavailable(f"{key} is being written by others without end; try again")

    def _create_unguarded(self, key: str, data: bytes) -> bool:
        try:
            self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
        except ClientError as error:
            if status_of(error) != HTTPStatus.NOT_FOUND:
                raise
        else:
            return False
        self._send(key, data)
        return True

    def _saw_create_only(self, key: str) -> bool:
        try:
            self._create(key, b"first")
        except ClientError as error:
            if status_of(error) not in _UNSUPPORTED:
                raise
            self._send(key, b"first")
            return False
        return not self._create(key, b"second") and self.get(key) == b"first"

    def _saw_checksum_refused(self, key: str) -> bool:
        # The right digest of the first canary was taken, so a refusal is about this wrong one.
        try:
            self._send(key, b"one", ChecksumSHA256=_sha256_base64(b"another"))
        except ClientError as error:
            if status_of(error) != HTTPStatus.BAD_REQUEST:
                raise
            return True
        return False

    def _delete(self, key: str) -> None:
        try:
            selection: dict[str, Any] = {"Bucket": self._bucket, "Key": self._prefix + key}
            if (version_id := self.version_id(key)) is not None:
                selection["VersionId"] = version_id
            self._client.delete_object(**selection)
        except ObjectMissing:
            return
        except (ClientError, StorageRefused):
            _log.info("the server keeps the canary %s: no right to delete it", key)


def _sha256_base64(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")
