# SPDX-License-Identifier: Apache-2.0
"""Cases D-56 to D-58 of the real-world list: what S3-compatible servers get wrong."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterator

import boto3.session
import pytest
from support.s3_fault import FaultyS3, faulty_s3

from archive.errors import ObjectConflict, StorageUnavailable
from archive.storage.base import StoreCapabilities
from archive.storage.s3 import Means, S3Store

pytest_plugins = ("support.seaweed",)

_KEY = "bucket/archive/a/b"


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with faulty_s3() as server:
        yield server


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def store(faulty: FaultyS3, pauses: list[float]) -> Iterator[S3Store]:
    opened = S3Store("bucket", "archive", faulty.endpoint, means=Means(sleep=pauses.append))
    yield opened
    opened.close()


def test_d56_a_store_that_refuses_crc_trailers_works(store: S3Store, faulty: FaultyS3) -> None:
    faulty.refuses_crc = True
    store.put("a/b", b"bytes")
    assert store.get("a/b") == b"bytes"
    puts = [headers for method, key, headers in faulty.seen if (method, key) == ("PUT", _KEY)]
    assert [headers["x-amz-checksum-sha256"] for headers in puts] == [
        base64.b64encode(hashlib.sha256(b"bytes").digest()).decode()
    ]


def test_d56_the_stand_in_refuses_boto3_as_it_comes(faulty: FaultyS3) -> None:
    faulty.refuses_crc = True
    client = boto3.session.Session().client(
        "s3", endpoint_url=faulty.endpoint, region_name="us-east-1"
    )
    with pytest.raises(client.exceptions.ClientError, match="InvalidRequest"):
        client.put_object(Bucket="bucket", Key="a", Body=b"bytes")
    client.close()


def test_d56_own_sha256_is_checked_where_the_server_does_not(
    store: S3Store, faulty: FaultyS3
) -> None:
    faulty.checks_digest = False
    assert store.capabilities() == StoreCapabilities(
        create_only=True, checksum_refused=False, versioned=False
    )
    store.put("a/b", b"bytes")
    faulty.damages = True
    with pytest.raises(ObjectConflict):
        store.put("a/c", b"bytes")


def test_d57_a_multipart_etag_is_never_fixity(
    new_bucket: Callable[..., str], s3_endpoint: str
) -> None:
    bucket, data = new_bucket(), secrets.token_bytes(6_000_000)
    client = boto3.session.Session().client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    where = {"Bucket": bucket, "Key": "archive/a/b"}
    upload = client.create_multipart_upload(**where)["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": client.upload_part(**where, UploadId=upload, PartNumber=number, Body=part)[
                "ETag"
            ],
        }
        for number, part in enumerate((data[:5_500_000], data[5_500_000:]), start=1)
    ]
    client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    assert client.head_object(**where)["ETag"].endswith('-2"')
    client.close()
    store = S3Store(bucket, "archive", s3_endpoint)
    store.put("a/b", data)
    assert hashlib.sha256(store.get("a/b")).digest() == hashlib.sha256(data).digest()
    with pytest.raises(ObjectConflict):
        store.put("a/b", bytes([data[0] ^ 1]) + data[1:])
    store.close()


def test_d57_a_flipped_bit_is_found_whatever_the_etag_says(
    store: S3Store, faulty: FaultyS3
) -> None:
    store.put("a/b", b"bytes")
    faulty.objects[_KEY] = b"cytes"
    with pytest.raises(ObjectConflict):
        store.put("a/b", b"bytes")


def test_d58_412_with_the_same_bytes_is_success(store: S3Store, faulty: FaultyS3) -> None:
    faulty.objects[_KEY] = b"bytes"
    store.put("a/b", b"bytes")
    assert faulty.objects[_KEY] == b"bytes"


def test_d58_412_with_other_bytes_is_an_integrity_alarm(store: S3Store, faulty: FaultyS3) -> None:
    faulty.objects[_KEY] = b"other"
    with pytest.raises(ObjectConflict):
        store.put("a/b", b"bytes")
    assert faulty.objects[_KEY] == b"other"


def test_d58_409_is_tried_again_after_growing_pauses(
    store: S3Store, faulty: FaultyS3, pauses: list[float]
) -> None:
    store.capabilities()
    faulty.conflicts_left = 3
    store.put("a/b", b"bytes")
    assert faulty.objects[_KEY] == b"bytes"
    assert len(pauses) == 3
    assert pauses == sorted(pauses)


def test_d58_409_without_end_is_unavailable(
    store: S3Store, faulty: FaultyS3, pauses: list[float]
) -> None:
    store.capabilities()
    faulty.conflicts_left = 1000
    with pytest.raises(StorageUnavailable, match="try again"):
        store.put("a/b", b"bytes")
    assert len(pauses) < 10


@pytest.mark.parametrize("conditional", ["ignored", "unsupported"])
def test_d58_a_store_without_create_only_is_seen_and_still_not_overwritten(
    store: S3Store, faulty: FaultyS3, conditional: str
) -> None:
    faulty.conditional = conditional
    store.put("a/b", b"bytes")
    store.put("a/b", b"bytes")
    assert store.capabilities().create_only is False
    with pytest.raises(ObjectConflict):
        store.put("a/b", b"other")
    assert faulty.objects == {_KEY: b"bytes"}
