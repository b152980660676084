# SPDX-License-Identifier: Apache-2.0
"""The catalogue on PostgreSQL: what is its own, beside the contract that every database keeps."""

import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from support.archives import closed_port, minted, new_archive, page, settings_at
from support.origin import Origin
from support.postgres import Cluster, Server, debian_cluster, running
from support.reserving import reserve
from support.rows import rows

from api.app import create_app
from archive.catalog import evidence
from archive.catalog.database import Database
from archive.catalog.hot import HotReader
from archive.catalog.postgres import PostgresDialect
from archive.catalog.tables import id_sequence, metadata
from archive.errors import (
    CatalogBusy,
    CatalogError,
    CatalogUnavailable,
    MunimentError,
    SettingsError,
)
from archive.services.context import Archive
from archive.services.ownership import this_process
from archive.settings import DatabaseSettings, load_settings

FIRST = "CA-C-0000001-39"
SECRET = "hunter2"
JSON = {"Accept": "application/json"}


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.new_catalogue()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """A server of this module's own, to stop and to start."""
    yield from running(pytestconfig, debian_cluster())


@pytest.fixture
def served(cluster: Cluster, tmp_path: Path) -> Iterator[Archive]:
    url = cluster.new_database()
    archive = new_archive(settings_at(tmp_path / "data", MUNIMENT_DATABASE_URL=url))
    yield archive
    archive.close()


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def end_connections(server: Server, url: str) -> None:
    """End every connection to a database, as a server that restarts does."""
    server.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        f"where datname = '{name_of(url)}' and pid <> pg_backend_pid()"
    )


def test_the_servers_are_those_that_are_promised(postgres: Server, postgres18: Server) -> None:
    assert postgres.major >= 15
    assert postgres18.major == 18


# The columns


def test_every_text_is_compared_by_bytes_and_every_integer_has_64_bits(
    postgres: Server, url: str
) -> None:
    found = postgres.execute(
        "select table_name, column_name, data_type, collation_name "
        "from information_schema.columns where table_schema = 'public'",
        name_of(url),
    )
    assert {row[0] for row in found} > set(metadata.tables)
    for table, column, kind, collation in found:
        assert (kind, collation) in {("text", "C"), ("bigint", None), ("bytea", None)}, (
            table,
            column,
        )


def test_the_server_itself_orders_text_in_another_way(postgres: Server) -> None:
    # Else the contract's test of the order would hold whatever the columns say.
    assert postgres.execute("select 'a' < 'B'") == [(True,)]


def test_integers_are_given_to_functions_as_they_are(database: Database) -> None:
    wanted = sa.select(sa.func.substr(sa.literal("muniment"), 2, 3), sa.literal(2**40))
    with database.reading() as connection:
        assert tuple(connection.execute(wanted).one()) == ("uni", 2**40)


def test_prefix_queries_use_their_index(postgres: Server, url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("set enable_seqscan = off")
        for condition in ("sha256 >= 'ab' and sha256 < 'abg'", "sha256 = 'ab'"):
            plan = connection.execute(f"explain select * from part where {condition}").fetchall()
            assert "part_sha256" in str(plan)
        plan = connection.execute("explain select * from capture where url = 'x'").fetchall()
        assert "capture_url" in str(plan)


# What can go wrong


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://",
        "postgresql+psycopg://somebody@host",
        f"postgresql+psycopg://somebody:{SECRET}@host/",
        f"postgresql+asyncpg://somebody:{SECRET}@host/muniment",
        f"postgresql+psycopg://somebody@host/muniment?password={SECRET}",
        f"postgresql+psycopg://somebody:{SECRET}@host:port/muniment",
        f"postgres://somebody:{SECRET}@host/muniment",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Database(url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_password_is_in_no_error_and_no_representation(
    postgres: Server, url: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    postgres.execute("create role locked nologin", name_of(url))
    locked = sa.make_url(url).set(username="locked", password=SECRET)
    nobody = locked.set(port=closed_port())
    for refused in (locked, nobody):
        text = refused.render_as_string(hide_password=False)
        assert SECRET in text
        settings = settings_at(tmp_path, MUNIMENT_DATABASE_URL=text)
        database = Database(text)
        hot = HotReader(database)
        deeds = (database.check_schema, database.migrate, partial(hot.record, FIRST))
        for deed in deeds:
            with pytest.raises(CatalogUnavailable) as caught:
                deed()
            assert SECRET not in "".join(traceback.format_exception(caught.value))
            assert "\n" not in str(caught.value)
        shown = (settings, settings.database, database, database.url, database.engine, hot)
        assert SECRET not in repr(shown) + str(database.url) + database.place
        database.close()
    postgres.execute("drop role locked")
    assert SECRET not in caplog.text


def test_the_password_may_come_from_the_environment(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = cluster.new_catalogue()
    with cluster.asking_for_passwords():
        cluster.execute(f"create role guarded login superuser password '{SECRET}'")
        named = sa.make_url(url).set(username="guarded").render_as_string()
        database = Database(named)
        with pytest.raises(CatalogUnavailable, match="no password supplied"):
            database.check_schema()
        monkeypatch.setenv("PGPASSWORD", SECRET)
        database.check_schema()
        monkeypatch.delenv("PGPASSWORD")
        kept = tmp_path / "pgpass"
        kept.write_text(f"*:*:*:guarded:{SECRET}\n")
        kept.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(kept))
        hot = HotReader(database)
        assert hot.record(FIRST) is None
        hot.close()
        database.close()


def test_a_database_that_does_not_exist_is_told(postgres: Server, url: str) -> None:
    database = Database(f"{url}_none")
    with pytest.raises(CatalogUnavailable, match="does not exist"):
        database.check_schema()
    database.close()


def test_a_database_of_another_encoding_is_refused(postgres: Server) -> None:
    database = Database(postgres.new_database(encoding="LATIN1"))
    with pytest.raises(CatalogError, match=r"LATIN1.*createdb --encoding=UTF8"):
        database.migrate()
    database.close()


def test_a_server_that_takes_no_writes_is_read_only(postgres: Server, url: str) -> None:
    name = name_of(url)
    postgres.execute(f"alter database {name} set default_transaction_read_only = on")
    database = Database(url)
    assert database.is_read_only
    database.check_schema()
    with pytest.raises(CatalogError, match="read-only"):
        reserve(database)
    database.close()


def test_what_a_deadlock_ended_is_busy_and_the_other_goes_on(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(
            sa.insert(id_sequence),
            [{"kind": kind, "next_number": 1} for kind in "XY"],
        )
    together = threading.Barrier(2)
    found: list[str] = []

    def lock(first: str, second: str) -> None:
        def touch(connection: sa.Connection, kind: str) -> None:
            connection.execute(
                sa.update(id_sequence)
                .where(id_sequence.c.kind == kind)
                .values(next_number=id_sequence.c.next_number + 1)
            )

        try:
            with database.appending() as connection:
                touch(connection, first)
                together.wait()
                touch(connection, second)
            found.append("done")
        except CatalogBusy:
            found.append("busy")

    threads = [threading.Thread(target=lock, args=pair) for pair in ("XY", "YX")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["busy", "done"]


def test_appending_goes_on_beside_appending(database: Database, url: str) -> None:
    other = Database(url)
    with database.appending() as one, other.appending() as two:
        one.execute(sa.insert(id_sequence).values(kind="X", next_number=1))
        two.execute(sa.insert(id_sequence).values(kind="Y", next_number=1))
    with database.reading() as connection:
        kinds = connection.execute(sa.select(id_sequence.c.kind)).scalars().all()
    assert sorted(kinds) == ["X", "Y"]
    other.close()


def test_a_transaction_that_does_nothing_for_long_lets_the_others_on(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive.catalog.postgres._IDLE_ALONE_SECONDS", 0.2)
    other = Database(url)
    hung = contextlib.ExitStack()
    connection = hung.enter_context(database.writing())
    assert reserve(other) == [1]
    with pytest.raises(CatalogUnavailable), hung:
        connection.execute(sa.insert(id_sequence).values(kind="X", next_number=1))
    other.close()


def test_connections_that_were_lost_are_made_again(
    postgres: Server, database: Database, url: str
) -> None:
    hot = HotReader(database)
    assert reserve(database) == [1]
    assert hot.record(FIRST) is None
    end_connections(postgres, url)
    assert hot.record(FIRST) is None
    assert reserve(database) == [2]
    with database.reading() as connection:
        evidence.capture_by_id(connection, FIRST)
    hot.close()


def test_the_hot_read_takes_each_text_whole(database: Database) -> None:
    with database.appending() as connection:
        evidence.add_captures(connection, [rows(1)])
    hot = HotReader(database)
    assert hot.record(FIRST) is not None
    # A client library that ends texts at U+0000 would find the record here.
    with pytest.raises(CatalogError):
        hot.record(f"{FIRST}\0and more")
    assert hot.record(f"{FIRST} ") is None
    assert hot.record("é" * 50_000) is None
    assert hot.record(FIRST) is not None
    hot.close()


def test_a_raw_connection_gives_values_as_their_columns_hold_them(database: Database) -> None:
    connection = database.connect_raw()
    wanted = "select number, url, record_json, title from capture where id = ? and vantage = ?"
    with database.appending() as writing:
        given = rows(1, title=None, record_json=bytes(range(256)), url="https://example.org/é")
        evidence.add_captures(writing, [given])
    for _ in range(2):
        found = connection.first(wanted, (FIRST, "default"))
        assert found == (1, "https://example.org/é", bytes(range(256)), None)
        assert connection.first(wanted, ("default", FIRST)) is None
        assert connection.first("select 1 - 3", ()) == (-2,)
    with pytest.raises(CatalogError, match="no_such_table"):
        connection.first("select 1 from no_such_table", ())
    assert connection.first("select 1 - 3", ()) == (-2,)
    connection.close()
    assert connection.first("select 1 - 3", ()) == (-2,)
    connection.close()


def counted(server: Server, url: str, name: str) -> int:
    """What the server has counted about the table of captures."""
    wanted = f"select {name} from pg_stat_user_tables where relname = 'capture'"
    return int(str(server.execute(wanted, name_of(url))[0][0]))


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_hot_read_goes_by_its_index_though_its_plan_is_older_than_the_rows(
    postgres: Server, database: Database, url: str
) -> None:
    def add(numbers: range) -> None:
        with database.appending() as connection:
            evidence.add_captures(connection, [rows(number) for number in numbers])

    add(range(1, 2))
    postgres.execute("analyze capture", name_of(url))
    by_index, through_all = (counted(postgres, url, name) for name in ("idx_scan", "seq_scan"))
    hot = HotReader(database)
    for _ in range(20):
        assert hot.record(FIRST) is not None
    add(range(2, 40))
    for _ in range(20):
        assert hot.record("CA-C-0000039-39") is not None
    hot.close()
    wait_until(lambda: counted(postgres, url, "idx_scan") >= by_index + 40)
    assert counted(postgres, url, "seq_scan") == through_all


def test_other_reads_follow_the_growth_of_their_table_too(
    postgres: Server, database: Database, url: str
) -> None:
    def latest(times: int) -> None:
        with database.reading() as connection:
            for _ in range(times):
                assert evidence.latest_capture(connection, "https://example.org/1", "default")

    def add(numbers: range) -> None:
        with database.appending() as connection:
            given = [rows(number, url=f"https://example.org/{number}") for number in numbers]
            evidence.add_captures(connection, given)

    add(range(1, 3))
    postgres.execute("analyze capture", name_of(url))
    latest(20)
    add(range(3, 2000))
    latest(20)
    # A server process tells what it did when it ends.
    database.close()
    wait_until(lambda: counted(postgres, url, "n_tup_ins") >= 1999)
    assert counted(postgres, url, "seq_tup_read") < 20 * 10


def test_a_connection_lost_within_a_transaction_is_told_and_leaves_nothing(
    postgres: Server, database: Database, url: str
) -> None:
    def write(connection: sa.Connection) -> None:
        connection.execute(sa.insert(id_sequence).values(kind="X", next_number=1))
        if not done:
            done.append(1)
            end_connections(postgres, url)
        connection.execute(sa.insert(id_sequence).values(kind="Y", next_number=1))

    done: list[int] = []
    with pytest.raises(CatalogUnavailable), database.writing() as connection:
        write(connection)
    done.clear()
    database.insist(database.writing, write)
    with database.reading() as connection:
        assert len(connection.execute(sa.select(id_sequence)).all()) == 2


def test_migrations_have_time_limits(
    postgres: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(url)
    dialect = database._dialect
    assert isinstance(dialect, PostgresDialect)
    with database.engine.begin() as connection:
        dialect.begin_migration(connection)
        names = ("lock_timeout", "statement_timeout")
        seen = [connection.execute(sa.text(f"show {name}")).scalar_one() for name in names]
    assert seen == ["10s", "30min"]
    with database.reading() as connection:
        assert connection.execute(sa.text("show statement_timeout")).scalar_one() == "0"
    monkeypatch.setattr("archive.catalog.postgres._MIGRATION_TABLE_WAIT_SECONDS", 0.1)
    with psycopg.connect(url.replace("+psycopg", "")) as holder:
        holder.execute("lock table alembic_version in access exclusive mode")
        with pytest.raises(CatalogBusy, match="try again"):
            database.migrate()
        holder.rollback()
    database.migrate()
    database.close()


# Serving


def test_what_is_served_goes_and_comes_with_the_database(
    served: Archive, cluster: Cluster, origin: Origin
) -> None:
    origin.page("/terms", page())
    capture_id = minted(served, origin.url("/terms"))
    client: FlaskClient = create_app(served).test_client()
    paths = (f"/{capture_id}", f"/{capture_id}/parts/text", "/api/v1/health")
    before = [client.get(path, headers=JSON) for path in paths]
    assert [answer.status_code for answer in before] == [200, 200, 200]
    cluster.stop()
    for path in paths:
        answer = client.get(path, headers=JSON)
        assert (answer.status_code, answer.json["code"]) == (503, "CATALOG_UNAVAILABLE"), path
        assert answer.headers["Retry-After"]
    cluster.start()
    after = [client.get(path, headers=JSON) for path in paths]
    assert [answer.data for answer in after] == [answer.data for answer in before]


def test_a_capture_waits_for_a_database_that_restarts_after_it_was_signed(
    served: Archive, cluster: Cluster, origin: Origin
) -> None:
    class Restarting:
        groups = 0

        def __getattr__(self, name: str) -> object:
            return getattr(served.store, name)

        def put_many(self, objects: list[tuple[str, bytes]]) -> None:
            served.store.put_many(objects)
            self.groups += 1
            if self.groups == 2:
                cluster.stop()
                threading.Timer(0.3, cluster.start).start()

    origin.page("/terms", page())
    restarting = replace(served, store=Restarting())  # type: ignore[arg-type]
    assert minted(restarting, origin.url("/terms")).number == 1
    with served.database.reading() as connection:
        assert evidence.capture_by_id(connection, FIRST) is not None


def test_no_text_of_a_request_reaches_the_database_as_an_error(
    served: Archive, origin: Origin
) -> None:
    origin.page("/terms", page())
    capture_id = minted(served, origin.url("/terms"))
    client: FlaskClient = create_app(served).test_client()
    for path in (
        f"/{capture_id}/parts/te%00xt",
        f"/{capture_id}%00",
        f"/{capture_id}/%00",
        "/api/v1/records/%00",
        f"/api/v1/records/{'0' * 64}%00",
        f"/{capture_id}/cite?style=%00",
        f"/{capture_id}/verify?policy=%00",
        f"/verify?q=%00{'a' * 20}",
        f"/search?q=%00{'a' * 20}",
    ):
        answer = client.get(path, headers=JSON)
        assert answer.status_code < 500, (path, answer.status_code, answer.data)
    key = {"Authorization": "Bearer mk_00_a\x00b"}
    answer = client.post("/api/v1/captures", json={"url": "http://a/\x00"}, headers=key)
    assert answer.status_code < 500


def test_the_settings_name_the_database(tmp_path: Path, url: str) -> None:
    settings = load_settings(
        environment={"MUNIMENT_DATA": str(tmp_path), "MUNIMENT_DATABASE_URL": url}
    )
    assert settings.database_url == url
    with pytest.raises(MunimentError):
        Database(replace(settings, database=DatabaseSettings("postgresql://")).database_url)


def test_owners_have_names_that_any_machine_can_read() -> None:
    assert "\0" not in this_process()
