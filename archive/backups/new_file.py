# SPDX-License-Identifier: Apache-2.0
"""A new file that is there whole or not at all, for its owner's eyes only.

link(2), unlike rename(2), fails when the name is taken, so nothing is ever replaced.
"""

import contextlib
import io
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[io.BufferedRandom]:
    """A file with mode 0600, open to write and read, under its name once the block has ended.

    It is then durable. When the block raises, nothing stays. Raises FileExistsError when the
    name is taken, and OSError.
    """
    if path.exists() or path.is_symlink():
        raise FileExistsError(f"{path} is there already")
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    finally:
        temporary.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
