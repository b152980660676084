# SPDX-License-Identifier: Apache-2.0
"""Backup and restore: what a rebuild cannot remake comes back, and nothing is ever replaced."""

import contextlib
import datetime as dt
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.archives import captured, flipped, minted, new_archive, page, settings_at, tables
from support.keysets import signer
from support.origin import Origin
from support.postgres import Server, empty_database

from archive.backups.sealed import HEADER_BYTES, Passphrase
from archive.bootstrap import init_archive, installation, key_files, open_archive, wire
from archive.catalog.database import Database
from archive.catalog.operational import (
    every_row,
    filled_tables,
    operational_tables,
    put_row,
    snapshot,
)
from archive.catalog.tables import id_sequence, ops_api_key
from archive.errors import (
    AccessDenied,
    BackupLocked,
    BackupNotWritten,
    CatalogError,
    CatalogMissing,
    InputError,
    KeyLocked,
    MalformedBackup,
    MalformedEvidence,
    RestoreRefused,
    StorageUnavailable,
)
from archive.services.access.keys import authenticate
from archive.services.context import Archive
from archive.services.keysets.amend import Amendment
from archive.services.keysets.propose import propose, propose_first, sign
from archive.services.keysets.publish import publish_keyset
from archive.services.keysets.rotate import coming_key, rotation
from archive.services.recovery.rebuild import rebuild
from archive.services.trust import trusted_keyset
from archive.services.upkeep.backup import BackedUp, backup
from archive.services.upkeep.restore import Restored, opened_backup, restore
from archive.services.verifying.verify import verify_record
from archive.settings import DatabaseSettings, Settings
from archive.signing.file import open_key, read_passphrase

pytestmark = pytest.mark.both_databases

PASSPHRASE = Passphrase.of("correct horse battery staple")


def backed_up(settings: Settings, path: Path) -> BackedUp:
    return backup(installation(settings), path, PASSPHRASE)


def restored(settings: Settings, path: Path) -> Restored:
    return restore(installation(settings), path, PASSPHRASE)


def lose_all_but_the_store(settings: Settings) -> None:
    for item in settings.data.iterdir():
        if item.name != "store":
            shutil.rmtree(item) if item.is_dir() else item.unlink()
    if settings.database.url:
        empty_database(settings.database.url)


def settings_again(settings: Settings, **more: str) -> Settings:
    """Settings of the same archive, some of them others."""
    return settings_at(settings.data, MUNIMENT_DATABASE_URL=settings.database.url, **more)


@contextlib.contextmanager
def remade(settings: Settings) -> Iterator[Archive]:
    """The archive after a rebuild from its store."""
    opened = wire(settings)
    opened.database.migrate()
    try:
        assert rebuild(opened, lambda _key: None).is_complete
    finally:
        opened.close()
    opened = open_archive(settings)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def kept(settings: Settings) -> str:
    """The API key of an archive in the settings' folder."""
    archive, made = init_archive(settings)
    archive.close()
    assert made.api_key is not None
    return made.api_key


def test_the_bucket_alone_reads_and_verifies_and_does_not_sign(
    settings: Settings, origin: Origin
) -> None:
    origin.page("/terms", page())
    archive, made = init_archive(settings)
    capture_id = minted(archive, origin.url("/terms"))
    before = tables(archive)
    archive.close()
    lose_all_but_the_store(settings)

    trusting = settings_again(settings, MUNIMENT_TRUST_ROOTS=made.root_keyid)
    with remade(trusting) as archive:
        assert tables(archive) == before
        assert verify_record(archive, capture_id).result.exit_code == 0
        with pytest.raises(KeyLocked):
            captured(archive, origin.url("/terms"))
        assert made.api_key is not None
        with pytest.raises(AccessDenied):
            authenticate(archive, made.api_key)


def test_with_a_backup_older_than_the_store_there_is_full_service(
    settings: Settings, origin: Origin, tmp_path: Path
) -> None:
    origin.page("/terms", page())
    archive, made = init_archive(settings)
    numbers = [minted(archive, origin.url("/terms")).number for _ in range(2)]
    saved = backed_up(settings, tmp_path / "old.backup")
    assert saved.is_complete
    numbers += [minted(archive, origin.url("/terms")).number for _ in range(2)]
    before = tables(archive)
    archive.close()
    lose_all_but_the_store(settings)

    back = restored(settings, saved.path)
    assert back.highest == 4
    assert back.differing == ()
    with remade(settings) as archive:
        assert tables(archive) == before
        assert made.api_key is not None
        assert authenticate(archive, made.api_key)
        numbers.append(minted(archive, origin.url("/terms")).number)
    assert numbers == [1, 2, 3, 4, 5]


def test_without_a_rebuild_no_number_is_given_twice_either(
    settings: Settings, origin: Origin, tmp_path: Path
) -> None:
    origin.page("/terms", page())
    archive = new_archive(settings)
    saved = backed_up(settings, tmp_path / "old.backup")
    assert minted(archive, origin.url("/terms")).number == 1
    archive.close()
    lose_all_but_the_store(settings)
    restored(settings, saved.path)
    archive = open_archive(settings)
    assert minted(archive, origin.url("/terms")).number == 2
    archive.close()


def test_a_backup_newer_than_the_store_keeps_its_numbers(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    database = Database(settings.database_url)
    with database.writing() as connection:
        connection.execute(sa.insert(id_sequence).values(kind="C", next_number=42))
        connection.execute(sa.insert(id_sequence).values(kind="V", next_number=7))
    database.close()
    saved = backed_up(settings, tmp_path / "a.backup")
    lose_all_but_the_store(settings)
    restored(settings, saved.path)
    database = Database(settings.database_url)
    with database.reading() as connection:
        assert sorted(map(tuple, connection.execute(sa.select(id_sequence)))) == [
            ("C", 42),
            ("V", 7),
        ]
    database.close()


def _value(column: sa.Column[Any]) -> object:
    samples: dict[type, object] = {
        str: f"{column.name[:6]}é",
        int: 2**53 + 1 if isinstance(column.type, sa.BigInteger) else 3,
        bytes: b"\x00\xff",
        float: 0.1,
        bool: True,
        dt.datetime: dt.datetime(2026, 3, 6, 20, 0, 36, 5, dt.UTC),
    }
    if column.name.endswith("_at") and column.type.python_type is str:
        return "2026-03-06T20:00:36.000000Z"
    return samples[column.type.python_type]


def fill(database: Database) -> None:
    """One row in every operational table that has none, with a value in every column."""
    with database.writing() as connection:
        there = filled_tables(connection)
        for table in operational_tables():
            if table.name not in there:
                values = {}
                for column in table.columns:
                    foreign = next(iter(column.foreign_keys), None)
                    values[column.name] = (
                        connection.execute(sa.select(foreign.column).limit(1)).scalar()
                        if foreign is not None
                        else _value(column)
                    )
                connection.execute(sa.insert(table).values(values))


def operational_rows(settings: Settings) -> list[tuple[str, dict[str, object]]]:
    database = Database(settings.database_url)
    try:
        with snapshot(database) as connection:
            return [(name, dict(values)) for name, values in every_row(connection)]
    finally:
        database.close()


def test_every_operational_table_there_is_comes_back_row_by_row(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    database = Database(settings.database_url)
    fill(database)
    database.close()
    before = operational_rows(settings)
    names = {table.name for table in operational_tables()}
    assert {"ops_reservation", "ops_api_key"} <= names <= {name for name, _ in before}
    saved = backed_up(settings, tmp_path / "a.backup")
    assert sum(saved.rows.values()) == len(before)
    lose_all_but_the_store(settings)
    restored(settings, saved.path)
    assert operational_rows(settings) == before


def test_keys_come_back_for_their_owner_only(settings: Settings, kept: str, tmp_path: Path) -> None:
    files = {
        path: path.read_bytes()
        for path in [*(settings.data / "keys").iterdir(), settings.root_keyid_file]
    }
    saved = backed_up(settings, tmp_path / "a.backup")
    assert stat.S_IMODE(saved.path.stat().st_mode) == 0o600
    for secret in files.values():
        assert secret not in saved.path.read_bytes()
    lose_all_but_the_store(settings)
    restored(settings, saved.path)
    assert {path: path.read_bytes() for path in files} == files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((settings.data / "keys").stat().st_mode) == 0o700


def jobs_in(path: Path) -> list[tuple[int, bytes]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("select * from job order by id").fetchall()


def test_the_log_key_and_a_coming_key_come_back_and_a_ceremony_goes_on(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    archive = open_archive(settings)
    files, path = key_files(settings), tmp_path / "next.json"
    log = archive.open_log_signer().public_key.keyid
    root = open_key(files.root, read_passphrase(files.passphrase_file))
    changes = rotation(archive, files, trusted_keyset(archive), coming_key(files))
    propose(archive, Amendment(changes), path)
    archive.close()
    saved = backed_up(settings, tmp_path / "under-way.backup")
    assert saved.is_complete
    assert {"log.pem", "manifest.next.pem"} <= set(saved.files)
    lose_all_but_the_store(settings)
    restored(settings, saved.path)
    with remade(settings) as archive:
        assert archive.open_log_signer().public_key.keyid == log
        sign(path, root)
        done = publish_keyset(archive, files, [path])
        assert done.keyid == archive.open_signer().public_key.keyid
        assert trusted_keyset(archive).version == 2


def test_pinned_roots_that_are_several_come_back(settings: Settings, tmp_path: Path) -> None:
    holders = [signer(seed) for seed in (81, 82, 83)]
    settings.data.mkdir(parents=True)
    archive = wire(settings)
    path = tmp_path / "first.json"
    keys = [holder.public_key for holder in holders]
    propose_first(archive, key_files(settings), keys, 2, path)
    archive.close()
    for holder in holders[:2]:
        sign(path, holder)
    archive = wire(settings)
    publish_keyset(archive, key_files(settings), [path])
    archive.close()
    init_archive(settings)[0].close()
    saved = backed_up(settings, tmp_path / "several.backup")
    lose_all_but_the_store(settings)
    restored(settings, saved.path)
    with remade(settings) as archive:
        assert set(archive.pinned_roots) == {key.keyid for key in keys}
        assert trusted_keyset(archive).threshold == 2


@pytest.mark.parametrize("name", ["log.pem", "manifest.next.pem"])
def test_a_backup_with_a_damaged_key_says_so(
    settings: Settings, kept: str, tmp_path: Path, name: str
) -> None:
    settings.keys_folder.joinpath(name).write_bytes(b"no key")
    saved = backed_up(settings, tmp_path / "damaged.backup")
    assert not saved.is_complete
    assert name in " ".join(saved.missing)


def test_a_further_database_is_copied_while_it_is_written_to(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    path = settings.data / "jobs.sqlite"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("pragma journal_mode=wal")
    writer.execute("create table job (id integer, words blob)")
    writer.executemany("insert into job values (?, randomblob(500))", [(n,) for n in range(500)])
    writer.execute("begin")
    writer.execute("insert into job values (500, 'not committed')")
    before = jobs_in(path)
    assert len(before) == 500
    saved = backed_up(settings, tmp_path / "a.backup")
    assert "jobs.sqlite" in saved.files
    writer.close()
    lose_all_but_the_store(settings)
    restored(settings, saved.path)
    assert jobs_in(path) == before
    catalogue = set() if settings.database.url else {"catalog.sqlite"}
    there = {item.name for item in settings.data.iterdir()}
    assert there == {"jobs.sqlite", "keys", "root.keyid", "store"} | catalogue


def test_a_database_outside_the_data_folder_comes_back_to_its_place(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    path = tmp_path / "elsewhere.db"
    inside = f"sqlite:///{settings.data}/catalog.sqlite"
    here = replace(installation(settings), databases=(f"sqlite:///{path}", inside))
    assert backup(here, tmp_path / "0.backup", PASSPHRASE).files.count("elsewhere.db") == 0
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("create table job (id integer)")
    saved = backup(here, tmp_path / "a.backup", PASSPHRASE)
    assert saved.files.count("elsewhere.db") == 1
    assert "catalog.sqlite" not in saved.files
    before = path.read_bytes()
    path.unlink()
    lose_all_but_the_store(settings)
    assert path in restore(here, saved.path, PASSPHRASE).files
    assert path.read_bytes() == before


def test_a_left_over_log_is_not_played_into_a_database_that_comes_back(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    path = settings.data / "jobs.sqlite"
    sqlite3.connect(path).execute("create table job (id integer)").connection.close()
    saved = backed_up(settings, tmp_path / "a.backup")
    lose_all_but_the_store(settings)
    path.with_name("jobs.sqlite-wal").write_bytes(b"x")
    with pytest.raises(RestoreRefused, match="left over"):
        restored(settings, saved.path)
    assert not settings.keys_folder.exists()


def test_what_is_kept_elsewhere_is_said(settings: Settings, kept: str, tmp_path: Path) -> None:
    url = "postgresql+psycopg://muniment:hunter2@db.example/jobs"
    elsewhere = replace(installation(settings), databases=(url,))
    saved = backup(elsewhere, tmp_path / "a.backup", PASSPHRASE)
    [line] = saved.elsewhere
    assert "postgresql+psycopg://muniment:…@db.example/jobs" in line
    assert "pg_dump" in line
    assert saved.is_complete


def test_a_backup_without_a_key_that_opens_says_so(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    settings.passphrase_file.write_bytes(b"another\n")
    saved = backed_up(settings, tmp_path / "a.backup")
    assert not saved.is_complete
    assert "passphrase does not open" in saved.missing[0]


def test_it_needs_no_store(settings: Settings, kept: str, tmp_path: Path) -> None:
    shutil.rmtree(settings.data / "store")
    assert backed_up(settings, tmp_path / "a.backup").is_complete
    assert not (settings.data / "store").exists()


def test_a_folder_gets_a_file_named_by_the_time(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    path = backed_up(settings, folder).path
    assert path.parent == folder
    assert path.name.startswith("muniment-CA-20")
    assert path.suffix == ".backup"


def test_nothing_is_replaced_and_nothing_half_written_stays(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.backup"
    path.write_bytes(b"theirs")
    with pytest.raises(InputError, match="replaces nothing"):
        backed_up(settings, path)
    assert path.read_bytes() == b"theirs"
    with pytest.raises(BackupNotWritten, match="cannot be written"):
        backed_up(settings, tmp_path / "no-folder" / "a.backup")
    settings.data.joinpath("jobs.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(CatalogError, match="cannot be copied"):
        backed_up(settings, tmp_path / "b.backup")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.backup", "data"]
    assert not [item for item in settings.data.iterdir() if item.name.startswith(".")]


def test_without_a_catalogue_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    settings = settings_at(tmp_path / "data")
    with pytest.raises(CatalogMissing):
        backed_up(settings, tmp_path / "a.backup")
    assert list(tmp_path.iterdir()) == []


def test_reads_of_a_backup_see_one_moment(settings: Settings, kept: str) -> None:
    reading, writing = (Database(settings.database_url) for _ in range(2))
    with snapshot(reading) as connection:
        assert len(list(every_row(connection))) == 1
        with writing.writing() as other:
            other.execute(sa.delete(ops_api_key))
        assert len(list(every_row(connection))) == 1
    with snapshot(reading) as connection:
        assert list(every_row(connection)) == []
    for database in (reading, writing):
        database.close()


Break = Callable[[Settings], None]


def _other_key(settings: Settings) -> None:
    settings.keys_folder.mkdir(mode=0o700)
    settings.keys_folder.joinpath("root.pem").write_bytes(b"another key")


def _key_that_cannot_be_read(settings: Settings) -> None:
    settings.keys_folder.joinpath("root.pem").mkdir(parents=True)


def _other_root(settings: Settings) -> None:
    settings.root_keyid_file.write_text("ab" * 32, encoding="ascii")


def _used_catalogue(settings: Settings) -> None:
    database = Database(settings.database_url)
    database.migrate()
    fill(database)
    database.close()


def _empty_store(settings: Settings) -> None:
    shutil.rmtree(settings.data / "store")
    (settings.data / "store").mkdir()


def _store_of_another(settings: Settings) -> None:
    shutil.rmtree(settings.data / "store")
    other = settings_at(settings.data.parent / "other")
    init_archive(other)[0].close()
    shutil.move(other.data / "store", settings.data / "store")


IN_THE_WAY: dict[str, tuple[Break, str]] = {
    "another key": (_other_key, "other bytes"),
    "a folder for a key": (_key_that_cannot_be_read, "cannot be read"),
    "another root": (_other_root, "other bytes"),
    "a catalogue in use": (_used_catalogue, "ops_api_key"),
    "a store without a keyset": (_empty_store, "no keyset"),
    "the store of another archive": (_store_of_another, "another archive"),
}


@pytest.mark.parametrize(("break_it", "named"), IN_THE_WAY.values(), ids=list(IN_THE_WAY))
def test_what_is_in_the_way_is_named_and_nothing_is_changed(
    settings: Settings, kept: str, tmp_path: Path, break_it: Break, named: str
) -> None:
    saved = backed_up(settings, tmp_path / "a.backup")
    lose_all_but_the_store(settings)
    break_it(settings)
    before = {path: path.stat().st_mtime_ns for path in settings.data.rglob("*")}
    with pytest.raises(RestoreRefused, match=named):
        restored(settings, saved.path)
    assert {path: path.stat().st_mtime_ns for path in settings.data.rglob("*")} == before


def test_another_prefix_is_refused(settings: Settings, kept: str, tmp_path: Path) -> None:
    saved = backed_up(settings, tmp_path / "a.backup")
    lose_all_but_the_store(settings)
    with pytest.raises(RestoreRefused, match=r"archive\.prefix"):
        restored(settings_again(settings, MUNIMENT_ARCHIVE_PREFIX="XX"), saved.path)


def test_a_missing_store_is_not_made(settings: Settings, kept: str, tmp_path: Path) -> None:
    saved = backed_up(settings, tmp_path / "a.backup")
    shutil.rmtree(settings.data)
    with pytest.raises(StorageUnavailable, match="no folder"):
        restored(settings, saved.path)
    assert not settings.data.exists()


@contextlib.contextmanager
def catalogue_that_cannot_be_made(settings: Settings) -> Iterator[None]:
    obstacle = settings.data / "catalog.sqlite"
    if not settings.database.url:
        obstacle.mkdir()
        yield
        obstacle.rmdir()
        return
    engine = Database(settings.database_url).engine
    with engine.begin() as connection:
        connection.execute(sa.text("create table keyset (theirs integer)"))
    yield
    with engine.begin() as connection:
        connection.execute(sa.text("drop table keyset"))
    engine.dispose()


def test_a_backup_of_one_kind_of_database_comes_back_on_the_other(
    settings: Settings, kept: str, origin: Origin, tmp_path: Path, postgres: Server
) -> None:
    origin.page("/terms", page())
    archive = open_archive(settings)
    minted(archive, origin.url("/terms"))
    fill(archive.database)
    listed = tables(archive)
    archive.close()
    before = operational_rows(settings)
    saved = backed_up(settings, tmp_path / "a.backup")
    url = f"sqlite:///{tmp_path}/other.sqlite" if settings.database.url else postgres.new_database()
    other = replace(settings, database=DatabaseSettings(url))
    restored(other, saved.path)
    assert operational_rows(other) == before
    with remade(other) as archive:
        assert tables(archive) == listed
        assert authenticate(archive, kept)


def test_a_restore_that_was_interrupted_can_be_run_again(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    saved = backed_up(settings, tmp_path / "a.backup")
    lose_all_but_the_store(settings)
    with catalogue_that_cannot_be_made(settings), pytest.raises(CatalogError):
        restored(settings, saved.path)
    assert settings.keys_folder.joinpath("manifest.pem").exists()
    assert restored(settings, saved.path).files == ()
    with remade(settings) as archive:
        assert authenticate(archive, kept)


def test_a_table_or_column_of_a_newer_program_is_refused_and_nothing_stays(
    settings: Settings, kept: str
) -> None:
    database = Database(settings.database_url)
    for name, values in (("ops_newer", {"a": 1}), ("ops_api_key", {"newer": 1})):
        with pytest.raises(RestoreRefused, match="newer"), database.writing() as connection:
            put_row(connection, name, values)
    database.close()


def test_settings_that_differ_are_named_without_their_passwords(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    then = settings_again(
        settings,
        MUNIMENT_ARCHIVE_NAME="Old name",
        MUNIMENT_STORE_ENDPOINT="https://user:hunter2@store.example",
    )
    saved = backup(installation(then), tmp_path / "a.backup", PASSPHRASE)
    lose_all_but_the_store(settings)
    lines = restored(settings, saved.path).differing
    assert "archive.name was 'Old name'" in lines
    assert any(line.startswith("store.endpoint was") for line in lines)
    assert "hunter2" not in " ".join(lines)


def test_a_wrong_passphrase_and_a_damaged_file_change_nothing(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    saved = backed_up(settings, tmp_path / "a.backup")
    lose_all_but_the_store(settings)
    here = installation(settings)
    with pytest.raises(BackupLocked, match="passphrase"):
        restore(here, saved.path, Passphrase.of("not the passphrase"))
    data = saved.path.read_bytes()
    damages = {
        "damaged in its first bytes": flipped(data, 8 * 30),
        "damaged": flipped(data, 8 * (HEADER_BYTES + 300)),
        "cut short": data[:-1],
        "behind its end|damaged": data + b"x",
        "no Muniment backup": b"PK" + data,
    }
    for named, damaged in damages.items():
        bad = tmp_path / "bad.backup"
        bad.write_bytes(damaged)
        with pytest.raises(MalformedBackup, match=named) as caught:
            restore(here, bad, PASSPHRASE)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        restore(here, tmp_path / "none.backup", PASSPHRASE)
    assert [item.name for item in settings.data.iterdir()] == ["store"]


def test_what_a_backup_holds_can_be_looked_at(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    saved = backed_up(settings, tmp_path / "a.backup")
    with opened_backup(saved.path, PASSPHRASE) as (_, held):
        assert held.rows == {"ops_api_key": 1}
        assert held.head.prefix == "CA"
        assert sorted(file.name for file in held.secrets) == sorted(saved.files)
    # What is shown of it in a log or a traceback holds no key.
    assert "PRIVATE" not in repr(held)


def test_a_store_whose_keyset_is_damaged_takes_no_keys(
    settings: Settings, kept: str, tmp_path: Path
) -> None:
    saved = backed_up(settings, tmp_path / "a.backup")
    lose_all_but_the_store(settings)
    [keyset] = (settings.data / "store" / "trust" / "keyset").iterdir()
    keyset.chmod(0o600)
    keyset.write_bytes(b"{}")
    with pytest.raises(RestoreRefused) as caught:
        restored(settings, saved.path)
    assert isinstance(caught.value.__cause__, MalformedEvidence)
