# SPDX-License-Identifier: Apache-2.0
"""Redaction in a bucket that keeps versions and locks: every version goes, or nothing is done."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import s3_keys
from support.archives import audited, minted, page, settings_at
from support.origin import Origin

from archive.bootstrap import init_archive
from archive.errors import StorageRefused
from archive.model.claim import Result
from archive.services.acts.redact import Why, redact
from archive.services.acts.redaction_plan import Wanted
from archive.services.context import Archive
from archive.services.reading.cite import read_record
from archive.services.verifying.verify import verify_record
from archive.storage.layout import blob_key

pytest_plugins = ("support.seaweed",)

BODY = page("Jane Roe lives at 12 Elm Street")
PARTS = Wanted(("body",))


@pytest.fixture
def outsider(s3_endpoint: str) -> Iterator[Any]:
    with s3_keys.outsider(s3_endpoint) as client:
        yield client


@pytest.fixture
def opened(
    tmp_path: Path, origin: Origin, s3_endpoint: str, new_bucket: Callable[..., str]
) -> Iterator[Callable[..., tuple[Archive, str]]]:
    archives = []
    origin.page("/terms", BODY)

    def make(lock: str, **bucket: bool) -> tuple[Archive, str]:
        name = new_bucket(**bucket)
        settings = settings_at(
            tmp_path / "data",
            MUNIMENT_STORE_URL=f"s3://{name}/archive",
            MUNIMENT_STORE_ENDPOINT=s3_endpoint,
            MUNIMENT_STORE_LOCK=lock,
            MUNIMENT_STORE_LOCK_DAYS="2",
        )
        archive, _ = init_archive(settings)
        archives.append(archive)
        return archive, name

    yield make
    for archive in archives:
        archive.close()


def versions(outsider: Any, bucket: str, key: str) -> list[str]:
    answer = outsider.list_object_versions(Bucket=bucket, Prefix=f"archive/{key}")
    found = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
    return [item["VersionId"] for item in found]


def test_every_version_and_marker_of_what_was_removed_is_gone(
    opened: Callable[..., tuple[Archive, str]], outsider: Any, origin: Origin
) -> None:
    archive, bucket = opened("none", versioned=True)
    record = minted(archive, origin.url("/terms"))
    key = blob_key(read_record(archive, record)["container_sha256"])
    outsider.put_object(Bucket=bucket, Key=f"archive/{key}", Body=BODY)
    outsider.delete_object(Bucket=bucket, Key=f"archive/{key}")
    assert len(versions(outsider, bucket, key)) == 3
    done = redact(archive, record, PARTS, Why("privacy", "a person"), "operator")
    assert done.left == ()
    assert versions(outsider, bucket, key) == []
    assert verify_record(archive, record).result is Result.VERIFIED
    assert audited(archive).damages == []


def test_what_is_locked_is_removed_only_by_an_operator_who_bypasses_the_lock(
    opened: Callable[..., tuple[Archive, str]], outsider: Any, origin: Origin
) -> None:
    archive, bucket = opened("compliance", locked=True)
    record = minted(archive, origin.url("/terms"))
    key = blob_key(read_record(archive, record)["container_sha256"])
    with pytest.raises(StorageRefused, match="bypass-lock"):
        redact(archive, record, PARTS, Why("privacy", "a person"), "operator")
    assert len(versions(outsider, bucket, key)) == 1
    assert not list(archive.store.list("statements/redaction/"))
    why = Why("privacy", "a person", bypass_lock=True)
    done = redact(archive, record, PARTS, why, "operator")
    assert done.left == ()
    assert versions(outsider, bucket, key) == []
    report = verify_record(archive, record)
    assert report.result is Result.VERIFIED
    [lock] = [f for f in report.findings if f.claim == "storage.lock" and "container" in f.target]
    assert lock.status == "pass"
    assert audited(archive).damages == []
