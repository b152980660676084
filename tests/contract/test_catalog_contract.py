# SPDX-License-Identifier: Apache-2.0
"""What every catalogue database keeps: SQLite, PostgreSQL 15 and PostgreSQL 18, one suite."""

import concurrent.futures
import contextlib
import multiprocessing
import random
import string
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from support.reserving import NOW, migrate, reserve, reserve_and_fail, reserve_at_once
from support.rows import FIRST, digest, part_row, rows

from archive.catalog import access, evidence, sequence, statements
from archive.catalog.access import ApiKey
from archive.catalog.database import _MIGRATIONS, SCHEMA_VERSION, Database
from archive.catalog.hot import HotReader
from archive.catalog.sequence import Reservation
from archive.catalog.statements import StatementRow
from archive.catalog.tables import id_sequence, metadata, ops_api_key, ops_reservation, part
from archive.errors import CatalogBusy, CatalogError, CatalogMissing, CatalogOutdated
from archive.net.url import URL_CHARACTERS_LIMIT

HUGE = 2**53 - 1
_CHOOSER = random.Random(4)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.reserving", "alembic.command", "psycopg"])
    with ProcessPoolExecutor(10, mp_context=context) as pool:
        yield pool


def observation_row(name: str, **more: object) -> dict[str, object]:
    return {
        "statement_sha256": digest(name),
        "url": "https://example.org/terms",
        "vantage": "default",
        "outcome": "blocked",
        "reason": "It was blocked.",
        "observed_at": NOW,
        "inventory_sha256": digest("e"),
        "envelope_key": f"statements/observation/{name}",
        "envelope_sha256": digest("f"),
        **more,
    }


def longest_url() -> str:
    """As long as a URL may be, and of letters that no compression makes much shorter."""
    start = "https://example.org/"
    letters = string.ascii_letters + string.digits
    return start + "".join(_CHOOSER.choices(letters, k=URL_CHARACTERS_LIMIT - len(start)))


# Numbers


def test_fifty_reservations_at_once_by_five_processes_are_fifty_numbers(
    url: str, database: Database, processes: ProcessPoolExecutor
) -> None:
    answers = list(processes.map(reserve_at_once, [url] * 5, [10] * 5))
    numbers = sorted(number for answer in answers for number in answer)
    assert numbers == list(range(1, 51))
    with database.reading() as connection:
        waiting = sequence.open_reservations(connection)
    assert [item.number for item in waiting] == numbers


def test_what_was_rolled_back_was_never_handed_out(database: Database) -> None:
    assert reserve(database, 3) == [1, 2, 3]
    reserve_and_fail(database)
    assert reserve(database) == [4]
    assert reserve(database, 2, kind="D") == [1, 2]


def test_a_sequence_only_ever_rises(database: Database) -> None:
    for number, following in ((7, 8), (3, 9), (HUGE - 10, HUGE - 9)):
        with database.writing() as connection:
            sequence.raise_above(connection, "C", number)
        assert reserve(database) == [following]


def test_intents_have_numbers_of_48_bits(database: Database) -> None:
    intent = Reservation("O", 2**48 - 1, "somebody", NOW)
    with database.appending() as connection:
        sequence.intend(connection, [intent])
    with database.reading() as connection:
        assert sequence.open_reservations(connection) == [intent]
        assert sequence.are_open(connection, {"O": [intent.number]})


def test_a_number_is_settled_by_whoever_comes_first(database: Database) -> None:
    reserve(database, 2)
    with database.writing() as connection:
        sequence.void(connection, "C", 1)

    def late(connection: sa.Connection) -> None:
        evidence.add_captures(connection, [rows(1)])
        sequence.close(connection, "C", 1)

    with pytest.raises(CatalogError, match="not reserved any more"):
        database.insist(database.appending, late)
    with database.reading() as connection:
        assert evidence.capture_by_id(connection, FIRST) is None
        assert [item.number for item in sequence.open_reservations(connection)] == [2]


# Transactions


def test_who_writes_alone_may_look_first_and_write_then(database: Database) -> None:
    together = threading.Barrier(8)

    def look_and_insert(_: int) -> bool:
        together.wait()
        with database.writing() as connection:
            if connection.execute(sa.select(id_sequence)).first() is not None:
                return False
            connection.execute(sa.insert(id_sequence).values(kind="X", next_number=1))
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(look_and_insert, range(8))) == 1


def test_who_writes_alone_waits_for_who_appends_and_the_other_way_round(
    database: Database,
) -> None:
    order: list[str] = []
    for first, second in (
        (database.appending, database.writing),
        (database.writing, database.appending),
    ):
        order.clear()
        begun = threading.Event()

        def hold(begun: threading.Event = begun, second: object = second) -> None:
            begun.wait()
            with second() as connection:  # type: ignore[operator]
                connection.execute(sa.select(id_sequence))
                order.append("second")

        thread = threading.Thread(target=hold)
        thread.start()
        with first() as connection:
            connection.execute(sa.select(id_sequence))
            begun.set()
            thread.join(0.2)
            order.append("first")
        thread.join()
        assert order == ["first", "second"]


def test_the_same_rows_added_by_many_at_once_are_there_once(database: Database) -> None:
    together = threading.Barrier(6)
    containers = [{"sha256": digest(name), "size": 1} for name in "abcdef"]

    def add(turn: int) -> None:
        together.wait()
        mixed = random.Random(turn).sample(containers, len(containers))
        with database.appending() as connection:
            evidence.add_observation(connection, observation_row("1"), mixed)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(6)))
    with database.reading() as connection:
        assert len(evidence.every_container(connection)) == 6
        assert len(evidence.every_observation(connection)) == 1


def test_readers_see_the_old_rows_while_others_are_written(database: Database) -> None:
    with database.appending() as connection:
        evidence.add_captures(connection, [rows(1)])
    hot = HotReader(database)
    with database.writing() as writer:
        evidence.clear(writer)
        with database.reading() as reader:
            assert evidence.capture_by_id(reader, FIRST) is not None
        assert hot.record(FIRST) is not None
    assert hot.record(FIRST) is None
    hot.close()


def test_a_catalogue_that_another_holds_is_busy(
    url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive.catalog.sqlite._BUSY_SECONDS", 0.05)
    monkeypatch.setattr("archive.catalog.postgres._WAIT_SECONDS", 0.05)
    impatient = Database(url, pause=lambda _: None)
    with database.writing():
        for transaction in (impatient.writing, impatient.appending):
            with pytest.raises(CatalogBusy, match="try again"), transaction():
                pass
        with pytest.raises(CatalogBusy):
            impatient.insist(impatient.appending, lambda _: None)
    with impatient.writing():
        pass
    impatient.close()


def test_a_deed_is_insisted_on_until_the_catalogue_is_free(
    url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive.catalog.sqlite._BUSY_SECONDS", 0.05)
    monkeypatch.setattr("archive.catalog.postgres._WAIT_SECONDS", 0.05)
    holder = contextlib.ExitStack()
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            holder.close()

    insistent = Database(url, pause=pause)
    holder.enter_context(database.writing())
    found = insistent.insist(
        insistent.writing, lambda connection: sequence.reserve(connection, "C", 1, "me", NOW)
    )
    assert found == [1]
    assert pauses == [0.1, 0.3]
    insistent.close()


def test_a_fault_of_the_deed_itself_is_not_repeated(database: Database) -> None:
    done = []

    def deed(connection: sa.Connection) -> None:
        done.append(1)
        sequence.close(connection, "C", 1)

    with pytest.raises(CatalogError, match="not reserved"):
        database.insist(database.appending, deed)
    assert done == [1]


def test_vendor_errors_never_come_through(database: Database) -> None:
    for statement in ("insert into no_such_table values (1)", "no sql at all"):
        with pytest.raises(CatalogError), database.writing() as connection:
            connection.execute(sa.text(statement))
    with pytest.raises(CatalogError), database.writing() as connection:
        connection.execute(sa.insert(id_sequence).values(kind=None, next_number=1))
    with pytest.raises(CatalogError), database.reading() as connection:
        connection.execute(sa.text("select * from no_such_table"))
    assert reserve(database) == [1]


def test_a_part_needs_its_capture(database: Database) -> None:
    with pytest.raises(CatalogError), database.appending() as connection:
        connection.execute(sa.insert(part), [part_row(7, "body", digest("a"))])


# Rows


def test_rows_come_back_as_they_were_written(database: Database) -> None:
    given = rows(
        1,
        url=longest_url(),
        final_url=longest_url(),
        title="Nutzungsbedingungen – 利用規約 \U0001f4dc \u202e",
        status=599,
        record_json=bytes(range(256)),
    )
    given = replace(
        given,
        parts=[part_row(1, "body", digest("a"), size=HUGE, offset=HUGE - 1, length=HUGE - 2)],
        containers=[{"sha256": digest("c"), "size": HUGE}],
    )
    with database.appending() as connection:
        evidence.add_captures(connection, [given])
    with database.reading() as connection:
        capture = evidence.capture_by_id(connection, FIRST)
        assert capture is not None
        assert dict(capture._mapping) == dict(given.capture)
        found = evidence.part_of(connection, FIRST, "body")
        assert dict(found._mapping) == dict(given.parts[0])
        assert evidence.container_size(connection, digest("c")) == HUGE
        latest = evidence.latest_capture(connection, str(given.capture["url"]), "default")
        assert latest is not None
        assert latest.number == 1
    hot = HotReader(database)
    assert hot.record(FIRST) == (bytes(range(256)), given.capture["record_sha256"], None, None, 0)
    assert hot.record("CA-C-0000002-37") is None
    hot.close()


def test_observations_keep_long_urls_and_stay_as_they_are(database: Database) -> None:
    row = observation_row("1", url=longest_url(), reason="Warum? – 因为")
    with database.appending() as connection:
        evidence.add_observation(connection, row, [])
        evidence.add_observation(connection, {**row, "reason": "another"}, [])
    with database.reading() as connection:
        found = evidence.observation_by_digest(connection, digest("1"))
        assert found is not None
        assert dict(found._mapping) == row


def test_the_latest_capture_is_that_of_the_vantage_with_the_highest_number(
    database: Database,
) -> None:
    with database.appending() as connection:
        evidence.add_captures(
            connection,
            [rows(1), rows(3), rows(2), rows(4, vantage="eu"), rows(5, url="https://a/")],
        )
    with database.reading() as connection:
        found = [
            evidence.latest_capture(connection, "https://example.org/terms", vantage)
            for vantage in ("default", "eu", "us")
        ]
    assert [row and row.number for row in found] == [3, 4, None]


def test_digests_are_found_by_their_first_digits(database: Database) -> None:
    names = ["a" * 64, "a" * 63 + "b", "a9" * 32, "9" * 64, "af" + "0" * 62, "b" + "0" * 63]
    with database.appending() as connection:
        for number, sha256 in enumerate(names, 1):
            given = rows(number, id=f"CA-C-{number:07}-00")
            evidence.add_captures(
                connection, [replace(given, parts=[part_row(number, "body", sha256)])]
            )

    def found(prefix: str) -> list[str]:
        with database.reading() as connection:
            return [m.sha256 for m in evidence.parts_with_sha256(connection, prefix, 100, None)]

    assert found("a") == [name for name in names if name.startswith("a")]
    assert found("a" * 63) == names[:2]
    assert found("af") == ["af" + "0" * 62]
    assert found("9" * 64) == ["9" * 64]
    assert found("c") == []
    assert found("") == names


def test_text_is_ordered_by_its_bytes(database: Database) -> None:
    names = ["B", "Z", "_", "a", "a b", "a-b", "aB", "ab", "z", "ä", "é", "\u4e00", "\U0001f4dc"]
    row = StatementRow(digest("1"), "probe", digest("2"), NOW, "key", digest("3"))
    with database.writing() as connection:
        statements.add_statement(connection, row, random.Random(1).sample(names, len(names)))
    with database.reading() as connection:
        found = statements.concerned_by(connection, digest("1"))
    assert found == sorted(names, key=str.encode)


def test_statements_are_listed_once_and_found_by_what_they_concern(database: Database) -> None:
    older = StatementRow(digest("2"), "probe", digest("c"), NOW, "key", digest("e"))
    newer = replace(older, statement_sha256=digest("1"), made_at=NOW.replace("2026", "2027"))
    with database.writing() as connection:
        assert statements.add_statement(connection, newer, [FIRST, digest("5"), FIRST])
        assert statements.add_statement(connection, older, [FIRST])
        assert not statements.add_statement(connection, replace(older, kind="import"), ["else"])
    with database.reading() as connection:
        assert statements.statements_about(connection, FIRST, "probe") == [older, newer]
        assert statements.statements_about(connection, FIRST, "import") == []
        assert statements.latest_statement(connection, "probe") == newer
        assert statements.every_statement(connection) == [newer, older]
        assert statements.statement_by_digest(connection, digest("2")) == older
        assert evidence.known_statements(connection, [digest("1"), digest("9")]) == {digest("1")}


def test_api_keys_are_found_by_their_secret(database: Database) -> None:
    key = ApiKey("k1", frozenset({"read", "capture"}), note="Notiz – é", created_at=NOW)
    with database.writing() as connection:
        assert not access.has_api_keys(connection)
        access.add_api_key(connection, key, "hunter2")
    with database.reading() as connection:
        assert access.has_api_keys(connection)
        assert access.find_api_key(connection, "k1", "hunter2") == key
        for key_id, secret in (("k1", "hunter3"), ("k1", ""), ("k2", "hunter2"), ("", "")):
            assert access.find_api_key(connection, key_id, secret) is None
        stored = connection.execute(sa.select(ops_api_key)).one()
    assert "hunter2" not in repr(tuple(stored))


# Schema

OLDEST_KEY = (
    "insert into ops_api_key (key_id, secret_sha256, scopes, created_at, note) "
    f"values ('k1', '{digest('a')}', 'read', '{NOW}', 'Notiz – é')"
)


def test_the_schema_is_the_one_of_the_tables(database: Database) -> None:
    with database.reading() as connection:
        found = sa.inspect(connection)
        assert set(found.get_table_names()) - {"alembic_version"} == set(metadata.tables)
        for name, table in metadata.tables.items():
            columns = {item["name"]: item for item in found.get_columns(name)}
            assert set(columns) == set(table.columns.keys()), name
            for column in table.columns:
                assert columns[column.name]["nullable"] == column.nullable, (name, column.name)
            keys = found.get_pk_constraint(name)["constrained_columns"]
            assert keys == [column.name for column in table.primary_key], name
            foreign = {item["referred_table"] for item in found.get_foreign_keys(name)}
            assert foreign == {key.column.table.name for key in table.foreign_keys}, name
            indexes = {
                item["name"]: item["column_names"]
                for item in found.get_indexes(name)
                if not item.get("duplicates_constraint")
            }
            assert indexes == {
                index.name: [column.name for column in index.columns] for index in table.indexes
            }, name


def test_no_tree_is_over_a_text_of_any_length() -> None:
    for table in metadata.tables.values():
        trees = [index for index in table.indexes if not index.dialect_kwargs]
        columns = [column for index in trees for column in index.columns]
        columns += [c for c in table.columns if c.primary_key or c.unique]
        for column in columns:
            is_text = isinstance(column.type, sa.String)
            assert not is_text or column.type.length, f"{table.name}.{column.name}"


def test_ten_processes_make_one_catalogue(empty_url: str, processes: ProcessPoolExecutor) -> None:
    numbers = list(processes.map(migrate, [empty_url] * 10))
    assert sorted(number or 0 for number in numbers) == list(range(1, 11))
    database = Database(empty_url)
    database.check_schema()
    database.close()


def test_a_catalogue_of_each_older_schema_is_brought_forward_and_keeps_its_rows(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(empty_url)
    versions = [item.revision for item in ScriptDirectory(str(_MIGRATIONS)).walk_revisions()][::-1]
    assert versions[-1] == SCHEMA_VERSION
    taken = 0
    for version in versions[:-1]:
        with monkeypatch.context() as older:
            older.setattr("archive.catalog.database.SCHEMA_VERSION", version)
            database.migrate()
            database.check_schema()
        with pytest.raises(CatalogOutdated, match=rf"{version}.*{SCHEMA_VERSION}.*muniment init"):
            database.check_schema()
        assert reserve(database, 2) == [taken + 1, taken + 2]
        taken += 2
        if version == versions[0]:
            with database.writing() as connection:
                connection.execute(sa.text(OLDEST_KEY))
    database.migrate()
    database.check_schema()
    database.migrate()
    assert reserve(database) == [taken + 1]
    with database.reading() as connection:
        [key] = access.every_api_key(connection)
    assert (key.note, key.expires_at, key.last_used_at) == ("Notiz – é", None, None)
    database.close()


def test_a_migration_that_fails_leaves_the_last_good_version(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ScriptDirectory.run_env
    database = Database(empty_url)

    def fail_after(self: ScriptDirectory) -> None:
        run(self)
        if len(done) == 1:
            raise sa.exc.OperationalError("", None, Exception("the disk is full"))
        done.append(1)

    done: list[int] = []
    monkeypatch.setattr(ScriptDirectory, "run_env", fail_after)
    with pytest.raises(CatalogError):
        database.migrate()
    with database.reading() as connection:
        version = connection.execute(sa.text("select version_num from alembic_version")).scalar()
        assert version == "0001"
        assert not sa.inspect(connection).has_table("statement")
    monkeypatch.undo()
    database.migrate()
    database.check_schema()
    database.close()


def test_migrations_go_forward_only_and_in_one_line() -> None:
    scripts = ScriptDirectory(str(_MIGRATIONS))
    assert scripts.get_heads() == [SCHEMA_VERSION]
    for revision in scripts.walk_revisions():
        assert not hasattr(revision.module, "downgrade"), revision.revision


def test_a_database_without_tables_is_no_catalogue(empty_url: str) -> None:
    database = Database(empty_url)
    with pytest.raises(CatalogMissing, match="muniment init"):
        database.check_schema()
    hot = HotReader(database)
    with pytest.raises(CatalogError):
        hot.record(FIRST)
    hot.close()
    database.close()


def test_a_newer_catalogue_is_left_alone(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    for deed in (database.check_schema, database.migrate):
        with pytest.raises(CatalogOutdated, match="9999"):
            deed()


def test_a_catalogue_that_lists_captures_tells_their_prefix(database: Database) -> None:
    assert database.prefix() is None
    with database.appending() as connection:
        evidence.add_captures(connection, [rows(1, id="XY-C-0000001-00")])
    assert database.prefix() == "XY"


def test_reservations_are_dropped_with_the_captures_that_are_listed(database: Database) -> None:
    reserve(database, 3)
    with database.writing() as connection:
        evidence.add_captures(connection, [rows(2)])
        sequence.forget_recorded(connection)
    with database.reading() as connection:
        left = connection.execute(sa.select(ops_reservation.c.number)).scalars().all()
    assert sorted(left) == [1, 3]


def test_threads_have_connections_of_their_own(database: Database) -> None:
    hot = HotReader(database)

    def read(number: int) -> object:
        with database.reading() as connection:
            evidence.capture_by_id(connection, FIRST)
        found = hot.record(f"CA-C-{number:07}-39")
        hot.close()
        return found

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(64))) == {None}
