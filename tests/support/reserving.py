# SPDX-License-Identifier: Apache-2.0
"""Reservations of numbers, also by processes of their own, which import this module by name."""

import contextlib

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
