# SPDX-License-Identifier: Apache-2.0
"""One bucket as S3 speaks of it: single requests, in which only boto3's errors are raised.

What they mean for a write-once store is decided in `s3` and its other modules.
"""

import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from archive.digests import base64_of
from archive.errors import StorageUnavailable
from archive.storage._s3_client import status_of
from archive.storage._s3_parts import Upload, sha256_base64
from archive.storage._source import opened_source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_CONFLICT_ATTEMPTS = 6
_CONFLICT_WAIT_SECONDS = 0.05
# MinIO once answered a conditional put with 304 (minio/minio#19442).
_EXISTS = {304, 412}

Send = Callable[..., None]
"""Sends one object; takes the request's conditions by name."""


class Bucket:
    """The objects of a bucket whose names begin with a prefix; a key is the name behind it."""

    def __init__(
        self,
        client: "S3Client",
        name: str,
        prefix: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.name = name
        self.prefix = prefix
        self._sleep = sleep

    def target(self, key: str) -> dict[str, Any]:
        """The members that name the object in every request."""
        return {"Bucket": self.name, "Key": self.prefix + key}

    def answer(self, key: str, **selection: Any) -> "GetObjectOutputTypeDef":
        """The answer to a GET of the object, or of the range or version selected."""
        return self.client.get_object(**self.target(key), **selection)

    def version_id(self, key: str) -> str | None:
        """The server's name of the object's present version, None where it keeps no versions."""
        version = self.client.head_object(**self.target(key)).get("VersionId")
        return None if version == "null" else version

    def exists(self, key: str, **selection: str) -> bool:
        """Whether the object, or the version selected, is there."""
        try:
            self.client.head_object(**self.target(key), **selection)  # type: ignore[arg-type]  # strings all
        except ClientError as error:
            if status_of(error) != HTTPStatus.NOT_FOUND:
                raise
            return False
        return True

    def send(self, key: str, data: bytes, **request: Any) -> str | None:
        """Put an object with its SHA-256; the version that it became, where there are any."""
        request.setdefault("ChecksumSHA256", sha256_base64(data))
        version = self.client.put_object(**self.target(key), Body=data, **request).get("VersionId")
        return None if version == "null" else version

    def send_file(self, key: str, path: Path, sha256: str, **request: Any) -> None:
        """Put a file in one request."""
        with opened_source(path) as body:
            self.client.put_object(
                **self.target(key), Body=body, ChecksumSHA256=base64_of(sha256), **request
            )

    def send_parts(
        self, key: str, path: Path, part_bytes: int, creation: dict[str, Any], **conditions: Any
    ) -> None:
        """Put a file in parts. What the object is made with is said when the upload begins."""
        Upload(self.client, self.target(key), creation, conditions).send(path, part_bytes)

    def create(self, key: str, send: Send) -> bool:
        """Send on the condition that nothing lies under the key; False when something does."""
        for attempt in range(_CONFLICT_ATTEMPTS):
            try:
                send(IfNoneMatch="*")
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

    def create_unguarded(self, key: str, send: Send) -> bool:
        """Send when nothing was seen under the key; False when something was."""
        if self.exists(key):
            return False
        send()
        return True
