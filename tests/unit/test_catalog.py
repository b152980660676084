# SPDX-License-Identifier: Apache-2.0
"""The catalogue in a file: numbers handed out once, whoever asks, and what SQLite does by itself.

What every database keeps is in tests/contract/test_catalog_contract.py.
"""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.reserving import reserve, reserve_and_fail, reserve_many

from archive.catalog import sequence
from archive.catalog.database import Database
from archive.catalog.hot import HotReader
from archive.catalog.tables import ops_reservation
from archive.errors import (
    CatalogError,
    CatalogMissing,
    SettingsError,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "catalog.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{path}")
    opened.migrate()
    yield opened
    opened.close()


def test_d59_reservations_of_four_processes_never_share_a_number(database: Database) -> None:
    context = multiprocessing.get_context("spawn")
    url = str(database.url)
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        answers = list(pool.map(reserve_many, [url] * 50, [2] * 50))
    numbers = [number for answer in answers for number in answer]
    assert len(numbers) == 100
    assert len(set(numbers)) == 100
    with database.reading() as connection:
        waiting = sequence.open_reservations(connection)
    assert [item.number for item in waiting] == sorted(numbers)


def test_d59_no_number_comes_again_after_a_rollback_or_a_delete(database: Database) -> None:
    first = reserve(database, 3)
    with database.writing() as connection:
        connection.execute(sa.delete(ops_reservation))
    assert min(reserve(database)) > max(first)
    reserve_and_fail(database)
    # What was rolled back was never handed out: nothing outside the transaction has seen it.
    assert reserve(database) == [5]


def test_a_closed_reservation_is_gone_and_a_void_one_stays(database: Database) -> None:
    reserve(database, 3)
    with database.writing() as connection:
        sequence.close(connection, "C", 1)
        sequence.void(connection, "C", 2)
    with database.reading() as connection:
        assert [item.number for item in sequence.open_reservations(connection)] == [3]
        rows = connection.execute(
            sa.select(ops_reservation.c.number, ops_reservation.c.is_void).order_by(
                ops_reservation.c.number
            )
        ).all()
    assert [tuple(row) for row in rows] == [(2, 1), (3, 0)]


@pytest.mark.parametrize("number", [1, 2, 99])
def test_a_number_that_is_not_open_cannot_be_closed(database: Database, number: int) -> None:
    reserve(database, 2)
    with database.writing() as connection:
        sequence.close(connection, "C", 1)
        sequence.void(connection, "C", 2)
    with pytest.raises(CatalogError), database.writing() as connection:
        sequence.close(connection, "C", number)


def test_a_closed_number_cannot_be_voided_later(database: Database) -> None:
    reserve(database)
    with database.writing() as connection:
        sequence.close(connection, "C", 1)
        sequence.void(connection, "C", 1)
    with database.reading() as connection:
        assert connection.execute(sa.select(ops_reservation)).all() == []


def test_a_missing_catalogue_is_not_made_by_looking(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    with pytest.raises(CatalogMissing, match="muniment init"):
        database.check_schema()
    assert not path.exists()
    database.close()


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough " * 30])
def test_a_file_that_is_no_catalogue_is_told(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(CatalogError):
        database.check_schema()
    database.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "sqlite://",
        "postgresql+asyncpg://user:hunter2@host/x",
        "sqlite:",
        "mysql://x",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Database(url)
    assert "hunter2" not in str(caught.value)


def test_the_catalogue_survives_power_cuts_by_its_settings(database: Database) -> None:
    with database.reading() as connection:
        pragmas = {
            name: connection.execute(sa.text(f"pragma {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_the_hot_reader_says_none_or_a_catalogue_error(database: Database, path: Path) -> None:
    hot = HotReader(database)
    assert hot.record("CA-C-0000001-39") is None
    hot.close()
    missing = HotReader(Database(f"sqlite:///{path.parent}/none.sqlite"))
    with pytest.raises(CatalogError):
        missing.record("CA-C-0000001-39")
    missing.close()
