# SPDX-License-Identifier: Apache-2.0
"""The credentials of this test process: one pair for every S3 server that it starts."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import boto3.session
import pytest
from botocore.config import Config
from mypy_boto3_s3 import S3Client

KEYS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16)}


@contextmanager
def keys_in_environment() -> Iterator[None]:
    """The credentials stand where boto3 looks for them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        yield


@contextmanager
def outsider(endpoint: str) -> Iterator[S3Client]:
    """A client with every right on the server, which is not the archive's."""
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    yield client
    client.close()


def make_bucket(endpoint: str, *, versioned: bool = False, locked: bool = False) -> str:
    """The name of a new, empty bucket, with versions or object lock when asked for."""
    name = f"test-{secrets.token_hex(6)}"
    with outsider(endpoint) as client:
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=locked)
        if versioned:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name
