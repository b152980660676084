# SPDX-License-Identifier: Apache-2.0
"""Reservations of numbers, also by processes of their own, which import this module by name."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

from archive.catalog import sequence
from archive.catalog.database import Database

NOW = "2026-03-06T20:00:36.123456Z"


def reserve(database: Database, count: int = 1, kind: str = "C") -> list[int]:
    with database.writing() as connection:
        return sequence.reserve(connection, kind, count, "somebody", NOW)


def reserve_and_fail(database: Database) -> None:
    with contextlib.suppress(LookupError), database.writing() as connection:
        sequence.reserve(connection, "C", 1, "somebody", NOW)
        raise LookupError


def reserve_many(url: str, times: int) -> list[int]:
    """In a process of its own: reservations, each followed by one that is rolled back."""
    database = Database(url)
    kept: list[int] = []
    for _ in range(times):
        kept += reserve(database)
        reserve_and_fail(database)
    database.close()
    return kept


def reserve_at_once(url: str, threads: int) -> list[int]:
    """In a process of its own: one reservation by each of many threads at the same time."""
    database = Database(url)
    with ThreadPoolExecutor(threads) as pool:
        kept = [numbers[0] for numbers in pool.map(lambda _: reserve(database), range(threads))]
    database.close()
    return kept


def migrate(url: str) -> int | None:
    """In a process of its own: bring the catalogue forward, then take a number from it."""
    database = Database(url)
    database.migrate()
    database.check_schema()
    number = reserve(database)[0]
    database.close()
    return number
