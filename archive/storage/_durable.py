# SPDX-License-Identifier: Apache-2.0
"""Files and folders that survive a power cut: the system calls behind the file store.

fsync(2): syncing a file does not sync the folder entry that names it, so each folder whose
entries changed is synced too. A failed fsync is never retried on the same file: the kernel may
have dropped the pages and report success the second time (Rebello et al., "Can Applications
Recover from fsync Failures?", USENIX ATC 2020).
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from archive.errors import StorageRefused

Run = Callable[..., Iterable[Any]]
"""Applies a function to each item: `map`, or a thread pool's."""

# Bounds the files held open between write and sync, well under the usual limit of 1,024.
_OPEN_AT_ONCE = 64
_FOLDERS_REMEMBERED = 100_000


def write_files(files: Sequence[tuple[str, bytes]], run: Run) -> None:
    """Make new files that are on disk, though their names may not be, when this returns.

    All are written before the first is synced, so that the syncs share the disk's work.
    """
    for start in range(0, len(files), _OPEN_AT_ONCE):
        with contextlib.ExitStack() as closing:
            written = []
            for path, data in files[start : start + _OPEN_AT_ONCE]:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
                closing.callback(os.close, descriptor)
                written.append(descriptor)
                _write_all(descriptor, data)
            list(run(os.fsync, written))


def copy_pieces(path: str, pieces: Iterable[bytes]) -> str:
    """Make a new file that is on disk, though its name may not be; the SHA-256 of its bytes."""
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        for piece in pieces:
            digest.update(piece)
            _write_all(descriptor, piece)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def sync_path(path: str) -> None:
    """Put a file's bytes, or a folder's entries, on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Folders:
    """The folders under one root: real ones, not symbolic links, and durable once written to."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._real: set[str] = set()
        self._durable: set[str] = set()

    def check(self, folder: str) -> None:
        """Raise StorageRefused when the way from the root leads through a symbolic link.

        Each folder is looked at once: this guards against misplaced links, not against someone
        who may write into the root. Raises FileNotFoundError, NotADirectoryError.
        """
        if folder in self._real or folder == self.root:
            return
        self.check(folder.rpartition("/")[0])
        self._require_real(folder)
        _remember(self._real, folder)

    def make(self, folder: str, unsynced: set[str]) -> None:
        """Make the folder and those above it, and add to `unsynced` what must be synced.

        A folder that is already there counts as unsynced the first time: whoever made it may not
        have come to syncing it.
        """
        if folder == self.root or folder in self._durable:
            return
        parent = folder.rpartition("/")[0]
        self.make(parent, unsynced)
        with contextlib.suppress(FileExistsError):
            Path(folder).mkdir()
        self._require_real(folder)
        unsynced.add(parent)

    def sync(self, folders: set[str], run: Run) -> None:
        """Put the entries of the folders on disk, and remember that they are."""
        list(run(sync_path, sorted(folders)))
        for folder in folders:
            _remember(self._durable, folder)

    def forget(self) -> None:
        """Take nothing for granted any more, after something went wrong."""
        self._real.clear()
        self._durable.clear()

    def _require_real(self, folder: str) -> None:
        mode = os.lstat(folder).st_mode
        if stat.S_ISLNK(mode):
            name = folder.removeprefix(f"{self.root}/")
            raise StorageRefused(f"{name} in the store is a symbolic link; put a folder there")
        if not stat.S_ISDIR(mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def make_durable_root(path: Path) -> None:
    """Make a folder and those above it where they are missing, and sync the entries made."""
    if path.is_dir():
        return
    make_durable_root(path.parent)
    path.mkdir(exist_ok=True)
    sync_path(str(path.parent))


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _remember(folders: set[str], folder: str) -> None:
    if len(folders) >= _FOLDERS_REMEMBERED:
        folders.clear()
    folders.add(folder)
