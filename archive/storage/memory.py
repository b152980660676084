# SPDX-License-Identifier: Apache-2.0
"""Objects in this process's memory, for tests and trials.

It keeps every promise of the contract except the one about power cuts: nothing outlives it.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from archive.errors import ObjectMissing, SettingsError, StorageError
from archive.storage.base import (
    StoredObject,
    checked_key,
    checked_prefix,
    checked_range,
    exact_range,
    refuse_other_bytes,
)


def open_url(url: str, endpoint: str | None) -> "MemoryStore":
    """A new, empty store for `memory:`. Raises SettingsError for anything after the colon."""
    if url != "memory:" or endpoint is not None:
        raise SettingsError("a memory store is written `memory:` and has no endpoint")
    return MemoryStore()


class MemoryStore:
    """A write-once store that is empty when made and gone with the process."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._writing = threading.Lock()

    def put(self, key: str, data: bytes) -> None:
        """Keep the object under a key that is new, or holds the same bytes."""
        checked_key(key)
        with self._writing:
            there = self._objects.setdefault(key, bytes(data))
        refuse_other_bytes(key, there, data)

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Keep a group."""
        for key, _ in objects:
            checked_key(key)
        for key, data in objects:
            self.put(key, data)

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        """Store a file under a key that is new, or holds the same bytes."""
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StorageError(f"the file for {key} changed while it was stored: try again")
        self.put(key, data)

    def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectMissing."""
        try:
            return self._objects[checked_key(key)]
        except KeyError:
            raise ObjectMissing(f"nothing lies under {key}") from None

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`. Raises ObjectMissing, StorageError."""
        checked_range(offset, length)
        data = self.get(key)
        return exact_range(key, data[offset : offset + length], length)

    def stream(self, key: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """The object in chunks. Raises ObjectMissing."""
        data = self.get(key)
        for start in range(0, len(data), chunk_bytes):
            yield data[start : start + chunk_bytes]

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every object whose key begins with the prefix, in key order, as of the call."""
        checked_prefix(prefix)
        with self._writing:
            found = [item for item in self._objects.items() if item[0].startswith(prefix)]
        for key, data in sorted(found):
            yield StoredObject(key, len(data))
