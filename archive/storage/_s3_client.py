# SPDX-License-Identifier: Apache-2.0
"""The wall to boto3: a client set up for compatible servers, and its errors as ours.

Only this module and `s3` know boto3 and botocore.
"""

import contextlib
import urllib.parse
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

import boto3.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from urllib3.exceptions import HTTPError

from archive.errors import (
    ObjectMissing,
    SettingsError,
    StorageError,
    StorageRefused,
    StorageUnavailable,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PARALLEL = 8
"""Requests of one group that are under way at once."""

UNSUPPORTED = {400, 405, 501}
"""The statuses by which a server says that it does not know conditional writes."""

_TRY_AGAIN = {408, 409, 425, 429}


def new_client(endpoint: str | None) -> "S3Client":
    """A client for Amazon's S3, or for a compatible server at the endpoint.

    Raises SettingsError.
    """
    if endpoint is not None:
        parts = urllib.parse.urlsplit(endpoint)
        usable = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
        if not usable:
            raise SettingsError("the store endpoint must be an http(s) URL without a user name")
    config = Config(
        signature_version="s3v4",
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=2 * PARALLEL,
        # Compatible servers refuse the CRC trailers that boto3 adds since 1.36
        # (boto/boto3#4398); the SHA-256 is sent with every object all the same.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    try:
        return boto3.session.Session().client("s3", endpoint_url=endpoint, config=config)
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(f"the S3 client cannot be set up: {type(error).__name__}") from error


def status_of(error: ClientError) -> int:
    """The HTTP status that the server answered."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def is_passing(error: ClientError) -> bool:
    """Whether the answer speaks of the server's trouble, and not of what was asked."""
    status = status_of(error)
    return status in _TRY_AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _translated(what: str, error: ClientError) -> StorageError:
    status, code = status_of(error), error.response["Error"].get("Code", "")
    # The server's own message is left out: it can repeat key ids and signed headers.
    answer = f"{what}: the store answered {status} {code}"
    if status == HTTPStatus.NOT_FOUND and code != "NoSuchBucket":
        return ObjectMissing(f"nothing lies under {what}")
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return StorageError(f"{what} ends early")
    if is_passing(error):
        return StorageUnavailable(f"{answer}; try again")
    return StorageRefused(f"{answer}; check bucket, credentials and permissions")


@contextlib.contextmanager
def translating(what: str) -> Iterator[None]:
    """Turn what boto3 raises inside the block into a StorageError about the named thing."""
    try:
        yield
    except ClientError as error:
        raise _translated(what, error) from error
    except (NoCredentialsError, PartialCredentialsError, ParamValidationError) as error:
        raise StorageRefused(f"{what}: {type(error).__name__}; check the S3 settings") from error
    except (BotoCoreError, HTTPError) as error:
        raise StorageUnavailable(f"{what}: {type(error).__name__}; try again") from error
