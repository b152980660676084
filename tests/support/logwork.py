# SPDX-License-Identifier: Apache-2.0
"""A log on a real catalogue and store, and processes that work on it and may die at any step."""

import contextlib
import hashlib
import itertools
import os
import random
import signal
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from support.notes import ORIGIN, log_key, private_key

from archive.catalog import log as rows
from archive.catalog.database import Database
from archive.errors import LogError
from archive.model.log_entry import LogEntry
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.log_layout import CHECKPOINTS, LATEST, TILES, read_tile_key, tile_key
from archive.proofs.merkle import EMPTY_ROOT, TreeHead, is_consistent, leaf_hash, root_of
from archive.proofs.tiles import HEIGHT, write_bundle
from archive.services.log.transparency import CatalogSequence
from archive.storage.base import WholeStore
from archive.storage.open import open_store
from archive.translog.base import Log
from archive.translog.prove import Tiles
from archive.translog.publish import publish


def entry(name: str) -> LogEntry:
    """The leaf of a statement that is called so."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return LogEntry("observation", None, digest, hashlib.sha256(digest.encode()).hexdigest())


def begun(url: str) -> Database:
    """The catalogue at a URL, with a log that has begun."""
    database = Database(url)
    with database.writing() as connection:
        rows.begin(connection, EMPTY_ROOT)
    return database


def append(database: Database, names: Sequence[str]) -> None:
    """Log statements of these names in one transaction."""
    with database.appending() as connection:
        rows.append(connection, [entry(name) for name in names])


def append_and_fail(database: Database, names: Sequence[str]) -> None:
    """Log statements in a transaction that fails at its end."""
    with contextlib.suppress(InterruptedError), database.appending() as connection:
        rows.append(connection, [entry(name) for name in names])
        raise InterruptedError


def log_at(database: Database, store: WholeStore) -> Log:
    """The log of this catalogue and store."""
    return Log(store, store, CatalogSequence(database), log_key())


def sign(text: bytes) -> bytes:
    """The signature of the log's key."""
    return private_key(1).sign(text)


def publish_at(database: Database, store: WholeStore) -> SignedCheckpoint | None:
    """Publish what is logged, with nobody to cosign it."""
    return publish(log_at(database, store), sign, lambda _: ())


class Mortal:
    """A store whose process may die before and after every write."""

    def __init__(self, store: WholeStore, chooser: random.Random, chance: float) -> None:
        self._store = store
        self._chooser = chooser
        self._chance = chance

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        self.maybe_die()
        some = [item for item in objects if self._chooser.random() < 0.7]
        if some != list(objects) and self._chooser.random() < self._chance:
            self._store.put_many(some)
            os.kill(os.getpid(), signal.SIGKILL)
        self._store.put_many(objects)
        self.maybe_die()

    def get(self, key: str) -> bytes:
        return self._store.get(key)

    def replace(self, key: str, data: bytes) -> None:
        self.maybe_die()
        self._store.replace(key, data)
        self.maybe_die()

    def newest(self, key: str) -> bytes:
        return self._store.newest(key)

    def maybe_die(self) -> None:
        if self._chooser.random() < self._chance:
            os.kill(os.getpid(), signal.SIGKILL)


def write_apart(url: str, name: str, count: int, group: int) -> None:
    """Log `count` statements in groups; each third transaction is rolled back, then made again."""
    database, chooser = Database(url), random.Random(name)
    for start in range(0, count, group):
        names = [f"{name} {number}" for number in range(start, start + group)]
        if chooser.random() < 0.3:
            append_and_fail(database, names)
        append(database, names)
    database.close()


def publish_until_killed(url: str, store_url: str, seed: int, chance: float) -> None:
    """Publish again and again, until everything is, or this process dies at a step."""
    database, store = Database(url), open_store(store_url)
    mortal = Mortal(store, random.Random(seed), chance)
    log = Log(mortal, mortal, CatalogSequence(database), log_key())
    for _ in range(200):
        try:
            publish(log, sign, lambda _: ())
        except LogError as error:
            if error.code != "LOG_FAILED":
                raise
        mortal.maybe_die()
    database.close()


def assert_one_history(database: Database, store: WholeStore, count: int) -> TreeHead:
    """Everything that must hold of a log with so many entries that is published to its end."""
    with database.reading() as connection:
        found = rows.rows_between(connection, 0, count + 1000)
        head = rows.log_head_of(connection)
    assert head is not None
    assert head.fault is None
    assert [row[0] for row in found] == list(range(count))
    assert len({row[1] for row in found}) == count
    assert (head.appended, head.integrated, head.signed, head.published) == (count,) * 4
    leaves = [leaf_hash(row[2]) for row in found]
    assert head.root == root_of(leaves)
    entries = [row[2] for row in found]
    for item in store.list(TILES):
        tile = read_tile_key(item.key)
        assert tile is not None
        if tile.level is None:
            wanted = write_bundle(entries[tile.start : tile.start + tile.width])
        else:
            step = 1 << HEIGHT * tile.level
            hashed = [
                root_of(leaves[place * step : (place + 1) * step])
                for place in range(tile.start, tile.start + tile.width)
            ]
            wanted = b"".join(hashed)
        assert store.get(tile_key(tile)) == wanted, item.key
    notes = [SignedCheckpoint.from_bytes(store.get(i.key)) for i in store.list(CHECKPOINTS)]
    for note in notes:
        assert note.judged(log_key()).is_valid
        assert note.checkpoint.origin == ORIGIN
        assert note.head.root == root_of(leaves[: note.head.size])
    heads = sorted({note.head.size: note.head for note in notes}.values(), key=lambda h: h.size)
    for old, new in itertools.pairwise(heads):
        proof = Tiles(store, new.size).consistency(old.size)
        assert is_consistent(old, new, proof)
    latest = SignedCheckpoint.from_bytes(store.newest(LATEST))
    assert latest.head == TreeHead(count, root_of(leaves)) == heads[-1]
    return latest.head


def count_of(database: Database) -> int:
    """How many entries the sequence has, by its rows."""
    with database.reading() as connection:
        return int(connection.execute(sa.text("select count(*) from log_entry")).scalar() or 0)


def file_store(folder: Path) -> tuple[str, WholeStore]:
    """A store in a folder, and its URL."""
    url = f"file:{folder}/store"
    return url, open_store(url)
