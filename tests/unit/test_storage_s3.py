# SPDX-License-Identifier: Apache-2.0
"""S3 alone: what the probe sees, versions, and errors that say neither too little nor too much."""

import contextlib
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from support import s3_keys
from support.s3_fault import FaultyS3, faulty_s3
from urllib3 import HTTPResponse

from archive.errors import (
    ObjectConflict,
    SettingsError,
    StorageError,
    StorageRefused,
    StorageUnavailable,
)
from archive.model.lock import NO_LOCK, LockPromise
from archive.model.probe import LockCapabilities, ProbeResult, StoreCapabilities
from archive.storage._s3_parts import UploadSizes
from archive.storage.layout import read_key
from archive.storage.s3 import Means, S3Store

pytest_plugins = ("support.seaweed",)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDTESTER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "top-secret")
    with faulty_s3() as server:
        yield server


@pytest.fixture
def outsider(s3_endpoint: str) -> Iterator[Any]:
    """Whoever else has the right to write to the bucket."""
    with s3_keys.outsider(s3_endpoint) as client:
        yield client


@pytest.fixture
def store(faulty: FaultyS3) -> Iterator[S3Store]:
    opened = S3Store("bucket", "archive", faulty.endpoint)
    yield opened
    opened.close()


@pytest.mark.parametrize("kind", ["plain", "versioned", "locked"])
def test_the_probe_sees_what_a_real_server_does(
    new_bucket: Callable[..., str], s3_endpoint: str, kind: str
) -> None:
    bucket = new_bucket(versioned=kind == "versioned", locked=kind == "locked")
    store = S3Store(bucket, "archive", s3_endpoint)
    lock = LockCapabilities(
        retention_kept=True,
        delete_refused=True,
        shorten_refused=True,
        governance_kept=True,
        hold_kept=True,
    )
    assert store.probe() == StoreCapabilities(
        create_only=True,
        checksum_refused=True,
        versioned=kind != "plain",
        parts_create_only=True,
        lock=lock if kind == "locked" else None,
    )
    left = [item.key for item in store.list()]
    assert [read_key(key).role for key in left] == (["probe"] if kind == "locked" else [])
    store.close()


def answering(store: S3Store, operation: str, status: int, code: str) -> None:
    """Have every such request of the store answered so, before it reaches the server."""
    xml = f"<Error><Code>{code}</Code></Error>".encode()

    def answer(request: Any, **_: object) -> AWSResponse:
        raw = HTTPResponse(io.BytesIO(xml), preload_content=False)
        return AWSResponse(request.url, status, HeadersDict(), raw)

    store._bucket.client.meta.events.register(f"before-send.s3.{operation}", answer)


@pytest.mark.parametrize("versioned", [True, False])
def test_a_bucket_that_does_not_tell_of_versions_shows_them(
    new_bucket: Callable[..., str], s3_endpoint: str, outsider: Any, *, versioned: bool
) -> None:
    bucket = new_bucket(versioned=versioned)
    with contextlib.closing(S3Store(bucket, "archive", s3_endpoint)) as store:
        store.put("a/b", b"first")
        store.put("a/c", b"deleted")
    outsider.put_object(Bucket=bucket, Key="archive/a/b", Body=b"second")
    outsider.delete_object(Bucket=bucket, Key="archive/a/c")
    with contextlib.closing(S3Store(bucket, "archive", s3_endpoint)) as reader:
        answering(reader, "GetBucketVersioning", 403, "AccessDenied")
        assert reader.get("a/b") == (b"first" if versioned else b"second")
        assert [item.key for item in reader.list()] == ["a/b", "a/c"][: 1 + versioned]


def test_a_bucket_that_tells_nothing_of_versions_is_warned_of(
    new_bucket: Callable[..., str], s3_endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.closing(S3Store(new_bucket(), "archive", s3_endpoint)) as reader:
        answering(reader, "GetBucketVersioning", 403, "AccessDenied")
        answering(reader, "ListObjectVersions", 403, "AccessDenied")
        assert list(reader.list()) == []
    assert "s3:ListBucketVersions" in caplog.text


def test_who_may_delete_nothing_is_told_nothing_of_locks(
    new_bucket: Callable[..., str], s3_endpoint: str
) -> None:
    bucket, promise = new_bucket(locked=True), LockPromise("compliance", 1)
    store = S3Store(bucket, "", s3_endpoint, means=Means(promise=promise))
    answering(store, "DeleteObject", 403, "AccessDenied")
    seen = store.probe()
    assert seen.lock == LockCapabilities(
        retention_kept=True,
        delete_refused=None,
        shorten_refused=True,
        governance_kept=None,
        hold_kept=None,
    )
    assert ProbeResult(store.name, "", promise, seen).is_kept is None
    # Credentials that may not delete are what an archive should have: it can be written with them.
    store.put("a/b", b"x")
    assert store.lock_of("a/b").mode == "COMPLIANCE"
    store.close()


def test_a_server_in_trouble_has_not_refused_to_delete(
    new_bucket: Callable[..., str], s3_endpoint: str
) -> None:
    bucket, promise = new_bucket(locked=True), LockPromise("compliance", 1)
    store = S3Store(bucket, "", s3_endpoint, means=Means(promise=promise))
    answering(store, "DeleteObject", 409, "OperationAborted")
    with pytest.raises(StorageUnavailable):
        store.probe()
    with pytest.raises(StorageUnavailable):
        store.put("a/b", b"x")
    store.close()


def test_an_overwrite_and_a_deletion_from_outside_are_seen_and_the_first_version_is_read(
    new_bucket: Callable[..., str], s3_endpoint: str, outsider: Any
) -> None:
    bucket = new_bucket(versioned=True)
    store = S3Store(bucket, "archive", s3_endpoint)
    store.put_many([("a/b", b"first"), ("a/b-2", b"neighbour"), ("a/c", b"deleted"), ("d", b"x")])
    outsider.put_object(Bucket=bucket, Key="archive/a/b", Body=b"second and longer")
    outsider.delete_object(Bucket=bucket, Key="archive/a/c")
    outsider.put_object(Bucket=bucket, Key="archive/d", Body=b"x")
    for opened in (store, S3Store(bucket, "archive", s3_endpoint)):
        assert opened.get("a/b") == b"first"
        assert opened.get_range("a/b", 1, 3) == b"irs"
        assert b"".join(opened.stream("a/c")) == b"deleted"
        assert sorted(item.key for item in opened.list()) == ["a/b", "a/b-2", "a/c", "d"]
        assert {item.size for item in opened.list("a/b")} == {5, 9}
        foreign = [(item.key, item.is_deletion) for item in opened.foreign_versions()]
        assert sorted(foreign) == [("a/b", False), ("a/c", True)]
        assert list(opened.foreign_versions("d")) == []
        opened.put("a/b", b"first")
        opened.close()


def test_under_a_delete_marker_other_bytes_are_still_a_conflict(
    new_bucket: Callable[..., str], s3_endpoint: str, outsider: Any, tmp_path: Path
) -> None:
    bucket = new_bucket(versioned=True)
    store = S3Store(bucket, "", s3_endpoint)
    store.put("a/b", b"first")
    outsider.delete_object(Bucket=bucket, Key="a/b")
    store.put("a/b", b"first")
    outsider.delete_object(Bucket=bucket, Key="a/b")
    with pytest.raises(ObjectConflict, match="a/b"):
        store.put("a/b", b"other")
    path, sha256 = _file(tmp_path, b"other")
    outsider.delete_object(Bucket=bucket, Key="a/b")
    with pytest.raises(ObjectConflict, match="a/b"):
        store.put_file("a/b", path, sha256)
    assert store.get("a/b") == b"first"
    store.close()


def test_a_long_history_is_read_to_its_end(
    new_bucket: Callable[..., str], s3_endpoint: str, outsider: Any
) -> None:
    bucket = new_bucket(versioned=True)
    store = S3Store(bucket, "", s3_endpoint)
    store.put_many([("a/b", b"first"), ("a/b.c", b"x")])
    for n in range(45):
        outsider.put_object(Bucket=bucket, Key="a/b", Body=b"%d" % n)
    outsider.delete_object(Bucket=bucket, Key="a/b")
    again = S3Store(bucket, "", s3_endpoint)
    assert again.get("a/b") == b"first"
    foreign = list(again.foreign_versions("a/b"))
    assert len({item.version_id for item in foreign}) == len(foreign) == 46
    again.close()
    store.close()


def test_versions_that_were_kept_only_later_leave_the_first_one_readable(
    new_bucket: Callable[..., str], s3_endpoint: str, outsider: Any
) -> None:
    bucket = new_bucket()
    S3Store(bucket, "", s3_endpoint).put("a/b", b"first")
    outsider.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    outsider.put_object(Bucket=bucket, Key="a/b", Body=b"second")
    store = S3Store(bucket, "", s3_endpoint)
    assert store.get("a/b") == b"first"
    assert [item.key for item in store.foreign_versions()] == ["a/b"]
    store.close()


def test_without_versions_nothing_is_foreign_and_nothing_locked(
    new_bucket: Callable[..., str], s3_endpoint: str
) -> None:
    store = S3Store(new_bucket(), "", s3_endpoint)
    store.put("a/b", b"x")
    assert list(store.foreign_versions()) == []
    assert store.lock_of("a/b") == NO_LOCK
    store.close()


def test_a_wrong_secret_is_refused_and_not_told(
    new_bucket: Callable[..., str], s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = new_bucket()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
    store = S3Store(bucket, "", s3_endpoint)
    for deed in (lambda: store.get("a"), lambda: store.put("a", b""), lambda: list(store.list())):
        with pytest.raises(StorageRefused, match="403") as caught:
            deed()
        assert "secret" not in str(caught.value)
    store.close()


def test_a_bucket_that_does_not_exist_is_refused_not_missing(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = S3Store("no-such-bucket", "", s3_endpoint)
    with pytest.raises(StorageRefused, match="NoSuchBucket"):
        store.get("a")
    store.close()


def test_403_is_refused_and_never_missing(store: S3Store, faulty: FaultyS3) -> None:
    faulty.refusals["bucket/archive/hidden"] = (403, "AccessDenied")
    for deed in (
        lambda: store.get("hidden"),
        lambda: store.get_range("hidden", 0, 1),
        lambda: next(store.stream("hidden")),
        lambda: store.lock_of("hidden"),
        lambda: store.put("hidden", b"x"),
    ):
        with pytest.raises(StorageRefused, match="403"):
            deed()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "ExpiredToken", StorageRefused),
        (404, "NoSuchBucket", StorageRefused),
        (429, "TooManyRequests", StorageUnavailable),
        (500, "InternalError", StorageUnavailable),
        (503, "SlowDown", StorageUnavailable),
        (507, "InsufficientStorage", StorageUnavailable),
    ],
)
def test_each_answer_has_its_kind_and_tells_no_header(
    store: S3Store,
    faulty: FaultyS3,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    kind: type[StorageError],
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    faulty.refusals["bucket/archive/a"] = (status, code)
    with pytest.raises(kind, match=f"{status} {code}") as caught:
        store.get("a")
    assert type(caught.value) is kind
    assert "AKIDTESTER" not in str(caught.value)


def test_a_server_that_is_not_there_is_unavailable(
    faulty: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    store = S3Store("bucket", "", "http://127.0.0.1:9")
    with pytest.raises(StorageUnavailable):
        store.get("a")
    store.close()


def test_a_body_that_breaks_off_is_unavailable_and_never_short(
    store: S3Store, faulty: FaultyS3
) -> None:
    faulty.objects["bucket/archive/a"] = bytes(1000)
    faulty.cuts_body = True
    for deed in (
        lambda: store.get("a"),
        lambda: store.get_range("a", 0, 900),
        lambda: list(store.stream("a")),
    ):
        with pytest.raises(StorageUnavailable):
            deed()


def test_a_server_that_ignores_ranges_still_gives_the_range(
    store: S3Store, faulty: FaultyS3
) -> None:
    faulty.objects["bucket/archive/a"] = b"0123456789"
    faulty.ignores_range = True
    assert store.get_range("a", 3, 4) == b"3456"


def test_a_range_cut_by_the_server_is_an_error(store: S3Store, faulty: FaultyS3) -> None:
    faulty.objects["bucket/archive/a"] = b"0123456789"
    with pytest.raises(StorageError, match="ends early"):
        store.get_range("a", 8, 4)


def test_missing_credentials_are_refused(
    faulty: FaultyS3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    store = S3Store("bucket", "", faulty.endpoint)
    with pytest.raises(StorageRefused, match="NoCredentialsError"):
        store.get("a")
    store.close()


@pytest.mark.parametrize(
    "endpoint",
    ["", "127.0.0.1:9000", "ftp://127.0.0.1", "http://", "http://key:top-secret@127.0.0.1:9000"],
)
def test_an_endpoint_that_cannot_be_used_is_a_settings_error(endpoint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        S3Store("bucket", "", endpoint)
    assert not re.search("top-secret", str(caught.value))


def _file(tmp_path: Path, data: bytes) -> tuple[Path, str]:
    path = tmp_path / "source"
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


PARTS = UploadSizes(single_bytes=6_000_000, part_bytes=5 * 1024 * 1024)


def test_a_file_above_what_one_put_takes_goes_in_parts(
    s3_bucket: str, s3_endpoint: str, tmp_path: Path, outsider: Any
) -> None:
    store = S3Store(s3_bucket, "parts", s3_endpoint, means=Means(sizes=PARTS))
    data = bytes(range(256)) * 48_000
    path, sha256 = _file(tmp_path, data)
    for _ in range(2):
        store.put_file("big", path, sha256)
    assert store.get("big") == data
    other, other_sha256 = _file(tmp_path, data[::-1])
    with pytest.raises(ObjectConflict, match="big"):
        store.put_file("big", other, other_sha256)
    assert store.get("big") == data
    assert "Uploads" not in outsider.list_multipart_uploads(Bucket=s3_bucket)
    store.close()


def test_parts_grow_so_that_ten_thousand_are_enough() -> None:
    sizes = UploadSizes()
    assert sizes.part_bytes_of(6 * 1024**3) == sizes.part_bytes
    size = 5 * 1024**4
    assert -(-size // sizes.part_bytes_of(size)) <= 10_000


def test_an_upload_in_parts_that_breaks_off_leaves_no_parts(
    s3_bucket: str, s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = S3Store(s3_bucket, "cut", s3_endpoint, means=Means(sizes=PARTS))
    store.put("warm-up", b"")
    path, sha256 = _file(tmp_path, bytes(12_000_000))
    send_part = store._bucket.client.upload_part

    def damaged(**request: Any) -> Any:
        return send_part(**{**request, "ChecksumSHA256": "A" * 43 + "="})

    monkeypatch.setattr(store._bucket.client, "upload_part", damaged)
    with pytest.raises(StorageRefused, match="400"):
        store.put_file("big", path, sha256)
    monkeypatch.undo()
    assert "Uploads" not in store._bucket.client.list_multipart_uploads(Bucket=s3_bucket)
    assert [item.key for item in store.list()] == ["warm-up"]
    store.close()


def test_a_server_that_damages_a_file_in_silence_is_found_out(
    store: S3Store, faulty: FaultyS3, tmp_path: Path
) -> None:
    faulty.checks_digest = False
    store.put("warm-up", b"")
    faulty.damages = True
    path, sha256 = _file(tmp_path, b"sound")
    with pytest.raises(ObjectConflict, match="a/b"):
        store.put_file("a/b", path, sha256)


@pytest.mark.parametrize("conditional", ["ignored", "unsupported"])
def test_a_file_is_not_put_over_another_by_a_server_without_conditions(
    store: S3Store, faulty: FaultyS3, tmp_path: Path, conditional: str
) -> None:
    faulty.conditional = conditional
    path, sha256 = _file(tmp_path, b"first")
    for _ in range(2):
        store.put_file("a/b", path, sha256)
    path, sha256 = _file(tmp_path, b"second")
    with pytest.raises(ObjectConflict, match="a/b"):
        store.put_file("a/b", path, sha256)
    assert store.get("a/b") == b"first"
