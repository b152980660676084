# SPDX-License-Identifier: Apache-2.0
"""The log's sequence on SQLite, PostgreSQL 15 and PostgreSQL 18: no gap, no double, no fork."""

import multiprocessing
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.logwork import (
    append,
    append_and_fail,
    assert_one_history,
    begun,
    count_of,
    entry,
    file_store,
    publish_at,
    publish_until_killed,
    write_apart,
)

from archive.catalog import log as rows
from archive.catalog.database import Database
from archive.proofs.merkle import EMPTY_ROOT

WRITERS, ENTRIES, GROUP = 4, 120, 4
INTEGRATORS, CHANCE = 3, 0.02


@pytest.fixture
def sequence(url: str) -> Iterator[Database]:
    database = begun(url)
    yield database
    database.close()


def indexes(database: Database) -> list[tuple[int, str]]:
    with database.reading() as connection:
        return [(row[0], row[1]) for row in rows.rows_between(connection, 0, 1 << 40)]


def test_a_log_begins_once_and_without_one_nothing_is_appended(database: Database) -> None:
    append(database, ["a"])
    assert indexes(database) == []
    with database.writing() as connection:
        assert rows.log_head_of(connection) is None
        assert rows.begin(connection, EMPTY_ROOT)
        assert not rows.begin(connection, EMPTY_ROOT)
    append(database, ["a"])
    assert indexes(database) == [(0, entry("a").statement_sha256)]


def test_a_statement_has_one_leaf_however_often_it_is_appended(sequence: Database) -> None:
    append(sequence, ["a", "b"])
    append(sequence, ["b", "c", "a"])
    append(sequence, ["a", "b", "c"])
    names = [(n, entry(name).statement_sha256) for n, name in enumerate("abc")]
    assert indexes(sequence) == names
    with sequence.reading() as connection:
        head = rows.log_head_of(connection)
        assert rows.entry_of(connection, names[1][1]) == (1, entry("b").to_bytes())
        assert rows.entry_of(connection, "0" * 64) is None
    assert head is not None
    assert head.appended == 3


def test_what_is_rolled_back_gives_its_indexes_back(sequence: Database) -> None:
    append(sequence, ["a"])
    append_and_fail(sequence, ["b", "c"])
    append(sequence, ["d"])
    assert [row[0] for row in indexes(sequence)] == [0, 1]
    assert indexes(sequence)[1][1] == entry("d").statement_sha256


def test_many_writers_at_once_leave_no_gap_and_each_group_stays_together(
    sequence: Database,
) -> None:
    def write(writer: int) -> None:
        for number in range(12):
            append(sequence, [f"{writer} {number} {part}" for part in range(3)])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    found = indexes(sequence)
    assert [row[0] for row in found] == list(range(6 * 12 * 3))
    place = {digest: index for index, digest in found}
    for writer in range(6):
        for number in range(12):
            group = [
                place[entry(f"{writer} {number} {part}").statement_sha256] for part in range(3)
            ]
            assert group == list(range(group[0], group[0] + 3))


def test_marks_move_only_from_where_they_are(sequence: Database) -> None:
    append(sequence, ["a", "b"])
    with sequence.appending() as connection:
        assert rows.note_integrated(connection, 0, 1, b"1" * 32)
        assert not rows.note_integrated(connection, 0, 2, b"2" * 32)
        assert rows.note_signed(connection, 0, 1, b"one")
        assert not rows.note_signed(connection, 0, 2, b"two")
        rows.note_published(connection, 2, b"two")
        rows.note_published(connection, 1, b"one")
        rows.stop(connection, "first")
        rows.stop(connection, "second")
        assert not rows.note_integrated(connection, 1, 2, b"2" * 32)
        assert not rows.note_signed(connection, 1, 2, b"two")
    with sequence.reading() as connection:
        head = rows.log_head_of(connection)
    assert head is not None
    assert (head.integrated, head.root, head.signed) == (1, b"1" * 32, 1)
    assert (head.published, head.published_note, head.fault) == (2, b"two", "first")


def test_writers_integrators_and_random_kills_give_one_history(url: str, tmp_path: Path) -> None:
    store_url, store = file_store(tmp_path)
    sequence = begun(url)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.logwork", "psycopg", "archive.storage.file"])
    writers = [
        context.Process(target=write_apart, args=(url, f"writer {n}", ENTRIES, GROUP))
        for n in range(WRITERS)
    ]
    for process in writers:
        process.start()
    chooser, deaths = random.Random(5), 0
    integrators: list[multiprocessing.process.BaseProcess] = []
    while any(process.is_alive() for process in writers) or deaths < 12:
        integrators = [process for process in integrators if process.is_alive()]
        while len(integrators) < INTEGRATORS:
            seed = chooser.randrange(1 << 30)
            process = context.Process(
                target=publish_until_killed, args=(url, store_url, seed, CHANCE)
            )
            process.start()
            integrators.append(process)
        victim = chooser.choice(integrators)
        victim.join(chooser.uniform(0.01, 0.2))
        if victim.is_alive() and chooser.random() < 0.5:
            victim.kill()
        victim.join(1)
        deaths += victim.exitcode == -9
    for process in [*writers, *integrators]:
        process.join(30)
        process.kill()
        process.join()
    assert [process.exitcode for process in writers] == [0] * WRITERS
    publish_at(sequence, store)
    assert count_of(sequence) == WRITERS * ENTRIES
    assert_one_history(sequence, store, WRITERS * ENTRIES)
    assert deaths >= 12
    sequence.close()
