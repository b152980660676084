# SPDX-License-Identifier: Apache-2.0
"""What every store promises, and the one grammar of keys.

Objects are written once. `put` of the same bytes again succeeds; of other bytes raises
ObjectConflict, an integrity alarm. When `put` or `put_many` returns, the objects survive a
power cut. Keys are checked on the way in and on the way out: a name outside the grammar that
somebody else left in the store is logged and never listed.
"""

import datetime as dt
import enum
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from archive.errors import InputError, ObjectConflict, SettingsError, StorageError
from archive.model.lock import LockPromise, ObjectLock
from archive.model.probe import StoreCapabilities
from archive.proofs.log_layout import LATEST

_KEY = re.compile(r"[a-z0-9][A-Za-z0-9._-]{0,199}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,199})*")
_BLOB = re.compile(r"blobs/sha256/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64}")
_KEY_LIMIT = 512


def is_key(name: str) -> bool:
    """Whether a name is a key by the grammar that `checked_key` describes."""
    return len(name) <= _KEY_LIMIT and _KEY.fullmatch(name) is not None


def checked_key(key: str) -> str:
    """The key itself, when the grammar allows it.

    Segments of ASCII letters, digits, `.`, `_`, `-`, each beginning with a letter or digit (the
    first one with a lower-case letter or digit) and at most 200 long, joined by `/`; at most 512
    characters. No key may be the folder of another (`a` beside `a/b`): a file store refuses it.
    Raises InputError.
    """
    if not is_key(key):
        raise InputError(f"not a storage key: {key[:80]!r}")
    return key


def checked_prefix(prefix: str) -> str:
    """The prefix itself, when some key could begin with it. Raises InputError."""
    if prefix:
        checked_key(prefix.removesuffix("/"))
    return prefix


def checked_range(offset: int, length: int) -> None:
    """Refuse a range that no object could have. Raises InputError."""
    if offset < 0 or length < 0:
        raise InputError(f"not a byte range: {length} bytes from {offset}")


def exact_range(key: str, data: bytes, length: int) -> bytes:
    """The data, when it has the length that was asked for. Raises StorageError."""
    if len(data) != length:
        raise StorageError(f"{key} ends early: {length} bytes asked for, {len(data)} there")
    return data


def refuse_other_bytes(key: str, there: bytes, data: bytes) -> None:
    """Raise ObjectConflict unless the bytes that lie under the key are those to be stored."""
    if there != data:
        raise ObjectConflict(f"other bytes already lie under {key}; run `muniment audit`")


def refuse_promise(scheme: str, options: "StoreOptions") -> None:
    """Raise SettingsError when a lock is promised for a store that cannot lock."""
    if options.promise is not None:
        raise SettingsError(
            f'a {scheme} store cannot lock objects: set store.lock to "none", or use an s3: store '
            "in a bucket made with object lock"
        )


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A key and the size of what lies there, in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class ForeignVersion:
    """A version or a delete marker that somebody put over an object of the store."""

    key: str
    version_id: str
    is_deletion: bool


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What a store is opened with beside its URL.

    `endpoint` is that of an S3-compatible server; `promise` what objects are to be locked with.
    """

    endpoint: str | None = None
    promise: LockPromise | None = None


def checked_replaceable(key: str) -> str:
    """The key itself, when it is the one whose object is replaced. Raises InputError."""
    if key != LATEST:
        raise InputError(f"only {LATEST} is ever replaced, not {key[:80]!r}")
    return key


@runtime_checkable
class Replacing(Protocol):
    """What keeps the one object that is not written once: the log's newest checkpoint.

    It says nothing that files written once do not say; so it is read in its newest version.
    """

    def replace(self, key: str, data: bytes) -> None:
        """Store the object durably in place of what lies there: whole, and at once.

        Raises InputError for every other key, StorageRefused, StorageUnavailable.
        """
        ...

    def newest(self, key: str) -> bytes:
        """The whole object as it was stored last. Raises as `get`, and InputError as `replace`."""
        ...


class Protection(Protocol):
    """What a store does for its objects beyond keeping them: locks, and versions."""

    @property
    def name(self) -> str:
        """What statements call the store: its URL, or the scheme alone of one on this machine."""
        ...

    @property
    def is_served(self) -> bool:
        """Whether a server keeps the objects, of which only a probe tells what it does."""
        ...

    @property
    def promise(self) -> LockPromise | None:
        """What every object is locked with; None: with nothing."""
        ...

    def probe(self) -> StoreCapabilities:
        """What the store is seen to do, tried anew. Raises StorageRefused, StorageUnavailable."""
        ...

    def lock_of(self, key: str) -> ObjectLock:
        """What is in force on an object now, by the store's own word. Raises as `get`."""
        ...

    def prolong(self, key: str) -> None:
        """Lock an object that is there as if it were stored now; without a promise, nothing.

        A lock never gets shorter. Raises as `get`.
        """
        ...

    def foreign_versions(self, prefix: str = "") -> Iterator[ForeignVersion]:
        """What somebody put over objects of the store, by key.

        None where the store keeps no versions: then an overwrite shows in the bytes alone.
        """
        ...


class Store(Protection, Protocol):
    """A write-once object store, safe to use from many threads and processes.

    Where the store keeps versions, every read is of the first one: what the archive wrote.
    """

    def put(self, key: str, data: bytes) -> None:
        """Store an object durably under a key that is new, or holds the same bytes.

        Raises InputError (key), ObjectConflict (other bytes there), StorageRefused,
        StorageUnavailable. After the last, the object may be there; putting it again is safe.
        """
        ...

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Store a group; all are durable when this returns (one sync where the store can).

        In no promised order: what must come later goes into a later group. On an error some of
        the group may be there; putting the group again is safe. All keys are checked first.
        """
        ...

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        """Store a file of any size, as `put` does; memory stays flat.

        The bytes are hashed on the way. Raises InputError, with nothing stored, when the file
        cannot be read or does not have this SHA-256 (lower-case hex); otherwise as `put`.
        """
        ...

    def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectMissing, StorageRefused, StorageUnavailable."""
        ...

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`.

        Raises ObjectMissing, and StorageError when the object ends before that.
        """
        ...

    def stream(self, key: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """The object in chunks of at most that size, none empty; memory stays flat.

        Errors as `get`, at the first chunk; StorageUnavailable when the object breaks off.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every object whose key begins with the prefix, in key order.

        On S3 the order is the server's, which is key order where it follows Amazon.
        """
        ...


class WholeStore(Store, Replacing, Protocol):
    """What every backend is."""


@runtime_checkable
class Erasing(Protocol):
    """A store out of which a blob can be taken for good: for a redaction, and for nothing else."""

    def erase(self, key: str, *, bypass_lock: bool = False) -> bool:
        """Remove a blob in every version; False when nothing lies under the key.

        When this returns, no version of it can be read, and that survives a power cut. A legal
        hold and a retention that can be bypassed are lifted with `bypass_lock` alone. Raises
        InputError (no key of a blob), StorageRefused (locked, or no right to), StorageUnavailable.
        """
        ...


def checked_blob(key: str) -> str:
    """The key itself, when it is that of a blob: nothing else is ever erased. Raises InputError."""
    if not _BLOB.fullmatch(key):
        raise InputError(f"only a blob can be erased, not {key[:80]!r}")
    return key


class Writing(enum.StrEnum):
    """What was seen of a store that was asked whether it may be written to."""

    CREATES_ONLY = "creates-only"  # it takes new objects and refuses to overwrite
    OVERWRITES = "overwrites"  # it takes objects, also where it was asked to create them only
    UNKNOWN = "unknown"  # it cannot be asked without storing something new


@runtime_checkable
class Examinable(Protocol):
    """A store that can be asked about itself without leaving anything in it."""

    def check_writable(self, key: str) -> Writing:
        """Whether objects may be stored; under the key lies one whose bytes stay as they are.

        Raises StorageRefused when they may not, ObjectMissing, StorageUnavailable.
        """
        ...

    def server_time(self) -> dt.datetime | None:
        """The time by the server's clock, None where there is no server.

        Raises StorageUnavailable.
        """
        ...
