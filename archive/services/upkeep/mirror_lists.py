# SPDX-License-Identifier: Apache-2.0
"""What two stores hold, side by side, for a mirror: kept on disk, so that memory stays flat.

The stores list in orders of their own, and either may hold more names than memory does.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archive.storage.base import StoredObject

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Pair:
    """One object of the source, and its size in the target; None when it is not there."""

    key: str
    size: int
    target_size: int | None


class Lists:
    """The objects of source and target, in ranks: a rank is mirrored before the next."""

    def __init__(self) -> None:
        # An empty name is a database in a temporary file, gone when it is closed.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(
            "CREATE TABLE source (key TEXT PRIMARY KEY, size INTEGER, rank INTEGER) WITHOUT ROWID"
        )
        self._database.execute(
            "CREATE TABLE target (key TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID"
        )
        self._database.execute("BEGIN")

    def close(self) -> None:
        """Let go of the temporary file."""
        self._database.close()

    def add_source(self, objects: Iterable[tuple[StoredObject, int]]) -> None:
        """Note objects of the source, each with its rank."""
        rows = ((item.key, item.size, rank) for item, rank in objects)
        self._database.executemany("INSERT OR REPLACE INTO source VALUES (?, ?, ?)", rows)

    def add_target(self, objects: Iterable[StoredObject]) -> None:
        """Note objects of the target."""
        rows = ((item.key, item.size) for item in objects)
        self._database.executemany("INSERT OR REPLACE INTO target VALUES (?, ?)", rows)

    def totals(self) -> tuple[int, int]:
        """How many objects the source has, and their bytes."""
        count, size = self._database.execute("SELECT count(*), sum(size) FROM source").fetchone()
        return count, size or 0

    def has(self, key: str) -> bool:
        """Whether source or target has the object."""
        found = self._database.execute(
            "SELECT 1 FROM source WHERE key = ? UNION ALL SELECT 1 FROM target WHERE key = ?",
            (key, key),
        )
        return found.fetchone() is not None

    def in_target(self, key: str) -> bool:
        """Whether the target has the object."""
        found = self._database.execute("SELECT 1 FROM target WHERE key = ?", (key,))
        return found.fetchone() is not None

    def pairs(self, rank: int) -> Iterator[Pair]:
        """The source's objects of a rank, by key, beside what the target has."""
        rows = self._database.execute(
            "SELECT source.key, source.size, target.size FROM source "
            "LEFT JOIN target ON target.key = source.key WHERE source.rank = ? ORDER BY source.key",
            (rank,),
        )
        while batch := rows.fetchmany(_BATCH):
            yield from (Pair(*row) for row in batch)

    def only_in_target(self) -> Iterator[str]:
        """The keys that the target has and the source has not."""
        rows = self._database.execute(
            "SELECT key FROM target WHERE key NOT IN (SELECT key FROM source) ORDER BY key"
        )
        while batch := rows.fetchmany(_BATCH):
            yield from (key for (key,) in batch)
