# SPDX-License-Identifier: Apache-2.0
"""Copies every object of a store to a second one, and says whether the second is complete.

Both sides are listed, and only what is missing is copied, so that a second run is cheap and an
interrupted one goes on where it was. Nothing is overwritten: other bytes under a key are named.
Content goes before what names it, and what names content that could not be copied is held back:
the target is at no moment a store with an envelope whose content is missing.
"""

import hashlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from archive.canonical import JsonValue
from archive.digests import sha256_hex
from archive.errors import (
    NotFound,
    ObjectConflict,
    ObjectMissing,
    StorageError,
    StorageRefused,
    StorageUnavailable,
)
from archive.model.proof_batch import PROOFS
from archive.proofs.log_layout import LATEST
from archive.services.upkeep.mirror_lists import Lists, Pair
from archive.services.upkeep.mirror_needs import erased_keys, needed_by
from archive.storage.base import Erasing, Replacing, Store, StoredObject
from archive.storage.layout import BLOBS, read_key

Progress = Callable[[int, int], None]

# In the order of copying: what is named by nothing else goes last.
_CONTENT, _NAMED, _TRUST, _SIGNED = range(4)
_RANKS = {
    "blob": _CONTENT,
    "keyset": _TRUST,
    "statement": _SIGNED,
    "observation": _SIGNED,
    "assertion": _SIGNED,
    "checkpoint": _SIGNED,
}
_NOT_COPIED = {"probe", "latest"}
_THREADS = 8
_GROUP = 64
_WHOLE_BYTES = 4 * 1024 * 1024
_GROUP_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class NotMirrored:
    """An object that the target does not hold as the source does, and why.

    `is_conflict` is true when the target holds other bytes under its key.
    """

    key: str
    code: str
    detail: str
    is_conflict: bool = False


@dataclass
class Mirrored:
    """What a mirror run found and did, the objects and bytes of the source first.

    `redacted_in_target` are objects that a redaction of the source removed there and that the
    target still holds; `only_in_target` all others, which are no fault of the mirror.
    """

    objects: int = 0
    bytes: int = 0
    copied: int = 0
    copied_bytes: int = 0
    already_there: int = 0
    not_mirrored: list[NotMirrored] = field(default_factory=list)
    redacted_in_target: list[str] = field(default_factory=list)
    only_in_target: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether the target holds every object of the source."""
        return not self.not_mirrored


def mirror(source: Store, target: Store, progress: Progress) -> Mirrored:
    """Copy what the target lacks, each object held against its digest on the way.

    `progress(done, total)` counts objects. Raises StorageError when a store cannot be listed or
    the target cannot be written to; what was copied until then stays. Raises NotFound when the
    source is empty.
    """
    run = _Mirroring(source, target, progress)
    return run.run(run.present_by_size)


def mirror_verified(source: Store, target: Store, progress: Progress) -> Mirrored:
    """As `mirror`, and read again what the target holds already.

    A blob must have the digest that it is named by; anything else the bytes of the source.
    """
    run = _Mirroring(source, target, progress)
    return run.run(run.present_by_bytes)


def erase_redacted(target: Store, report: Mirrored) -> list[NotMirrored]:
    """Erase in the target what redactions of the source removed; what could not be, and why."""
    left = []
    for key in report.redacted_in_target:
        try:
            if not isinstance(target, Erasing):
                raise StorageRefused(f"{target.name} cannot erase")
            target.erase(key)
        except StorageError as error:
            left.append(NotMirrored(key, error.code, str(error)))
    report.redacted_in_target = [fault.key for fault in left]
    return left


def mirror_json(report: Mirrored) -> dict[str, JsonValue]:
    """The report as the outside sees it."""
    return {
        "objects": report.objects,
        "bytes": report.bytes,
        "copied": report.copied,
        "copied_bytes": report.copied_bytes,
        "already_there": report.already_there,
        "is_complete": report.is_complete,
        "not_mirrored": [
            {
                "object": fault.key,
                "code": fault.code,
                "detail": fault.detail,
                "is_conflict": fault.is_conflict,
            }
            for fault in report.not_mirrored
        ],
        "redacted_in_target": list(report.redacted_in_target),
        "only_in_target": list(report.only_in_target),
    }


_Judge = Callable[[Pair], NotMirrored | None]


def _rank(key: str) -> int:
    place = read_key(key)
    return _SIGNED if place.file == PROOFS else _RANKS.get(place.role, _NAMED)


class _Mirroring:
    """One run."""

    def __init__(self, source: Store, target: Store, progress: Progress) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._report = Mirrored()
        self._lists = Lists()
        self._faulty: set[str] = set()
        self._erased: dict[str, str | None] = {}
        self._done = 0

    def run(self, judge: _Judge) -> Mirrored:
        # Read before the rest is listed: then all that it commits to is among that.
        newest = self._newest_checkpoint()
        try:
            self._list()
            with ThreadPoolExecutor(_THREADS) as pool:
                for rank in (_CONTENT, _NAMED, _TRUST, _SIGNED):
                    for group in _groups(self._lists.pairs(rank)):
                        self._mirror_group(group, pool, judge)
        except (OSError, sqlite3.Error) as error:
            # What the stores raise is translated already: these are the temporary files.
            folder = tempfile.gettempdir()
            raise StorageUnavailable(
                f"no temporary file can be kept in {folder} ({error}): make room, or set TMPDIR"
            ) from error
        finally:
            self._lists.close()
        if newest is not None and self._report.is_complete:
            self._point_at(newest)
        return self._report

    def _newest_checkpoint(self) -> bytes | None:
        try:
            return self._source.newest(LATEST) if isinstance(self._source, Replacing) else None
        except ObjectMissing:
            return None

    def _point_at(self, newest: bytes) -> None:
        if isinstance(self._target, Replacing):
            self._target.replace(LATEST, newest)

    def present_by_size(self, pair: Pair) -> NotMirrored | None:
        """What is wrong with an object that the target has, by the lists alone."""
        if pair.size == pair.target_size:
            return None
        detail = f"{pair.target_size} bytes in the target, {pair.size} in the source"
        return NotMirrored(pair.key, ObjectConflict.code, detail, is_conflict=True)

    def present_by_bytes(self, pair: Pair) -> NotMirrored | None:
        """What is wrong with an object that the target has, read again."""
        place = read_key(pair.key)
        try:
            found = _sha256(self._target.stream(pair.key))
            is_blob = place.role == "blob"
            wanted = place.name if is_blob else _sha256(self._source.stream(pair.key))
        except StorageError as error:
            return NotMirrored(pair.key, error.code, str(error))
        if found != wanted:
            detail = f"SHA-256 {found} in the target, not {wanted}"
            return NotMirrored(pair.key, ObjectConflict.code, detail, is_conflict=True)
        return None

    def _list(self) -> None:
        lists = self._lists
        # What was removed is not brought back, also where it was not erased yet.
        self._erased = erased_keys(self._source)
        # Content is stored before what names it. So whatever names content is listed first, and
        # all that it names is there when the content is listed, while captures go on.
        lists.add_source(
            (item, _rank(item.key))
            for item in _lasting(self._source.list())
            if not item.key.startswith(BLOBS)
        )
        lists.add_source(
            (item, _rank(item.key))
            for item in _lasting(self._source.list(BLOBS))
            if item.key not in self._erased
        )
        lists.add_target(_lasting(self._target.list()))
        self._report.objects, self._report.bytes = lists.totals()
        if not self._report.objects:
            # A mistyped setting must not end as "complete".
            raise NotFound(f"there is nothing to mirror in {self._source.name}")
        in_target = {*lists.only_in_target(), *(k for k in self._erased if lists.in_target(k))}
        self._report.redacted_in_target = sorted(in_target & set(self._erased))
        self._report.only_in_target = sorted(in_target - set(self._erased))

    def _needed(self, key: str) -> set[str]:
        """The content that a signed file names, as redactions left it."""
        found = set()
        for needed in needed_by(self._source, key):
            left: str | None = needed
            while left is not None and left in self._erased:
                left = self._erased[left]
            if left is not None:
                found.add(left)
        return found

    def _mirror_group(self, group: Sequence[Pair], pool: ThreadPoolExecutor, judge: _Judge) -> None:
        there = [pair for pair in group if pair.target_size is not None]
        missing = [pair for pair in group if pair.target_size is None]
        for fault in pool.map(judge, there):
            self._report.already_there += fault is None
            self._note(fault)
        needs = pool.map(lambda pair: self._needed(pair.key), missing)
        ready = [
            pair
            for pair, needed in zip(missing, needs, strict=True)
            if not self._is_held_back(pair, needed)
        ]
        small = [pair for pair in ready if pair.size <= _WHOLE_BYTES]
        self._copy_small(small, pool)
        for pair in ready:
            if pair.size > _WHOLE_BYTES:
                self._note(self._copy_large(pair))
        self._done += len(group)
        self._progress(self._done, self._report.objects)

    def _copy_small(self, pairs: Sequence[Pair], pool: ThreadPoolExecutor) -> None:
        read = list(pool.map(self._read, pairs))
        objects = [item for item in read if not isinstance(item, NotMirrored)]
        for item in read:
            if isinstance(item, NotMirrored):
                self._note(item)
        try:
            self._target.put_many(objects)
        except ObjectConflict:
            # Somebody else wrote there meanwhile; one by one it shows under which key.
            for key, data in objects:
                self._put(key, data)
        else:
            self._report.copied += len(objects)
            self._report.copied_bytes += sum(len(data) for _, data in objects)

    def _put(self, key: str, data: bytes) -> None:
        try:
            self._target.put(key, data)
        except ObjectConflict as error:
            self._note(NotMirrored(key, error.code, str(error), is_conflict=True))
        else:
            self._count(len(data))

    def _read(self, pair: Pair) -> tuple[str, bytes] | NotMirrored:
        try:
            data = self._source.get(pair.key)
        except StorageError as error:
            return NotMirrored(pair.key, error.code, str(error))
        fault = _damage(pair.key, sha256_hex(data))
        return fault or (pair.key, data)

    def _copy_large(self, pair: Pair) -> NotMirrored | None:
        with tempfile.NamedTemporaryFile(prefix="muniment-mirror-") as file:
            digest = hashlib.sha256()
            try:
                for chunk in self._source.stream(pair.key):
                    digest.update(chunk)
                    file.write(chunk)
            except StorageError as error:
                return NotMirrored(pair.key, error.code, str(error))
            file.flush()
            fault = _damage(pair.key, digest.hexdigest())
            if fault is None:
                try:
                    self._target.put_file(pair.key, Path(file.name), digest.hexdigest())
                except ObjectConflict as error:
                    return NotMirrored(pair.key, error.code, str(error), is_conflict=True)
                self._count(pair.size)
        return fault

    def _is_held_back(self, pair: Pair, needed: Iterable[str]) -> bool:
        lacking = [key for key in needed if key in self._faulty or not self._lists.has(key)]
        if lacking:
            detail = f"held back, because {min(lacking)} is not mirrored"
            self._note(NotMirrored(pair.key, ObjectMissing.code, detail))
        return bool(lacking)

    def _note(self, fault: NotMirrored | None) -> None:
        if fault is not None:
            self._report.not_mirrored.append(fault)
            self._faulty.add(fault.key)

    def _count(self, size: int) -> None:
        self._report.copied += 1
        self._report.copied_bytes += size


def _damage(key: str, found: str) -> NotMirrored | None:
    place = read_key(key)
    if place.role != "blob" or place.name == found:
        return None
    detail = f"SHA-256 is {found} in the source: run `muniment audit`"
    return NotMirrored(key, "OBJECT_DIGEST_MISMATCH", detail)


def _lasting(objects: Iterable[StoredObject]) -> Iterator[StoredObject]:
    return (item for item in objects if read_key(item.key).role not in _NOT_COPIED)


def _groups(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    group: list[Pair] = []
    size = 0
    for pair in pairs:
        group.append(pair)
        size += min(pair.size, _WHOLE_BYTES)
        if len(group) == _GROUP or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _sha256(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
