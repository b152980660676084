# SPDX-License-Identifier: Apache-2.0
"""The file store alone: crashes, order of system calls, odd things in the folder, full disks."""

import errno
import hashlib
import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archive.errors import ObjectMissing, StorageError, StorageRefused, StorageUnavailable
from archive.storage import _durable
from archive.storage.base import StoredObject
from archive.storage.file import FileStore

# Acknowledges each object on its output only after put or put_many has returned.
_WRITER = """
import hashlib, sys
from pathlib import Path
from archive.storage.file import FileStore
store = FileStore(Path(sys.argv[1]))
for n in range(10**9):
    group = []
    for part in range(1 if n % 2 else 5):
        data = hashlib.sha256(b"%d.%d" % (n, part)).digest() * 2000
        digest = hashlib.sha256(data).hexdigest()
        group.append((f"blobs/{sys.argv[2]}/{digest[:2]}/{digest}", data))
    store.put_many(group) if len(group) > 1 else store.put(*group[0])
    print("\\n".join(key for key, _ in group), flush=True)
"""


def test_a_killed_writer_leaves_whole_objects_and_all_it_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(60)
    acknowledged: set[str] = set()
    for run in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path), f"run{run}"], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(chance.uniform(0.001, 0.08))
            writer.send_signal(signal.SIGKILL)
            lines = (first + writer.stdout.read()).decode().splitlines(keepends=True)
        acknowledged.update(line.strip() for line in lines if line.endswith("\n"))
    store = FileStore(tmp_path)
    listed = {item.key: item.size for item in store.list()}
    assert len(acknowledged) > 100
    assert acknowledged <= listed.keys()
    for key, size in listed.items():
        assert size == 64_000
        assert hashlib.sha256(store.get(key)).hexdigest() == key.rpartition("/")[2]


def test_bytes_are_synced_before_the_name_and_folders_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def fsync(descriptor: int, real: object = os.fsync) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        calls.append(
            "sync " + ("file" if ".tmp" in path.parts else str(path.relative_to(tmp_path)))
        )
        assert callable(real)
        real(descriptor)

    def link(source: str, target: str, real: object = os.link, **options: bool) -> None:
        calls.append("link " + str(Path(target).relative_to(tmp_path)))
        assert callable(real)
        real(source, target, **options)

    store = FileStore(tmp_path)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", link)
    store.put("a/b/c", b"x")
    assert calls[:2] == ["sync file", "link a/b/c"]
    assert sorted(calls[2:]) == ["sync .", "sync a", "sync a/b"]
    calls.clear()
    store.put("a/b/d", b"y")
    assert calls == ["sync file", "link a/b/d", "sync a/b"]
    calls.clear()
    store.put_many([("a/b/e", b"1"), ("a/b/f", b"2")])
    assert sorted(calls[:2]) == ["sync file", "sync file"]
    assert calls[2:] == ["link a/b/e", "link a/b/f", "sync a/b"]
    calls.clear()
    store.put("a/b/c", b"x")
    assert calls == ["sync a/b/c", "sync a/b"]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StorageUnavailable),
        (errno.EDQUOT, StorageUnavailable),
        (errno.EIO, StorageUnavailable),
        (errno.EMFILE, StorageUnavailable),
        (errno.EROFS, StorageRefused),
        (errno.EACCES, StorageRefused),
    ],
)
@pytest.mark.parametrize("call", ["write", "fsync", "link"])
def test_a_failed_write_leaves_nothing_and_names_no_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    kind: type[StorageError],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path))

    store = FileStore(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(kind, match=os.strerror(number)) as caught:
            store.put("a/b", b"x")
        with pytest.raises(kind):
            store.put_many([("a/c", b"x"), ("a/d", b"y")])
    assert str(tmp_path) not in str(caught.value)
    assert list(store.list()) == []
    assert list((tmp_path / ".tmp").iterdir()) == []
    store.put("a/b", b"x")


def test_a_failed_read_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    store = FileStore(tmp_path)
    store.put("a", b"x")
    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(StorageUnavailable):
        store.get("a")


def test_a_file_cut_while_it_is_read_is_unavailable(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.put("a", bytes(5000))
    stream = store.stream("a", chunk_bytes=1000)
    next(stream)
    os.truncate(tmp_path / "a", 1500)
    with pytest.raises(StorageUnavailable, match="cut short"):
        list(stream)


def test_a_file_without_permission_is_refused_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root, as whom many test machines run, is let through by chmod: the call itself refuses.
    def refuse(path: str, *_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    store = FileStore(tmp_path)
    store.put("a/b", b"x")
    monkeypatch.setattr(os, "open", refuse)
    for deed in (lambda: store.get("a/b"), lambda: store.put("a/b", b"x")):
        with pytest.raises(StorageRefused, match="Permission denied"):
            deed()


def test_leftovers_that_may_not_be_removed_do_not_stop_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path, **_: bool) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    FileStore(tmp_path).put("a", b"x")
    (tmp_path / ".tmp/1-old").write_bytes(b"half")
    os.utime(tmp_path / ".tmp/1-old", (0, 0))
    monkeypatch.setattr(Path, "unlink", refuse)
    assert FileStore(tmp_path).get("a") == b"x"
    assert "Permission denied" in caplog.text


def test_links_are_not_followed_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    root = tmp_path / "store"
    store = FileStore(root)
    store.put("real/x", b"x")
    (root / "folder").symlink_to(outside)
    (root / "real/file").symlink_to(outside / "secret")
    for key in ("folder/secret", "real/file"):
        with pytest.raises(StorageRefused):
            store.get(key)
        with pytest.raises(StorageRefused):
            next(store.stream(key))
        with pytest.raises(StorageRefused):
            store.put(key, b"secret")
    with pytest.raises(StorageRefused):
        store.put("folder/new", b"x")
    with pytest.raises(StorageRefused):
        list(store.list("folder/"))
    with caplog.at_level(logging.WARNING):
        assert [item.key for item in store.list()] == ["real/x"]
    assert "folder" in caplog.text
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / "disk")
    FileStore(tmp_path / "store").put("a/b", b"x")
    assert (tmp_path / "disk/a/b").read_bytes() == b"x"


def test_strange_names_are_logged_and_not_listed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = FileStore(tmp_path)
    store.put("a/b", b"x")
    (tmp_path / "a/.DS_Store").write_bytes(b"")
    (tmp_path / "Lost and found").mkdir()
    (tmp_path / "Lost and found/x").write_bytes(b"")
    os.mkfifo(tmp_path / "a/pipe")
    with caplog.at_level(logging.WARNING):
        assert list(store.list()) == [StoredObject("a/b", 1)]
    assert len(caplog.records) == 3
    with pytest.raises(ObjectMissing):
        store.get("a/pipe")


def test_a_key_is_never_the_folder_of_another(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.put("a/b", b"x")
    with pytest.raises(StorageRefused):
        store.put("a", b"y")
    with pytest.raises(StorageRefused):
        store.put("a/b/c", b"y")
    assert store.get("a/b") == b"x"


def test_leftovers_go_after_a_day_and_not_before(tmp_path: Path) -> None:
    FileStore(tmp_path).put("a", b"x")
    old, new = tmp_path / ".tmp/1-old", tmp_path / ".tmp/1-new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 25 * 3600,) * 2)
    store = FileStore(tmp_path)
    assert [path.name for path in (tmp_path / ".tmp").iterdir()] == ["1-new"]
    assert [item.key for item in store.list()] == ["a"]


def test_a_root_that_vanished_is_unavailable_not_empty(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = FileStore(root)
    store.put("a", b"x")
    root.rename(tmp_path / "elsewhere")
    for deed in (lambda: store.get("a"), lambda: store.put("b", b""), lambda: list(store.list())):
        with pytest.raises(StorageUnavailable):
            deed()


def test_a_folder_removed_meanwhile_is_made_again(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.put("a/b", b"x")
    (tmp_path / "a/b").unlink()
    (tmp_path / "a").rmdir()
    with pytest.raises(StorageUnavailable):
        store.put("a/c", b"x")
    store.put("a/c", b"x")
    assert store.get("a/c") == b"x"


def test_a_large_group_holds_few_files_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0

    def fsync(_: int) -> None:
        nonlocal most
        most = max(most, len(list(Path("/proc/self/fd").iterdir())))

    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(os, "fsync", fsync)
    FileStore(tmp_path).put_many([(f"a/{n}", b"x") for n in range(500)])
    assert most - before <= _durable._OPEN_AT_ONCE + 20


def test_what_is_remembered_of_folders_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_durable, "_FOLDERS_REMEMBERED", 10)
    store = FileStore(tmp_path)
    store.put_many([(f"{n}/x", b"") for n in range(50)])
    assert [store.get(f"{n}/x") for n in range(50)] == [b""] * 50
    assert len(store._folders._real) <= 10
    assert len(store._folders._durable) <= 10
