# SPDX-License-Identifier: Apache-2.0
"""Captures in a process that kills itself at a chosen step, as a power cut or `kill -9` would.

A step is each call of the store (before and after), each SQL statement, begin and commit of the
catalogue, and each system call that writes, syncs or names a file; a write is cut in half.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sqlalchemy import event

from archive.bootstrap import open_archive
from archive.catalog.database import Database
from archive.services.capturing.capture import capture_many, look_at, record_group
from archive.services.capturing.container import Looked
from archive.services.capturing.desk import Patience
from archive.services.context import Archive, signing_key
from archive.services.imports import gather
from archive.services.imports import reading as import_reading
from archive.services.imports.file import ImportOptions, import_file
from archive.services.imports.timemap import Mementos, import_timemap
from archive.services.trust import trusted_keyset
from archive.settings import Settings
from archive.storage.base import Store, StoredObject

NEVER = 1 << 60
_PRELOADED = [
    "archive.bootstrap",
    "archive.services.capturing.capture",
    "archive.services.imports.file",
    "archive.storage.file",
    "archive.text.recipe_1",
    "lxml.etree",
    "pypdf",
    "sqlalchemy.dialects.sqlite",
]
_SYSTEM_CALLS = ("write", "fsync", "link", "mkdir")


@dataclass(frozen=True)
class Crashed:
    """How a process ended: the steps it went through, or None when it was killed."""

    steps: list[str] | None
    exit_code: int | None

    def has_died_at(self, last: int) -> bool:
        """Whether it was killed there, or ended before: digests that begin alike share a folder,
        and then there are fewer steps.
        """
        if self.steps is not None:
            return len(self.steps) <= last
        return self.exit_code == -signal.SIGKILL


class Steps:
    """Counts steps, and kills its own process at the chosen one."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.names: list[str] = []

    def step(self, name: str) -> None:
        """Goes on to the next step, or dies here."""
        self.names.append(name)
        if len(self.names) > self.last:
            os.kill(os.getpid(), signal.SIGKILL)


class DyingStore:
    """A store that may die before and after each call."""

    def __init__(self, store: Store, steps: Steps) -> None:
        self._store = store
        self._steps = steps

    def put(self, key: str, data: bytes) -> None:
        self._around("put", lambda: self._store.put(key, data))

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        self._around("put_many", lambda: self._store.put_many(objects))

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        self._around("put_file", lambda: self._store.put_file(key, path, sha256))

    def get(self, key: str) -> bytes:
        found: bytes = self._around("get", lambda: self._store.get(key))
        return found

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        found: bytes = self._around("get_range", lambda: self._store.get_range(key, offset, length))
        return found

    def stream(self, key: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        self._steps.step("stream")
        return self._store.stream(key, chunk_bytes)

    def prolong(self, key: str) -> None:
        self._around("prolong", lambda: self._store.prolong(key))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        self._steps.step("list")
        return self._store.list(prefix)

    def _around(self, name: str, call: Callable[[], Any]) -> Any:
        self._steps.step(f"before {name}")
        answer = call()
        self._steps.step(f"after {name}")
        return answer


def _watch(database: Database, steps: Steps) -> None:
    """Make a step of each statement and commit. A commit is done when its connection returns."""
    for name in ("commit", "before_cursor_execute"):
        event.listen(
            database.engine, name, lambda *_a, _name=name, **_k: steps.step(f"sql {_name}")
        )
    event.listen(database.engine.pool, "checkin", lambda *_: steps.step("sql returned"))


def _cut(steps: Steps, name: str) -> None:
    """Make steps of a system call: before it, and halfway through where it writes."""
    whole = getattr(os, name)

    def call(*args: Any, **options: Any) -> Any:
        steps.step(f"os.{name}")
        if name == "write" and len(args[1]) > 1:
            half = len(args[1]) // 2
            written: int = whole(args[0], args[1][:half])
            steps.step("os.write, half done")
            return written
        return whole(*args, **options)

    setattr(os, name, call)


def _dying(settings: Settings, steps: Steps) -> Archive:
    archive = open_archive(settings)
    _watch(archive.database, steps)
    for name in _SYSTEM_CALLS:
        _cut(steps, name)
    return replace(archive, store=DyingStore(archive.store, steps))


def _captures(settings: Settings, urls: Sequence[str], last: int, answer: Connection) -> None:
    steps = Steps(last)
    archive = _dying(settings, steps)
    for result in capture_many(archive, urls, group_size=len(urls)):
        steps.step(f"returned {type(result).__name__}")
    answer.send(steps.names)


def _requested(settings: Settings, urls: Sequence[str], last: int, answer: Connection) -> None:
    steps = Steps(last)
    dying = _dying(settings, steps)
    key = signing_key(dying, trusted_keyset(dying))
    looks = [look_at(dying, url, f"{request_of(place)}.0") for place, url in enumerate(urls)]
    for result in record_group(dying, key, [look for look in looks if isinstance(look, Looked)]):
        steps.step(f"returned {type(result).__name__}")
    answer.send(steps.names)


def _gathers(settings: Settings, url: str, last: int, answer: Connection) -> None:
    gather.GROUP_ITEMS = 1
    steps = Steps(last)
    archive = _dying(settings, steps)
    patience = Patience(5, threading.Event())
    options = ImportOptions("other.example")
    import_timemap(archive, Mementos(url), options, lambda _done, _total: None, patience)
    answer.send(steps.names)


def request_of(place: int) -> str:
    """The name of the request for the URL at this place."""
    return f"job/{place}"


def ask_and_die(settings: Settings, urls: Sequence[str], last: int = NEVER) -> Crashed:
    """As `capture_and_die`, each URL for a request, so that it can be asked for again."""
    return _run(_requested, settings, urls, last)


def _imports(
    settings: Settings, given: tuple[Path, ImportOptions, int], last: int, answer: Connection
) -> None:
    path, options, segment_bytes = given
    import_reading.SEGMENT_BYTES = segment_bytes
    steps = Steps(last)
    archive = _dying(settings, steps)
    import_file(archive, path, options, lambda _done, _total: None)
    answer.send(steps.names)


def capture_and_die(settings: Settings, urls: Sequence[str], last: int = NEVER) -> Crashed:
    """Captures the URLs as one group in a process of its own that dies after `last` steps."""
    return _run(_captures, settings, urls, last)


def import_and_die(
    settings: Settings, path: Path, options: ImportOptions, segment_bytes: int, last: int = NEVER
) -> Crashed:
    """Imports a file in groups of so many bytes, in a process that dies after `last` steps."""
    return _run(_imports, settings, (path, options, segment_bytes), last)


def gather_and_die(settings: Settings, url: str, last: int = NEVER) -> Crashed:
    """Imports a TimeMap, each memento a group, in a process that dies after `last` steps."""
    return _run(_gathers, settings, url, last)


def _run(deed: Callable[..., None], settings: Settings, given: Any, last: int) -> Crashed:
    # A server that is forked while it has one thread only: quick, and safe beside our threads.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    receiver, sender = context.Pipe(duplex=False)
    with receiver:
        process = context.Process(target=deed, args=(settings, given, last, sender))
        process.start()
        sender.close()
        try:
            names = receiver.recv()
        except EOFError:
            names = None
        process.join()
        crashed = Crashed(names, process.exitcode)
        process.close()
    return crashed
