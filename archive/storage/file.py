# SPDX-License-Identifier: Apache-2.0
"""Objects as files under one folder: the default store, which needs no server.

A key is the path of its file, so `sha256sum` and `cp` are enough to check or to copy a store.
"""

import contextlib
import datetime as dt
import errno
import logging
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from archive.errors import (
    ObjectMissing,
    SettingsError,
    StorageError,
    StorageRefused,
    StorageUnavailable,
)
from archive.model.lock import NO_LOCK, ObjectLock
from archive.model.probe import StoreCapabilities
from archive.storage._durable import (
    Folders,
    Run,
    copy_pieces,
    make_durable_root,
    sync_path,
    write_files,
)
from archive.storage._source import (
    checked_sha256,
    digest_of,
    refuse_other_digest,
    require_source,
    source_pieces,
)
from archive.storage.base import (
    ForeignVersion,
    StoredObject,
    StoreOptions,
    Writing,
    checked_blob,
    checked_key,
    checked_prefix,
    checked_range,
    checked_replaceable,
    is_key,
    refuse_other_bytes,
    refuse_promise,
)

_log = logging.getLogger(__name__)

# The leading dot keeps it out of the grammar of keys: no object can lie there.
_TEMPORARY = ".tmp"
_TEMPORARY_KEPT_SECONDS = 24 * 3600
_SYNC_THREADS = 8
_REFUSALS = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ELOOP,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EXDEV,
    errno.ENAMETOOLONG,
    errno.EOPNOTSUPP,
}


def open_url(url: str, options: StoreOptions) -> "FileStore":
    """The store of `file:PATH`, relative or absolute, taken as written. Raises SettingsError."""
    return FileStore(_checked_path(url, options))


def find_url(url: str, options: StoreOptions) -> "FileStore":
    """The store of `file:PATH` whose folder is there. Raises SettingsError, StorageUnavailable."""
    path = _checked_path(url, options)
    if not path.is_dir():
        raise StorageUnavailable(f"there is no folder {path}: is its disk mounted?")
    return FileStore(path)


def _checked_path(url: str, options: StoreOptions) -> Path:
    refuse_promise("file", options)
    path = url.removeprefix("file:")
    if path.startswith("///"):
        path = path.removeprefix("//")
    if not path or path.startswith("//"):
        raise SettingsError("a file store is written `file:PATH`, without a host")
    if options.endpoint is not None:
        raise SettingsError("a file store has no endpoint; remove that setting or use s3:")
    return Path(path)


class FileStore:
    """A write-once store in a folder, which is made when it is missing.

    Guaranteed on a local file system that keeps POSIX's word (ext4, XFS, btrfs, ZFS, APFS):
    - An object appears under its key whole or not at all, whenever the process is killed or the
      power fails: its bytes are synced in a temporary file before link(2) gives it its name.
    - Nothing is overwritten: link(2), unlike rename(2), fails when the name exists, also when
      many processes race for it. The loser compares its bytes with the winner's.
    - When `put` or `put_many` returns, the bytes, the name and every folder above it are synced,
      also where another process wrote them (FiloSottile/sunlight, internal/durable/path.go, and
      SQLite's unixOpenDirectory take the same steps).

    Not guaranteed: anything on a disk that acknowledges a flush it has not done, on a network
    file system mounted async, or after the kernel reported a failed sync once and forgot it. On
    macOS fsync(2) leaves the drive's own cache unflushed. Keys that differ in case only need a
    case-sensitive file system. File systems without hard links are refused at the first put.
    Symbolic links below the root are refused, not followed.

    Leftovers of killed processes lie in `.tmp/` and are removed at the next opening after 24 h.
    """

    name = "file:"
    is_served = False
    promise = None

    def __init__(self, root: Path) -> None:
        with _translating("the store's folder"):
            make_durable_root(root.absolute())
            self._root = str(root.resolve())
        self._folders = Folders(self._root)
        self._temporary = Path(self._root, _TEMPORARY)
        self._remove_leftovers()

    @property
    def folder(self) -> Path:
        """The folder, with every symbolic link on the way to it resolved."""
        return Path(self._root)

    def put(self, key: str, data: bytes) -> None:
        """Store an object durably under a key that is new, or holds the same bytes."""
        checked_key(key)
        with _translating(key), self._temporary_names(1) as names:
            self._write([(key, data)], names, map)

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Store a group with syncs issued together; all are durable when this returns."""
        for key, _ in objects:
            checked_key(key)
        with (
            _translating("the group"),
            self._temporary_names(len(objects)) as names,
            ThreadPoolExecutor(_SYNC_THREADS) as pool,
        ):
            self._write(objects, names, pool.map)

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        """Copy a file of any size under a key that is new, or holds the same bytes.

        It is copied, never linked: whoever may write to the file must not reach the store with it.
        """
        checked_key(key)
        checked_sha256(sha256)
        with _translating(key), self._temporary_names(1) as names:
            self._copy_in(key, path, sha256, names[0])

    def get(self, key: str) -> bytes:
        """The whole object, in one read."""
        with _translating(key), self._opened(key) as (descriptor, size):
            return _read(key, descriptor, 0, size)

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`."""
        checked_range(offset, length)
        with _translating(key), self._opened(key) as (descriptor, size):
            if offset + length > size:
                raise StorageError(f"{key} ends early: it has {size} bytes")
            return _read(key, descriptor, offset, length)

    def stream(self, key: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """The object in chunks; memory stays flat."""
        with _translating(key), self._opened(key) as (descriptor, size):
            for offset in range(0, size, chunk_bytes):
                yield _read(key, descriptor, offset, min(chunk_bytes, size - offset))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every object whose key begins with the prefix, in key order.

        Memory holds the names of one folder at a time, and of those above it.
        """
        folder = checked_prefix(prefix).rpartition("/")[0]
        with _translating(prefix or "the store"):
            try:
                self._folders.check(self._path(folder))
            except (FileNotFoundError, NotADirectoryError):
                self._require_root()
                return
            yield from self._listed(folder, prefix)

    def replace(self, key: str, data: bytes) -> None:
        """Put the object in place of what lies there, by rename(2): a reader sees one or the other.

        The bytes are synced before, the folder after.
        """
        path = self._path(checked_replaceable(key))
        folder, unsynced = path.rpartition("/")[0], set[str]()
        with _translating(key), self._temporary_names(1) as (name,):
            self._temporary.mkdir(exist_ok=True)
            self._folders.check(str(self._temporary))
            write_files([(name, data)], map)
            self._folders.make(folder, unsynced)
            Path(name).replace(path)
            self._folders.sync({*unsynced, folder}, map)

    def newest(self, key: str) -> bytes:
        """The object."""
        return self.get(checked_replaceable(key))

    def check_writable(self, key: str) -> Writing:
        """Whether this process may make files here, by mode and mount (access(2))."""
        with self._opened(key):
            folders = [self._root, *(self._path(name) for name in self._top_folders())]
        closed = [folder for folder in folders if not os.access(folder, os.W_OK | os.X_OK)]
        if closed:
            raise StorageRefused(f"{closed[0]} cannot be written")
        return Writing.CREATES_ONLY

    def server_time(self) -> dt.datetime | None:
        """None: the clock is this machine's."""
        return None

    def _top_folders(self) -> Iterator[str]:
        with os.scandir(self._root) as entries:
            yield from (entry.name for entry in entries if entry.is_dir(follow_symlinks=False))

    def probe(self) -> StoreCapabilities:
        """What the file system does, tried in `.tmp/`: it checks and locks nothing."""
        with _translating("the probe"), self._temporary_names(3) as (first, second, name):
            self._temporary.mkdir(exist_ok=True)
            self._folders.check(str(self._temporary))
            write_files([(first, b"first"), (second, b"second")], map)
            os.link(first, name, follow_symlinks=False)
            with contextlib.suppress(FileExistsError):
                os.link(second, name, follow_symlinks=False)
            is_first = Path(name).read_bytes() == b"first"
        return StoreCapabilities(create_only=is_first, checksum_refused=False, versioned=False)

    def lock_of(self, key: str) -> ObjectLock:
        """No lock: whoever owns the folder can change what lies there."""
        with _translating(key), self._opened(key):
            return NO_LOCK

    def prolong(self, key: str) -> None:
        """Nothing, for nothing is locked here."""
        checked_key(key)

    def foreign_versions(self, prefix: str = "") -> Iterator[ForeignVersion]:
        """None: a file system keeps no versions."""
        checked_prefix(prefix)
        return iter(())

    def erase(self, key: str, *, bypass_lock: bool = False) -> bool:  # noqa: ARG002 - no locks
        """Remove a blob's file and sync its folder; False when there is none.

        What a disk, a snapshot or a copy of the folder keeps of the bytes is beyond this.
        """
        path = self._path(checked_blob(key))
        folder = path.rpartition("/")[0]
        with _translating(key):
            try:
                self._folders.check(folder)
                os.unlink(path)  # noqa: PTH108 - the paths here are text
            except (FileNotFoundError, NotADirectoryError):
                self._require_root()
                return False
            sync_path(folder)
            self._folders.forget()
        return True

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}" if key else self._root

    def _require_root(self) -> None:
        if not Path(self._root).is_dir():
            raise StorageUnavailable("the store's folder is gone; is its disk mounted?")

    @contextlib.contextmanager
    def _opened(self, key: str) -> Iterator[tuple[int, int]]:
        path = self._path(checked_key(key))
        try:
            self._folders.check(path.rpartition("/")[0])
            # Without O_NONBLOCK, opening a stray named pipe would wait for a writer.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            self._require_root()
            raise ObjectMissing(f"nothing lies under {key}") from None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ObjectMissing(f"what lies under {key} is a folder or device, no object")
            yield descriptor, status.st_size
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _temporary_names(self, count: int) -> Iterator[Sequence[str]]:
        names = [f"{self._temporary}/{os.getpid()}-{secrets.token_hex(8)}" for _ in range(count)]
        try:
            yield names
        finally:
            for name in names:
                Path(name).unlink(missing_ok=True)

    def _write(self, objects: Sequence[tuple[str, bytes]], names: Sequence[str], run: Run) -> None:
        unsynced: set[str] = set()
        new: list[tuple[str, str, bytes]] = []
        repeated: list[str] = []
        try:
            for name, (key, data) in zip(names, objects, strict=True):
                if self._lies_there(key, data):
                    repeated.append(self._path(key))
                else:
                    new.append((name, key, data))
            self._temporary.mkdir(exist_ok=True)
            self._folders.check(str(self._temporary))
            write_files([(name, data) for name, _, data in new], run)
            for key, _ in objects:
                folder = self._path(key).rpartition("/")[0]
                self._folders.make(folder, unsynced)
                unsynced.add(folder)
            for name, key, data in new:
                self._publish(name, key, partial(self._lies_there, key, data))
            list(run(sync_path, repeated))
            self._folders.sync(unsynced, run)
        except OSError:
            self._folders.forget()
            raise

    def _copy_in(self, key: str, path: Path, sha256: str, name: str) -> None:
        unsynced: set[str] = set()
        is_there = partial(self._digest_lies_there, key, sha256)
        folder = self._path(key).rpartition("/")[0]
        try:
            is_new = not is_there()
            if is_new:
                self._temporary.mkdir(exist_ok=True)
                self._folders.check(str(self._temporary))
                require_source(path, copy_pieces(name, source_pieces(path)), sha256)
            else:
                require_source(path, digest_of(source_pieces(path)), sha256)
            self._folders.make(folder, unsynced)
            unsynced.add(folder)
            if is_new:
                self._publish(name, key, is_there)
            else:
                sync_path(self._path(key))
            self._folders.sync(unsynced, map)
        except OSError:
            self._folders.forget()
            raise

    def _publish(self, name: str, key: str, is_there: Callable[[], bool]) -> None:
        path = self._path(key)
        try:
            os.link(name, path, follow_symlinks=False)
        except FileExistsError:
            if not is_there():
                raise StorageRefused(f"{key} is the folder of other objects") from None
            sync_path(path)

    def _lies_there(self, key: str, data: bytes) -> bool:
        try:
            there = self.get(key)
        except ObjectMissing:
            return False
        refuse_other_bytes(key, there, data)
        return True

    def _digest_lies_there(self, key: str, sha256: str) -> bool:
        try:
            refuse_other_digest(key, self.stream(key), sha256)
        except ObjectMissing:
            return False
        return True

    def _listed(self, folder: str, prefix: str) -> Iterator[StoredObject]:
        for key in sorted(self._entries(folder)):
            if not key.startswith(prefix):
                continue
            if key.endswith("/"):
                yield from self._listed(key[:-1], prefix)
            else:
                yield StoredObject(key, os.lstat(self._path(key)).st_size)

    def _entries(self, folder: str) -> Iterator[str]:
        # A folder sorts with its slash, so that walking the tree gives the order of whole keys.
        with os.scandir(self._path(folder)) as entries:
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if is_key(name) and entry.is_dir(follow_symlinks=False):
                    yield f"{name}/"
                elif is_key(name) and entry.is_file(follow_symlinks=False):
                    yield name
                elif name != _TEMPORARY:
                    _log.warning("not an object of the store, left alone: %r", name)

    def _remove_leftovers(self) -> None:
        oldest = time.time() - _TEMPORARY_KEPT_SECONDS
        try:
            for path in self._temporary.iterdir():
                if path.lstat().st_mtime < oldest:
                    path.unlink(missing_ok=True)
        except FileNotFoundError:
            return  # no write yet, or another process is tidying up as well
        except OSError as error:
            # A reader without the right to delete must still be able to read.
            _log.warning("leftovers in %s stay: %s", _TEMPORARY, error.strerror)


def _read(key: str, descriptor: int, offset: int, length: int) -> bytes:
    data = os.pread(descriptor, length, offset)
    while len(data) < length:  # Linux reads at most 2 GiB at once
        more = os.pread(descriptor, length - len(data), offset + len(data))
        if not more:
            raise StorageUnavailable(f"{key} was cut short while it was read")
        data += more
    return data


@contextlib.contextmanager
def _translating(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = StorageRefused if error.errno in _REFUSALS else StorageUnavailable
        raise kind(f"{what}: {error.strerror or error}") from error
