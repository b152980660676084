# SPDX-License-Identifier: Apache-2.0
"""The contract of stores, and an archive under lock, on Ceph's S3: a second implementation.

It shows that nothing leans on what one server does. The tests are those of the other suites;
only the server differs.
"""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from contract import test_store_contract
from services import test_locked_archive
from support.rgw import require_binaries, running_gateway
from support.s3_keys import keys_in_environment, make_bucket

from archive.errors import ObjectConflict
from archive.model.probe import LockCapabilities, StoreCapabilities
from archive.storage._s3_parts import UploadSizes
from archive.storage.open import open_store
from archive.storage.s3 import Means, S3Store

pytestmark = pytest.mark.slow

globals().update(
    (name, value)
    for suite in (test_store_contract, test_locked_archive)
    for name, value in vars(suite).items()
    if name.startswith("test_") or name in {"locked", "outsider"}
)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    require_binaries()
    with running_gateway() as endpoint, keys_in_environment():
        yield endpoint


@pytest.fixture(scope="session")
def new_bucket(s3_endpoint: str) -> Callable[..., str]:
    return partial(make_bucket, s3_endpoint)


@pytest.fixture(scope="session")
def s3_bucket(new_bucket: Callable[..., str]) -> str:
    return new_bucket()


@pytest.fixture
def store(s3_bucket: str, s3_endpoint: str) -> Iterator[S3Store]:
    opened = open_store(f"s3://{s3_bucket}/{secrets.token_hex(8)}", endpoint=s3_endpoint)
    assert isinstance(opened, S3Store)
    yield opened
    opened.close()


@pytest.mark.parametrize("locked", [False, True])
def test_the_probe_notices_what_this_server_ignores(
    new_bucket: Callable[..., str], s3_endpoint: str, *, locked: bool
) -> None:
    store = S3Store(new_bucket(locked=locked), "", s3_endpoint)
    every_lock = LockCapabilities(
        retention_kept=True,
        delete_refused=True,
        shorten_refused=True,
        governance_kept=True,
        hold_kept=True,
    )
    assert store.probe() == StoreCapabilities(
        # In a bucket with versions the condition is ignored too; seen in 16.2.
        create_only=not locked,
        checksum_refused=False,
        versioned=locked,
        parts_create_only=False,
        lock=every_lock if locked else None,
    )
    store.close()


def test_of_many_writers_with_versions_one_wins_and_the_others_hear_of_it(
    new_bucket: Callable[..., str], s3_endpoint: str
) -> None:
    store = S3Store(new_bucket(versioned=True), "", s3_endpoint)
    store.put("warm-up", b"")
    for shared, kept in ((True, 8), (False, 1)):
        key = f"contested/{shared}"

        def write(writer: int, key: str = key, *, shared: bool = shared) -> bool:
            try:
                store.put(key, b"same" if shared else b"writer %d" % writer)
            except ObjectConflict:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(write, range(8))) == kept
    assert list(store.foreign_versions("contested/True")) == []
    store.close()


def test_what_is_stored_is_read_back_since_no_checksum_is_compared(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("warm-up", b"")
    send = store._bucket.send

    def damaging(key: str, data: bytes, **request: object) -> str | None:
        return send(key, b"other bytes", **request)

    monkeypatch.setattr(store._bucket, "send", damaging)
    with pytest.raises(ObjectConflict, match="a/b"):
        store.put("a/b", b"sent")


def test_an_upload_in_parts_does_not_replace_what_is_there(
    s3_bucket: str, s3_endpoint: str, tmp_path: Path
) -> None:
    sizes = UploadSizes(single_bytes=6_000_000, part_bytes=5 * 1024 * 1024)
    store = S3Store(s3_bucket, "parts", s3_endpoint, means=Means(sizes=sizes))
    for name, content in (("first", b"1"), ("second", b"2")):
        (tmp_path / name).write_bytes(content * 11_000_000)
    digests = {
        name: test_store_contract._digest((tmp_path / name).read_bytes())
        for name in ("first", "second")
    }
    for _ in range(2):
        store.put_file("big", tmp_path / "first", digests["first"])
    with pytest.raises(ObjectConflict, match="big"):
        store.put_file("big", tmp_path / "second", digests["second"])
    assert store.get_range("big", 10_999_990, 10) == b"1111111111"
    store.close()
