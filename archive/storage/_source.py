# SPDX-License-Identifier: Apache-2.0
"""Files on their way into a store: read in pieces, held against the digest they should have.

A file that cannot be read, or is another than the caller took it for, is the caller's input.
"""

import contextlib
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from archive.errors import InputError, ObjectConflict

PIECE_BYTES = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


@contextlib.contextmanager
def opened_source(path: Path) -> Iterator[BinaryIO]:
    """The open file. Raises InputError when it cannot be opened."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        yield file


def source_size(path: Path) -> int:
    """The size of the file in bytes. Raises InputError when it cannot be looked at."""
    try:
        return path.stat().st_size
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def source_pieces(path: Path) -> Iterator[bytes]:
    """The file in pieces of at most a mebibyte. Raises InputError when it cannot be read."""
    with opened_source(path) as file:
        while piece := read_piece(path, file):
            yield piece


def read_piece(path: Path, file: BinaryIO, size: int = PIECE_BYTES) -> bytes:
    """The next bytes of an open file, none at its end. Raises InputError."""
    try:
        return file.read(size)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def checked_sha256(sha256: str) -> str:
    """The digest itself, when it is 64 lower-case hex digits. Raises InputError."""
    if not _SHA256.fullmatch(sha256):
        raise InputError(f"not a SHA-256 in lower-case hex: {sha256[:80]!r}")
    return sha256


def require_source(path: Path, found: str, sha256: str) -> None:
    """Raise InputError unless the digest found in a file is the one that it should have."""
    if found != sha256:
        raise InputError(f"{path} has SHA-256 {found}, not {sha256}: nothing was stored")


def refuse_other_digest(key: str, there: Iterable[bytes], sha256: str) -> None:
    """Raise ObjectConflict unless what lies under the key, in pieces, has this digest."""
    if digest_of(there) != sha256:
        raise ObjectConflict(f"other bytes already lie under {key}; run `muniment audit`")


def digest_of(pieces: Iterable[bytes]) -> str:
    """The SHA-256 of bytes in pieces, in lower-case hex."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
