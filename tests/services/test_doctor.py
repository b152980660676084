# SPDX-License-Identifier: Apache-2.0
"""The doctor: each thing is broken, its line is seen, and the mend that it names mends it."""

import datetime as dt
import re
import shlex
import socket
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import captured, closed_port, is_root, overwrite, page, settings_at
from support.origin import Origin
from support.postgres import Server, empty_database
from support.working import working

from archive.backups.sealed import Passphrase
from archive.bootstrap import Stand, diagnose, init_archive, installation, open_archive, wire
from archive.catalog import sequence
from archive.catalog.database import SCHEMA_VERSION, Database
from archive.catalog.sequence import Reservation
from archive.catalog.tables import keyset as keyset_table
from archive.clock import UTC, FixedClock, rfc3339
from archive.errors import AddressRefused, StorageUnavailable
from archive.jobs.base import JobState, Problem
from archive.jobs.durable import Run
from archive.services.doctor.diagnosis import Diagnosis, State
from archive.services.doctor.disk import FAIL_BYTES, WARN_BYTES
from archive.services.doctor.examine import all_checks, examine, exit_code
from archive.services.jobs.requests import ask_for, wait_for
from archive.services.recovery.rebuild import rebuild
from archive.services.upkeep.audit import AuditOptions, audit
from archive.services.upkeep.backup import backup
from archive.services.upkeep.installation import Space
from archive.services.upkeep.restore import restore
from archive.settings import Settings
from archive.signing.file import create_key

pytestmark = pytest.mark.both_databases

PASSPHRASE = Passphrase.of("correct horse battery staple")
NOW = dt.datetime.now(UTC)


@dataclass(frozen=True)
class Clinic:
    """One archive, and what the doctor says about it."""

    settings: Settings

    def says(
        self, clock: dt.datetime | None = None, config: Path | None = None, **environment: str
    ) -> list[Diagnosis]:
        return list(
            diagnose(
                config,
                self.settings.data,
                {
                    "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
                    "MUNIMENT_DATABASE_URL": self.settings.database.url,
                    **environment,
                },
                Stand(FixedClock(clock)) if clock else None,
            )
        )

    def one(self, check: str, **more: str) -> Diagnosis:
        """The one line of a check that is not in order."""
        [found] = [item for item in self.says(**more) if item.check == check]
        return found

    def assert_well(self, **more: str) -> None:
        ailing = [item for item in self.says(**more) if item.state is not State.OK]
        # Room on the disk of the machine that runs the tests is not the archive's matter.
        assert [item for item in ailing if item.check != "disk.room"] == []


@pytest.fixture
def clinic(settings: Settings) -> Clinic:
    init_archive(settings)[0].close()
    return Clinic(settings)


@pytest.fixture
def file_clinic(tmp_path: Path) -> Clinic:
    """An archive whose catalogue is a file."""
    settings = settings_at(tmp_path / "data")
    init_archive(settings)[0].close()
    return Clinic(settings)


def lose_catalogue(settings: Settings) -> None:
    if settings.database.url:
        empty_database(settings.database.url)
        return
    for path in settings.data.glob("catalog.sqlite*"):
        path.unlink()


def states(diagnoses: Sequence[Diagnosis]) -> dict[str, State]:
    return {item.check: item.state for item in diagnoses}


def run_mend(diagnosis: Diagnosis) -> None:
    """Run the shell command that the line names."""
    match = re.search(r"`([^`]+)`", diagnosis.mend)
    assert match, diagnosis.mend
    subprocess.run(shlex.split(match[1]), check=True)


def snapshot_of(folder: Path) -> dict[Path, tuple[int, int, int]]:
    return {
        path: (path.stat().st_mode, path.stat().st_mtime_ns, path.stat().st_size)
        for path in [folder, *folder.rglob("*")]
    }


def test_of_an_archive_that_is_well_every_line_says_so(clinic: Clinic) -> None:
    clinic.assert_well()
    for diagnosis in clinic.says():
        assert diagnosis.found
        assert "\n" not in diagnosis.found + diagnosis.mend
        assert (diagnosis.mend == "") == (diagnosis.state is State.OK)


def test_it_changes_nothing(clinic: Clinic, origin: Origin) -> None:
    origin.page("/terms", page())
    archive = open_archive(clinic.settings)
    captured(archive, origin.url("/terms"))
    archive.close()
    reserve_as(clinic.settings, "elsewhere/boot/ns 1 1", NOW - dt.timedelta(days=1))
    before = snapshot_of(clinic.settings.data)
    clinic.says()
    after = snapshot_of(clinic.settings.data)
    assert after.keys() == before.keys()
    changed = [path for path, seen in after.items() if before[path] != seen]
    # SQLite makes and removes its log beside the catalogue, which leaves the folder's time.
    assert set(changed) <= {clinic.settings.data}


def test_where_there_is_nothing_it_makes_nothing(tmp_path: Path) -> None:
    clinic = Clinic(settings_at(tmp_path / "none"))
    found = states(clinic.says())
    assert found["store.reachable"] is State.FAIL
    assert found["database.schema"] is State.FAIL
    assert found["keys.there"] is State.FAIL
    assert found["keyset.roots"] is State.FAIL
    assert found["reservations"] is State.UNKNOWN
    assert list(tmp_path.iterdir()) == []


def test_every_check_is_a_file_and_answers(clinic: Clinic) -> None:
    answered = {item.check.partition(".")[0] for item in clinic.says()}
    expected = {"settings" if name == "config_file" else name for name in all_checks()}
    assert expected <= answered
    assert len(expected) >= 9


def test_exit_codes() -> None:
    def code(*given: State) -> int:
        return exit_code([Diagnosis("x", state, "", "") for state in given])

    assert code(State.OK) == code(State.OK, State.WARN) == 0
    assert code(State.OK, State.FAIL, State.UNKNOWN) == 1
    assert code(State.OK, State.UNKNOWN, State.WARN) == 2
    assert code() == 2


# Settings


def test_unknown_variables_are_all_named_and_the_rest_is_looked_at(clinic: Clinic) -> None:
    found = clinic.says(MUNIMENT_STOR_URL="x", MUNIMENT_ARCHIVE_COLOUR="red")
    strays = [item for item in found if item.check == "settings.environment"]
    assert [item.state for item in strays] == [State.FAIL, State.FAIL]
    assert "MUNIMENT_STOR_URL" in strays[0].found
    assert "`unset MUNIMENT_STOR_URL`" in strays[0].mend
    assert states(found)["store.reachable"] is State.OK
    clinic.assert_well()


@pytest.mark.parametrize(
    ("name", "value"),
    [("MUNIMENT_CAPTURE_TIMEOUT_SECONDS", "soon"), ("MUNIMENT_NETWORK_ALLOW", "everywhere")],
)
def test_a_setting_that_cannot_be_used_is_named(clinic: Clinic, name: str, value: str) -> None:
    found = clinic.one("settings.read", **{name: value})
    assert found.state is State.FAIL


def test_a_secret_in_a_settings_file_that_others_may_read(clinic: Clinic, tmp_path: Path) -> None:
    config = tmp_path / "muniment.toml"
    config.write_text(f'[store]\nurl = "file:{clinic.settings.data}/store"\n', encoding="utf-8")
    config.chmod(0o644)
    assert states(clinic.says(config=config))["settings.file"] is State.OK
    config.write_text(
        config.read_text("utf-8") + 'endpoint = "https://user:hunter2@store.example"\n', "utf-8"
    )
    found = next(item for item in clinic.says(config=config) if item.check == "settings.secrets")
    assert found.state is State.FAIL
    assert "store.endpoint" in found.found
    assert "hunter2" not in found.found + found.mend
    run_mend(found)
    assert "settings.secrets" not in states(clinic.says(config=config))


# Store


def test_a_missing_folder_is_told_from_one_without_a_keyset(clinic: Clinic) -> None:
    store = clinic.settings.data / "store"
    store.rename(store.with_name("away"))
    found = clinic.says()
    assert states(found)["store.reachable"] is State.FAIL
    assert states(found)["clock.store"] is State.UNKNOWN
    assert states(found)["keys.listed"] is State.UNKNOWN
    assert states(found)["keyset"] is State.UNKNOWN
    assert not store.exists()
    store.mkdir()
    assert "no keyset" in clinic.one("store.reachable").found
    store.rmdir()
    store.with_name("away").rename(store)
    clinic.assert_well()


@pytest.mark.skipif(is_root(), reason="file modes do not bind root")
def test_a_store_that_cannot_be_written(clinic: Clinic) -> None:
    folder = clinic.settings.data / "store" / "trust"
    folder.chmod(0o500)
    found = clinic.one("store.writable")
    assert found.state is State.FAIL
    folder.chmod(0o700)
    clinic.assert_well()


# Catalogue


def test_a_missing_catalogue_is_remade_by_the_named_command(clinic: Clinic) -> None:
    lose_catalogue(clinic.settings)
    found = clinic.one("database.schema")
    assert found.state is State.FAIL
    assert "`muniment rebuild`" in found.mend
    archive = wire(clinic.settings)
    archive.database.migrate()
    rebuild(archive, lambda _key: None)
    archive.close()
    clinic.assert_well()


@pytest.mark.parametrize(
    ("version", "mend"), [("0001", "run `muniment init`"), ("9999", "upgrade the program")]
)
def test_another_schema_is_named_with_what_to_do(clinic: Clinic, version: str, mend: str) -> None:
    database = Database(clinic.settings.database_url)
    set_version(database, version)
    found = clinic.one("database.schema")
    assert found.state is State.FAIL
    assert mend in found.mend
    set_version(database, SCHEMA_VERSION)
    database.close()
    clinic.assert_well()


def set_version(database: Database, version: str) -> None:
    with database.writing() as connection:
        changing = sa.text("update alembic_version set version_num = :version")
        connection.execute(changing, {"version": version})


def test_a_migration_that_is_outstanding_is_made_by_init(clinic: Clinic) -> None:
    lose_catalogue(clinic.settings)
    migrate_to(clinic.settings.database_url, "0001")
    found = clinic.one("database.schema")
    assert found.state is State.FAIL
    assert "`muniment init`" in found.mend
    init_archive(clinic.settings)[0].close()
    clinic.assert_well()


def migrate_to(url: str, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    from archive.catalog.database import _MIGRATIONS

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    database = Database(url)
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    database.close()


def test_a_damaged_catalogue_is_mended_by_restore_and_rebuild(
    file_clinic: Clinic, tmp_path: Path, origin: Origin
) -> None:
    settings = file_clinic.settings
    origin.page("/terms", page())
    archive = open_archive(settings)
    captured(archive, origin.url("/terms"))
    archive.close()
    saved = backup(installation(settings), tmp_path / "a.backup", PASSPHRASE).path
    path = settings.data / "catalog.sqlite"
    data = bytearray(path.read_bytes())
    for page_start in range(4096, len(data), 4096):
        data[page_start : page_start + 16] = b"\xa5" * 16
    path.write_bytes(data)
    found = file_clinic.says()
    assert State.FAIL in {item.state for item in found if item.check.startswith("database.")}
    mend = next(item.mend for item in found if item.check == "database.whole")
    assert "`muniment restore`" in mend
    assert "`muniment rebuild`" in mend
    path.unlink()
    restore(installation(settings), saved, PASSPHRASE)
    archive = wire(settings)
    rebuild(archive, lambda _key: None)
    archive.close()
    file_clinic.assert_well()


def test_bytes_that_are_no_database(file_clinic: Clinic) -> None:
    (file_clinic.settings.data / "catalog.sqlite").write_bytes(b"no database" * 1000)
    found = states(file_clinic.says())
    assert found["database.schema"] is State.FAIL
    assert found["database.whole"] is State.FAIL


def test_a_catalogue_that_another_process_holds_is_not_called_wrong(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive.catalog.sqlite._BUSY_SECONDS", 0.05)
    monkeypatch.setattr("archive.catalog.postgres._WAIT_SECONDS", 0.05)
    holder = Database(clinic.settings.database_url)
    with holder.writing():
        found = clinic.says()
    assert states(found)["database.writable"] is State.UNKNOWN
    assert exit_code([item for item in found if item.check != "disk.room"]) == 2
    holder.close()
    clinic.assert_well()


def test_another_prefix_than_that_of_the_records(clinic: Clinic, origin: Origin) -> None:
    origin.page("/terms", page())
    archive = open_archive(clinic.settings)
    captured(archive, origin.url("/terms"))
    archive.close()
    found = clinic.one("database.prefix", MUNIMENT_ARCHIVE_PREFIX="XX")
    assert found.state is State.FAIL
    assert "set archive.prefix to CA" in found.mend
    clinic.assert_well(MUNIMENT_ARCHIVE_PREFIX="CA")


# PostgreSQL


@pytest.fixture
def on_server(postgres: Server, tmp_path: Path) -> Clinic:
    settings = settings_at(tmp_path / "data", MUNIMENT_DATABASE_URL=postgres.new_catalogue())
    init_archive(settings)[0].close()
    return Clinic(settings)


def url_with(clinic: Clinic, **parts: object) -> str:
    url = sa.make_url(clinic.settings.database.url).set(**parts)  # type: ignore[arg-type]
    return url.render_as_string(hide_password=False)


def test_a_server_that_is_down_is_told_once_and_with_no_password(on_server: Clinic) -> None:
    nobody = url_with(on_server, port=closed_port(), password="hunter2")
    found = on_server.says(MUNIMENT_DATABASE_URL=nobody)
    assert "hunter2" not in repr(found)
    [told] = [item for item in found if item.check.startswith("database.")]
    assert (told.check, told.state) == ("database.reachable", State.FAIL)
    assert "start its server" in told.mend
    assert states(found)["clock.records"] is State.UNKNOWN
    assert exit_code(found) == 1
    on_server.assert_well()


@pytest.mark.parametrize("part", ["database", "username"])
def test_a_database_or_user_that_is_not_there(on_server: Clinic, part: str) -> None:
    url = url_with(on_server, **{part: "nobody_knows"})
    found = on_server.one("database.reachable", MUNIMENT_DATABASE_URL=url)
    assert found.state is State.FAIL
    assert "nobody_knows" in found.found


def test_a_database_in_another_encoding(on_server: Clinic, postgres: Server) -> None:
    url = postgres.new_database(encoding="LATIN1")
    found = states(on_server.says(MUNIMENT_DATABASE_URL=url))
    assert found["database.server"] is State.FAIL
    told = on_server.one("database.server", MUNIMENT_DATABASE_URL=url)
    assert "LATIN1" in told.found
    assert "`createdb --encoding=UTF8" in told.mend
    on_server.assert_well()


def test_a_server_that_takes_no_writes(on_server: Clinic) -> None:
    url = url_with(on_server, query={"options": "-c default_transaction_read_only=on"})
    found = on_server.one("database.writable", MUNIMENT_DATABASE_URL=url)
    assert found.state is State.FAIL
    assert "takes no writes" in found.found


def test_a_user_without_rights_gets_them_by_the_named_command(
    on_server: Clinic, postgres: Server
) -> None:
    name = sa.make_url(on_server.settings.database.url).database
    postgres.execute("drop role if exists reader; create role reader login")
    postgres.execute("grant select on all tables in schema public to reader", name)
    url = url_with(on_server, username="reader")
    found = on_server.one("database.writable", MUNIMENT_DATABASE_URL=url)
    assert found.state is State.FAIL
    assert "reader may not write to" in found.found
    match = re.search(r"`(grant [^`]+)`", found.mend)
    assert match
    postgres.execute(match[1], name)
    on_server.assert_well(MUNIMENT_DATABASE_URL=url)
    postgres.execute("drop owned by reader; drop role reader", name)


# Keys


@pytest.mark.parametrize("name", ["manifest.pem", "passphrase"])
def test_a_missing_key_comes_back_with_restore(clinic: Clinic, tmp_path: Path, name: str) -> None:
    saved = backup(installation(clinic.settings), tmp_path / "a.backup", PASSPHRASE).path
    (clinic.settings.keys_folder / name).unlink()
    found = clinic.one("keys.there")
    assert found.state is State.FAIL
    assert name in found.found
    assert "`muniment restore`" in found.mend
    lose_catalogue(clinic.settings)
    restore(installation(clinic.settings), saved, PASSPHRASE)
    archive = wire(clinic.settings)
    rebuild(archive, lambda _key: None)
    archive.close()
    clinic.assert_well()


@pytest.mark.parametrize("name", ["", "manifest.pem", "passphrase", "root.pem"])
def test_a_key_that_others_may_read(clinic: Clinic, name: str) -> None:
    path = clinic.settings.keys_folder / name
    path.chmod(0o755 if path.is_dir() else 0o640)
    found = clinic.one("keys.modes")
    assert found.state is State.FAIL
    run_mend(found)
    clinic.assert_well()
    assert stat.S_IMODE(path.stat().st_mode) in {0o600, 0o700}


def test_a_passphrase_that_opens_nothing(clinic: Clinic) -> None:
    path = clinic.settings.passphrase_file
    right = path.read_bytes()
    path.write_bytes(b"wrong\n")
    found = clinic.one("keys.open")
    assert found.state is State.FAIL
    assert str(path) in found.mend
    path.write_bytes(right)
    clinic.assert_well()


def test_a_key_that_the_keyset_does_not_list(clinic: Clinic) -> None:
    path = clinic.settings.keys_folder / "manifest.pem"
    right = path.read_bytes()
    path.unlink()
    create_key(path, clinic.settings.passphrase_file.read_bytes().strip())
    found = clinic.one("keys.listed")
    assert found.state is State.FAIL
    assert "does not stand in keyset 1" in found.found
    path.write_bytes(right)
    clinic.assert_well()


@pytest.mark.parametrize(
    ("days", "state", "words"),
    [
        (3650 - 31, State.OK, "30 days left"),
        (3650 - 10, State.WARN, "ends in 9 days"),
        (3651, State.FAIL, "ended on"),
        (-2, State.FAIL, "valid from"),
    ],
)
def test_the_days_that_a_key_has_left(clinic: Clinic, days: int, state: State, words: str) -> None:
    later = dt.datetime.now(UTC) + dt.timedelta(days=days, minutes=1)
    found = next(item for item in clinic.says(clock=later) if item.check == "keys.listed")
    assert found.state is state
    assert words in found.found


# Keyset


def test_no_trusted_root(clinic: Clinic) -> None:
    path = clinic.settings.root_keyid_file
    root = path.read_text("ascii")
    path.unlink()
    assert clinic.one("keyset.roots").state is State.FAIL
    clinic.assert_well(MUNIMENT_TRUST_ROOTS=root.strip())
    path.write_text("not a fingerprint", encoding="ascii")
    assert clinic.one("keyset.roots").state is State.FAIL
    path.write_text(root, encoding="ascii")
    clinic.assert_well()


def test_a_root_that_signed_nothing_here(clinic: Clinic) -> None:
    found = clinic.one("keyset.chain", MUNIMENT_TRUST_ROOTS="ab" * 32)
    assert found.state is State.FAIL
    assert "trust.roots" in found.mend


@pytest.mark.parametrize("part", ["envelope", "content"])
def test_a_damaged_keyset_is_wrong_and_comes_back_from_a_mirror(clinic: Clinic, part: str) -> None:
    root = clinic.settings.data / "store"
    folder = root / ("trust" if part == "envelope" else "blobs")
    [path] = [path for path in folder.rglob("*") if path.is_file()]
    right = path.read_bytes()
    overwrite(path, right[:-9])
    found = clinic.says()
    assert states(found)["keyset.chain"] is State.FAIL
    assert states(found)["keys.listed"] is State.UNKNOWN
    overwrite(path, right)
    clinic.assert_well()
    path.unlink()
    assert State.FAIL in {
        states(clinic.says()).get("keyset.chain"),
        states(clinic.says()).get("store.reachable"),
    }
    path.write_bytes(right)
    clinic.assert_well()


def test_a_stray_file_among_the_keysets_is_a_warning(clinic: Clinic) -> None:
    path = clinic.settings.data / "store" / "trust" / "keyset" / "1.00000000.dsse.json"
    path.write_bytes(b"{}")
    found = clinic.one("keyset.strays")
    assert found.state is State.WARN
    path.unlink()
    clinic.assert_well()


def test_a_catalogue_that_lists_other_keysets_is_mended_by_rebuild(clinic: Clinic) -> None:
    database = Database(clinic.settings.database_url)
    with database.writing() as connection:
        connection.execute(sa.delete(keyset_table))
    database.close()
    found = clinic.one("keyset.catalogue")
    assert found.state is State.FAIL
    assert "`muniment rebuild`" in found.mend
    archive = wire(clinic.settings)
    rebuild(archive, lambda _key: None)
    archive.close()
    clinic.assert_well()


# Clock


def test_a_clock_that_is_behind_the_files_and_the_records(clinic: Clinic, origin: Origin) -> None:
    origin.page("/terms", page())
    archive = open_archive(clinic.settings)
    captured(archive, origin.url("/terms"))
    archive.close()
    earlier = states(clinic.says(clock=dt.datetime.now(UTC) - dt.timedelta(hours=1)))
    assert earlier["clock.files"] is State.FAIL
    assert earlier["clock.records"] is State.FAIL
    now = states(clinic.says(clock=dt.datetime.now(UTC)))
    assert now["clock.files"] is now["clock.records"] is State.OK


# Reservations


def reserve_as(settings: Settings, owner: str, at: dt.datetime) -> None:
    database = Database(settings.database_url)
    with database.writing() as connection:
        sequence.intend(connection, [Reservation("C", 77, owner, rfc3339(at))])
    database.close()


def test_a_reservation_of_a_dead_process_is_settled_by_the_named_command(
    clinic: Clinic,
) -> None:
    reserve_as(clinic.settings, f"{socket.gethostname()}/another/boot 1 1", NOW)
    assert states(clinic.says())["reservations.owned"] is State.OK
    later = dt.datetime.now(UTC) + dt.timedelta(hours=1)
    found = next(i for i in clinic.says(clock=later) if i.check == "reservations.owned")
    assert found.state is State.WARN
    assert "C 77" in found.found
    assert "`muniment audit --sample 1`" in found.mend
    archive = open_archive(clinic.settings, Stand(FixedClock(later)))
    audit(archive, lambda _done, _total: None, AuditOptions("plain", 1, 1))
    archive.close()
    clinic.assert_well()


# Disk


@pytest.mark.parametrize(
    ("free", "total", "state"),
    [
        (FAIL_BYTES - 1, 1 << 40, State.FAIL),
        (WARN_BYTES - 1, 1 << 40, State.WARN),
        (WARN_BYTES, 1 << 40, State.OK),
        (9 << 20, 100 << 20, State.FAIL),
        (24 << 20, 100 << 20, State.WARN),
        (25 << 20, 100 << 20, State.OK),
    ],
)
def test_room_on_the_disk(clinic: Clinic, free: int, total: int, state: State) -> None:
    here = replace(installation(clinic.settings), space=lambda _: Space(1, free, total))
    [found] = [item for item in examine(here) if item.check == "disk.room"]
    assert found.state is state
    assert f"{free >> 20} MiB" in found.found


def test_each_file_system_is_looked_at_once(clinic: Clinic) -> None:
    asked: list[Path] = []

    def space(folder: Path) -> Space:
        asked.append(folder)
        return Space(len(asked), WARN_BYTES, WARN_BYTES)

    here = replace(installation(clinic.settings), space=space)
    rooms = [item for item in examine(here) if item.check == "disk.room"]
    assert len(rooms) == len(asked)
    assert {clinic.settings.data, clinic.settings.keys_folder} <= set(asked)
    assert (clinic.settings.data / "store").resolve() in {path.resolve() for path in asked}


# Tools


def test_tools_that_help_are_missing(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = replace(installation(clinic.settings), databases=("postgresql://db.example/jobs",))
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        found = {item.check: item for item in examine(here)}
    assert found["tools.pg_dump"].state is State.WARN
    assert found["tools.openssl"].state is State.OK
    assert "not here" in found["tools.openssl"].found
    for name in ("pg_dump", "openssl"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        found = {item.check: item for item in examine(here)}
    assert found["tools.pg_dump"].state is found["tools.openssl"].state is State.OK


def test_a_damaged_jobs_database_is_said_and_moving_it_away_mends_it(clinic: Clinic) -> None:
    path = clinic.settings.data / "jobs.sqlite"
    where = {"MUNIMENT_JOBS_URL": f"sqlite:///{path}"}
    assert not path.exists()
    clinic.assert_well(**where)
    assert not path.exists()  # the doctor makes nothing
    for damaged in (b"no database", b"SQLite format 3\0" + bytes(5000)):
        path.write_bytes(damaged)
        found = clinic.one("jobs.database", **where)
        assert (found.state, "jobs database" in found.found) == (State.FAIL, True)
        path.unlink()
    clinic.assert_well(**where)


def test_jobs_that_nobody_does_are_said_and_a_worker_mends_it(
    clinic: Clinic, origin: Origin
) -> None:
    origin.page("/terms", page())
    archive = open_archive(clinic.settings)
    job = ask_for(archive, "capture", {"url": origin.url("/terms")})
    clinic.assert_well()
    later = NOW + dt.timedelta(minutes=30)
    [found] = [item for item in clinic.says(clock=later) if item.check == "jobs.workers"]
    assert (found.state, "muniment worker" in found.mend) == (State.FAIL, True)
    with working(clinic.settings, archive):
        assert wait_for(archive, job, 20).state is JobState.DONE
        assert clinic.says(clock=later)
        assert states(clinic.says(clock=later))["jobs.workers"] is State.OK
    assert states(clinic.says(clock=later))["jobs.workers"] is State.OK
    archive.close()


def test_jobs_that_failed_for_a_reason_of_the_archives_own_are_said(clinic: Clinic) -> None:
    archive = open_archive(clinic.settings)
    for code in (StorageUnavailable.code, AddressRefused.code):
        job = ask_for(archive, "capture", {"url": "http://a.example/"})
        archive.jobs.fail(Run(job.id, 0), Problem(code, "words"))  # type: ignore[attr-defined]
    archive.close()
    found = clinic.one("jobs.failed")
    assert found.state is State.WARN
    assert f"1 {StorageUnavailable.code}" in found.found
    assert AddressRefused.code not in found.found
    tomorrow = NOW + dt.timedelta(days=2)
    assert "jobs.failed" not in states(clinic.says(clock=tomorrow))
