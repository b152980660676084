# SPDX-License-Identifier: Apache-2.0
"""Opening the catalogue: where nothing can be written, and schemas of other versions."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.util import CommandError
from support.reserving import reserve

from archive.catalog.database import SCHEMA_VERSION, Database
from archive.catalog.hot import HotReader
from archive.catalog.tables import id_sequence
from archive.errors import CatalogError, CatalogOutdated

FIRST = "CA-C-0000001-39"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A catalogue with a number handed out, closed."""
    database = Database(f"sqlite:///{tmp_path}/catalog.sqlite")
    database.migrate()
    reserve(database, 3)
    database.close()
    return tmp_path / "catalog.sqlite"


def unwritable(*names: str) -> Callable[[Path], bool]:
    return lambda path: path.name not in names


@pytest.fixture
def read_only(path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{path}", can_write=unwritable(path.name))
    yield opened
    opened.close()


def next_number(database: Database) -> int | None:
    with database.reading() as connection:
        return connection.execute(sa.select(id_sequence.c.next_number)).scalar()


def test_a_catalogue_that_cannot_be_written_is_read_without_a_trace(
    read_only: Database, path: Path
) -> None:
    before = {item.name: item.stat().st_mtime_ns for item in path.parent.iterdir()}
    assert read_only.is_read_only
    read_only.check_schema()
    assert next_number(read_only) == 4
    hot = HotReader(read_only)
    assert hot.record(FIRST) is None
    hot.close()
    assert {item.name: item.stat().st_mtime_ns for item in path.parent.iterdir()} == before


def test_a_catalogue_that_cannot_be_written_refuses_writes(read_only: Database) -> None:
    with pytest.raises(CatalogError, match="the catalogue is read-only"):
        reserve(read_only)
    with pytest.raises(CatalogError, match="the catalogue is read-only"):
        read_only.migrate()
    with pytest.raises(CatalogError), read_only.reading() as connection:
        connection.execute(sa.delete(id_sequence))
    assert next_number(read_only) == 4


def test_a_folder_that_cannot_be_written_makes_its_catalogue_read_only(path: Path) -> None:
    assert Database(f"sqlite:///{path}", can_write=unwritable(path.parent.name)).is_read_only
    assert not Database(f"sqlite:///{path}").is_read_only
    assert not Database(f"sqlite:///{path}.new", can_write=unwritable(path.name)).is_read_only


def test_what_the_log_alone_holds_is_read_as_well(path: Path, tmp_path: Path) -> None:
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("pragma wal_autocheckpoint=0")
    writer.execute("update id_sequence set next_number = 77")
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        shutil.copy(path.with_name(name), copy / name)
    writer.close()
    database = Database(f"sqlite:///{copy / path.name}", can_write=unwritable("copy"))
    assert database.is_read_only
    assert next_number(database) == 77
    database.close()


def set_schema(path: Path, version: str) -> Database:
    database = Database(f"sqlite:///{path}")
    with database.writing() as connection:
        connection.execute(sa.text("update alembic_version set version_num = :v"), {"v": version})
    return database


def test_a_newer_schema_asks_for_a_newer_program_and_not_for_init(path: Path) -> None:
    database = set_schema(path, "9999")
    for call in (database.check_schema, database.migrate):
        with pytest.raises(CatalogOutdated, match=r"9999.*newer Muniment.*upgrade") as caught:
            call()
        assert "init" not in str(caught.value)
    database.close()


def test_an_older_schema_asks_for_init(path: Path) -> None:
    database = set_schema(path, "0001")
    with pytest.raises(CatalogOutdated, match=rf"0001.*{SCHEMA_VERSION}.*muniment init"):
        database.check_schema()
    database.close()


def test_an_error_of_the_migration_tool_is_a_catalogue_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise CommandError("no such revision")

    monkeypatch.setattr("alembic.command.upgrade", fail)
    database = Database(f"sqlite:///{path}.new")
    with pytest.raises(CatalogError, match="no such revision"):
        database.migrate()
    database.close()


def test_an_empty_catalogue_has_no_prefix(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    assert database.prefix() is None
    database.close()
