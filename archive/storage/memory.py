# SPDX-License-Identifier: Apache-2.0
"""Objects in this process's memory, for tests and trials.

It keeps every promise of the contract except the one about power cuts: nothing outlives it.
"""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from archive.errors import ObjectMissing, SettingsError
from archive.model.lock import NO_LOCK, ObjectLock
from archive.model.probe import StoreCapabilities
from archive.storage._source import checked_sha256, digest_of, require_source, source_pieces
from archive.storage.base import (
    ForeignVersion,
    StoredObject,
    StoreOptions,
    checked_blob,
    checked_key,
    checked_prefix,
    checked_range,
    checked_replaceable,
    exact_range,
    refuse_other_bytes,
    refuse_promise,
)


def open_url(url: str, options: StoreOptions) -> "MemoryStore":
    """A new, empty store for `memory:`. Raises SettingsError for anything after the colon."""
    refuse_promise("memory", options)
    if url != "memory:" or options.endpoint is not None:
        raise SettingsError("a memory store is written `memory:` and has no endpoint")
    return MemoryStore()


class MemoryStore:
    """A write-once store that is empty when made and gone with the process."""

    name = "memory:"
    is_served = False
    promise = None

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
        """Keep a file's bytes, when they have this SHA-256."""
        checked_key(key)
        checked_sha256(sha256)
        data = b"".join(source_pieces(path))
        require_source(path, digest_of([data]), sha256)
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

    def erase(self, key: str, *, bypass_lock: bool = False) -> bool:  # noqa: ARG002 - no locks
        """Remove a blob; False when there is none."""
        with self._writing:
            return self._objects.pop(checked_blob(key), None) is not None

    def replace(self, key: str, data: bytes) -> None:
        """Keep the object in place of what was there."""
        with self._writing:
            self._objects[checked_replaceable(key)] = bytes(data)

    def newest(self, key: str) -> bytes:
        """The object. Raises ObjectMissing."""
        return self.get(checked_replaceable(key))

    def probe(self) -> StoreCapabilities:
        """What a dictionary does: it keeps the first of two objects, and knows no checksum."""
        tried: dict[str, bytes] = {}
        kept = [tried.setdefault("canary", data) for data in (b"first", b"second")]
        return StoreCapabilities(
            create_only=kept == [b"first", b"first"], checksum_refused=False, versioned=False
        )

    def lock_of(self, key: str) -> ObjectLock:
        """No lock: whoever holds the process can change it. Raises ObjectMissing."""
        self.get(key)
        return NO_LOCK

    def prolong(self, key: str) -> None:
        """Nothing, for nothing is locked here."""
        checked_key(key)

    def foreign_versions(self, prefix: str = "") -> Iterator[ForeignVersion]:
        """None: no versions are kept."""
        checked_prefix(prefix)
        return iter(())
