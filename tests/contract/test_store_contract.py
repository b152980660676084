# SPDX-License-Identifier: Apache-2.0
"""What every store promises, checked on each backend alike; S3 is a real server.

A backend's own behaviour is tested in tests/unit; a new backend adds one branch to `store`.
"""

import hashlib
import secrets
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from archive.errors import (
    InputError,
    ObjectConflict,
    ObjectMissing,
    SettingsError,
    StorageError,
)
from archive.model.lock import NO_LOCK, LockPromise
from archive.proofs.log_layout import LATEST
from archive.storage.base import Erasing, Replacing, Store, StoredObject
from archive.storage.open import open_store

pytest_plugins = ("support.seaweed",)


@pytest.fixture(params=["memory", "file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield open_store("memory:")
    elif request.param == "file":
        yield open_store(f"file:{tmp_path}/store")
    else:
        from archive.storage.s3 import S3Store

        bucket = request.getfixturevalue("s3_bucket")
        url = f"s3://{bucket}/{secrets.token_hex(8)}"
        s3 = open_store(url, endpoint=request.getfixturevalue("s3_endpoint"))
        assert isinstance(s3, S3Store)
        yield s3
        s3.close()


def _keys(store: Store, prefix: str = "") -> list[str]:
    return [item.key for item in store.list(prefix)]


def test_what_was_put_is_read_back_whole(store: Store) -> None:
    store.put("captures/CA-C-0000001-12/inventory.json", b'{"parts":[]}')
    assert store.get("captures/CA-C-0000001-12/inventory.json") == b'{"parts":[]}'


def test_same_bytes_again_succeed(store: Store) -> None:
    store.put("a/b", b"same")
    store.put("a/b", b"same")
    assert store.get("a/b") == b"same"
    assert list(store.list()) == [StoredObject("a/b", 4)]


@pytest.mark.parametrize("other", [b"othr", b"", b"same and more"])
def test_other_bytes_are_a_conflict_and_change_nothing(store: Store, other: bytes) -> None:
    store.put("a/b", b"same")
    with pytest.raises(ObjectConflict, match="a/b"):
        store.put("a/b", other)
    assert store.get("a/b") == b"same"


def test_sixteen_writers_of_one_key_have_one_winner(store: Store) -> None:
    store.put("warm-up", b"")
    together = threading.Barrier(16)

    def write(writer: int) -> bytes | None:
        data = b"writer %d" % writer
        together.wait()
        try:
            store.put("contested/key", data)
        except ObjectConflict:
            return None
        return data

    with ThreadPoolExecutor(16) as pool:
        winners = [data for data in pool.map(write, range(16)) if data is not None]
    assert winners == [store.get("contested/key")]


def test_sixteen_writers_of_the_same_bytes_all_succeed(store: Store) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: store.put("shared/key", b"same"), range(16)))
    assert store.get("shared/key") == b"same"


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, 10, b"0123456789"), (0, 1, b"0"), (9, 1, b"9"), (3, 4, b"3456"), (2, 0, b"")],
)
def test_a_range_has_exactly_its_bytes(
    store: Store, offset: int, length: int, expected: bytes
) -> None:
    store.put("digits", b"0123456789")
    assert store.get_range("digits", offset, length) == expected


@pytest.mark.parametrize(("offset", "length"), [(0, 11), (9, 2), (10, 1), (50, 5)])
def test_a_range_past_the_end_is_an_error_and_not_missing(
    store: Store, offset: int, length: int
) -> None:
    store.put("digits", b"0123456789")
    with pytest.raises(StorageError, match="ends early") as caught:
        store.get_range("digits", offset, length)
    assert not isinstance(caught.value, ObjectMissing)


@pytest.mark.parametrize(("offset", "length"), [(-1, 4), (0, -1)])
def test_a_negative_range_is_refused(store: Store, offset: int, length: int) -> None:
    store.put("digits", b"0123456789")
    with pytest.raises(InputError):
        store.get_range("digits", offset, length)


def test_a_missing_object_is_missing_by_every_way_of_reading(store: Store) -> None:
    store.put("there/too", b"x")
    for key in ("nothing", "there", "there/not", "there/too/deep"):
        with pytest.raises(ObjectMissing, match=key):
            store.get(key)
        with pytest.raises(ObjectMissing, match=key):
            store.get_range(key, 0, 1)
        with pytest.raises(ObjectMissing, match=key):
            store.get_range(key, 0, 0)
        with pytest.raises(ObjectMissing, match=key):
            next(store.stream(key))


def test_an_empty_object_is_an_object(store: Store) -> None:
    store.put("empty", b"")
    assert store.get("empty") == b""
    assert store.get_range("empty", 0, 0) == b""
    assert list(store.stream("empty")) == []
    assert list(store.list()) == [StoredObject("empty", 0)]
    store.put("empty", b"")


def test_five_megabytes_keep_every_byte(store: Store) -> None:
    data = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(160_000))
    store.put("big", data)
    assert store.get("big") == data
    assert store.get_range("big", 4_000_000, 1000) == data[4_000_000:4_001_000]
    chunks = list(store.stream("big", chunk_bytes=300_000))
    assert b"".join(chunks) == data
    assert max(map(len, chunks)) <= 300_000
    assert min(map(len, chunks)) > 0


def test_a_stream_keeps_memory_flat(store: Store) -> None:
    store.put("big", bytes(24_000_000))
    tracemalloc.start()
    try:
        count = sum(map(len, store.stream("big", chunk_bytes=1 << 18)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 24_000_000
    assert peak < 3_000_000


def test_a_stream_may_be_left_half_way(store: Store) -> None:
    store.put("big", bytes(3_000_000))
    stream = store.stream("big", chunk_bytes=1000)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(store.get("big")) == 3_000_000


def test_a_group_is_there_when_put_many_returns(store: Store) -> None:
    group = [(f"blobs/{n % 7}/{n}", b"object %d" % n) for n in range(150)]
    store.put_many(group)
    assert {key: store.get(key) for key, _ in group} == dict(group)


def test_a_group_may_repeat_what_is_there_and_itself(store: Store) -> None:
    store.put("g/1", b"one")
    store.put_many([("g/1", b"one"), ("g/2", b"two"), ("g/2", b"two"), ("g/3", b"three")])
    store.put_many([("g/1", b"one"), ("g/2", b"two"), ("g/3", b"three")])
    assert list(store.list("g/")) == [
        StoredObject("g/1", 3),
        StoredObject("g/2", 3),
        StoredObject("g/3", 5),
    ]


def test_a_group_with_other_bytes_is_a_conflict(store: Store) -> None:
    store.put("g/1", b"one")
    with pytest.raises(ObjectConflict, match="g/1"):
        store.put_many([("g/0", b"zero"), ("g/1", b"uno"), ("g/2", b"two")])
    assert store.get("g/1") == b"one"
    store.put_many([("g/0", b"zero"), ("g/1", b"one"), ("g/2", b"two")])
    with pytest.raises(ObjectConflict, match="g/4"):
        store.put_many([("g/4", b"four"), ("g/4", b"vier")])


def test_a_group_with_a_wrong_key_stores_nothing(store: Store) -> None:
    with pytest.raises(InputError):
        store.put_many([("right", b"1"), ("../wrong", b"2")])
    assert _keys(store) == []


def test_an_empty_group_is_fine(store: Store) -> None:
    store.put_many([])
    assert _keys(store) == []


def test_1205_keys_are_listed_in_order(store: Store) -> None:
    group = [(f"captures/{n * 7919 % 1205:04}/x", b"%d" % n) for n in range(1205)]
    store.put_many(group)
    listed = list(store.list("captures/"))
    assert [item.key for item in listed] == sorted(key for key, _ in group)
    assert {item.key: item.size for item in listed} == {key: len(data) for key, data in group}


def test_order_is_that_of_whole_keys_not_of_folders(store: Store) -> None:
    # `-` and `.` sort before `/`, digits after it.
    keys = ["a-b", "a.b", "a.b.c", "a/x", "a0", "b/a-1/z", "b/a.1", "b/a/z", "b/aA/z", "b/a_/z"]
    store.put_many([(key, b"") for key in keys])
    listed = _keys(store)
    if type(store).__name__ == "S3Store":
        listed.sort()  # SeaweedFS lists folder by folder, unlike Amazon; S3Store.list says so
    assert listed == sorted(keys)


def test_a_prefix_may_end_anywhere(store: Store) -> None:
    keys = ["c/10/x", "c/11/y", "c/2/z", "d/1"]
    store.put_many([(key, b"") for key in keys])
    assert _keys(store, "c/1") == ["c/10/x", "c/11/y"]
    assert _keys(store, "c/11/") == ["c/11/y"]
    assert _keys(store, "c/11/y") == ["c/11/y"]
    assert _keys(store, "c") == ["c/10/x", "c/11/y", "c/2/z"]
    assert _keys(store, "d/1/") == []
    assert _keys(store, "e/f/g") == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "../a",
        "a/../b",
        "a/./b",
        ".tmp/x",
        "a/.hidden",
        "-a",
        "A",
        "a b",
        "a\n",
        "a\\b",
        "a\x00b",
        "a%2fb",
        "a?b",
        "ä",
        "a/" + "b" * 201,
        "/".join(["abcdefg"] * 65),
    ],
)
def test_a_key_outside_the_grammar_is_refused_by_every_verb(store: Store, key: str) -> None:
    here = Path(__file__)
    deeds: list[Callable[[], object]] = [
        lambda: store.put(key, b"x"),
        lambda: store.put_file(key, here, _digest(here.read_bytes())),
        lambda: store.put_many([(key, b"x")]),
        lambda: store.get(key),
        lambda: store.get_range(key, 0, 1),
        lambda: next(store.stream(key)),
    ]
    for deed in deeds:
        with pytest.raises(InputError):
            deed()


@pytest.mark.parametrize("prefix", ["/", "a//", "../", "a/..", ".", "a b", "a\n"])
def test_a_prefix_outside_the_grammar_is_refused(store: Store, prefix: str) -> None:
    with pytest.raises(InputError):
        list(store.list(prefix))


def test_the_longest_key_works(store: Store) -> None:
    key = "/".join(["a" * 200, "b" * 200, "c" * 110])
    assert len(key) == 512
    store.put(key, b"x")
    assert store.get(key) == b"x"
    assert _keys(store) == [key]


def test_opening_a_store_again_finds_what_was_put(
    tmp_path: Path, s3_bucket: str, s3_endpoint: str
) -> None:
    from archive.storage.s3 import S3Store

    places = [(f"file:{tmp_path}/again", None), (f"s3://{s3_bucket}/again", s3_endpoint)]
    for url, endpoint in places:
        first, second = (open_store(url, endpoint=endpoint) for _ in range(2))
        first.put("a/b", b"kept")
        assert second.get("a/b") == b"kept"
        for opened in (first, second):
            if isinstance(opened, S3Store):
                opened.close()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_stored_whole(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name, data in (("empty", b""), ("small", b"x"), ("big", bytes(range(256)) * 20_000)):
        source.write_bytes(data)
        store.put_file(f"blobs/{name}", source, _digest(data))
        assert store.get(f"blobs/{name}") == data


def test_the_same_file_again_succeeds_and_may_change_afterwards(
    store: Store, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"same")
    for _ in range(2):
        store.put_file("a/b", source, _digest(b"same"))
    store.put("a/b", b"same")
    source.write_bytes(b"SAME")
    source.chmod(0o600)
    assert store.get("a/b") == b"same"
    assert list(store.list()) == [StoredObject("a/b", 4)]


def test_a_file_under_a_key_with_other_bytes_is_a_conflict(store: Store, tmp_path: Path) -> None:
    store.put("a/b", b"first")
    source = tmp_path / "source"
    source.write_bytes(b"other")
    with pytest.raises(ObjectConflict, match="a/b"):
        store.put_file("a/b", source, _digest(b"other"))
    assert store.get("a/b") == b"first"


def test_a_file_with_another_digest_is_refused_and_nothing_is_stored(
    store: Store, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"what is there")
    with pytest.raises(InputError, match="not"):
        store.put_file("new/key", source, _digest(b"what was meant"))
    assert _keys(store) == []
    store.put("a/b", b"what was meant")
    with pytest.raises(InputError, match="not"):
        store.put_file("a/b", source, _digest(b"what was meant"))
    assert store.get("a/b") == b"what was meant"


@pytest.mark.parametrize("sha256", ["", "0" * 63, "0" * 65, "A" * 64, "../" + "0" * 61])
def test_what_is_no_digest_is_refused(store: Store, tmp_path: Path, sha256: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with pytest.raises(InputError, match="SHA-256"):
        store.put_file("a/b", source, sha256)
    assert _keys(store) == []


def test_a_file_that_is_not_there_is_the_callers_mistake(store: Store, tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            store.put_file("a/b", path, _digest(b""))
    assert _keys(store) == []


def test_a_file_goes_in_with_memory_flat(store: Store, tmp_path: Path) -> None:
    if type(store).__name__ == "MemoryStore":
        return  # its objects are this process's memory
    data = bytes(range(256)) * 100_000
    source = tmp_path / "source"
    source.write_bytes(data)
    store.put("warm-up", b"")
    sha256 = _digest(data)
    tracemalloc.start()
    try:
        for _ in range(2):
            store.put_file("big", source, sha256)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000
    digest = hashlib.sha256()
    for chunk in store.stream("big"):
        digest.update(chunk)
    assert digest.hexdigest() == sha256


def test_eight_writers_of_one_file_all_succeed(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"shared" * 100_000)
    sha256 = _digest(b"shared" * 100_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.put_file("shared/file", source, sha256), range(8)))
    assert store.get("shared/file") == b"shared" * 100_000


def test_the_probe_of_a_store_sees_that_it_creates_only_and_leaves_no_object(store: Store) -> None:
    seen = store.probe()
    assert seen.create_only
    assert (seen.versioned, seen.lock) == (False, None)
    assert _keys(store) == []


def test_what_is_not_locked_is_said_not_to_be(store: Store) -> None:
    store.put("a/b", b"x")
    assert store.promise is None
    assert store.lock_of("a/b") == NO_LOCK
    with pytest.raises(ObjectMissing):
        store.lock_of("a/c")
    assert list(store.foreign_versions()) == []


@pytest.mark.parametrize("scheme", ["memory:", "file:{}/store"])
def test_a_lock_is_not_promised_where_there_is_none(tmp_path: Path, scheme: str) -> None:
    promise = LockPromise("governance", 1)
    with pytest.raises(SettingsError, match="cannot lock"):
        open_store(scheme.format(tmp_path), promise=promise)
    assert list(tmp_path.iterdir()) == []


_GONE = hashlib.sha256(b"gone").hexdigest()
BLOB = f"blobs/sha256/{_GONE[:2]}/{_GONE[2:4]}/{_GONE}"


def test_an_erased_blob_is_missing_and_may_be_stored_again(store: Store) -> None:
    assert isinstance(store, Erasing)
    assert not store.erase(BLOB)
    store.put(BLOB, b"gone")
    store.put("a/b", b"kept")
    assert store.erase(BLOB)
    for read in (lambda: store.get(BLOB), lambda: store.get_range(BLOB, 0, 0)):
        with pytest.raises(ObjectMissing):
            read()
    assert _keys(store) == ["a/b"]
    assert not store.erase(BLOB)
    store.put(BLOB, b"gone")
    assert store.get(BLOB) == b"gone"


@pytest.mark.parametrize(
    "key", ["a/b", "captures/CA-C-0000001-39/inventory.json", "log/checkpoint", BLOB + "0", ""]
)
def test_nothing_but_a_blob_is_erased(store: Store, key: str) -> None:
    assert isinstance(store, Erasing)
    store.put("a/b", b"kept")
    with pytest.raises(InputError):
        store.erase(key, bypass_lock=True)
    assert store.get("a/b") == b"kept"


def test_the_newest_checkpoint_alone_is_replaced(store: Store) -> None:
    assert isinstance(store, Replacing)
    with pytest.raises(ObjectMissing):
        store.newest(LATEST)
    for text in (b"first\n", b"", b"third, and longer\n", b"first\n"):
        store.replace(LATEST, text)
        assert store.newest(LATEST) == text
    assert list(store.list()) == [StoredObject(LATEST, len(b"first\n"))]
    store.put("log/tile/0/000", b"tile")
    for key in ("log/tile/0/000", "a/b", "log/checkpoints/1"):
        with pytest.raises(InputError, match="is ever replaced"):
            store.replace(key, b"other")
        with pytest.raises(InputError, match="is ever replaced"):
            store.newest(key)
    assert store.get("log/tile/0/000") == b"tile"


def test_who_reads_while_it_is_replaced_sees_one_whole_version(store: Store) -> None:
    assert isinstance(store, Replacing)
    versions = {bytes([65 + number]) * (5000 + number) for number in range(4)}
    store.replace(LATEST, min(versions))
    replaced, ended = store, threading.Event()

    def read() -> set[bytes]:
        seen = set[bytes]()
        while not ended.is_set():
            seen.add(replaced.newest(LATEST))
        return seen

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for _ in range(10):
                for version in sorted(versions):
                    replaced.replace(LATEST, version)
        finally:
            ended.set()
        assert set.union(*(reader.result() for reader in readers)) <= versions
