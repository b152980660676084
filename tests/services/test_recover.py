# SPDX-License-Identifier: Apache-2.0
"""Reservations whose owner died: adopted when the statement is stored, void when it is not."""

import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import (
    audited,
    captured,
    minted,
    page,
    published,
    rebuilt,
    stored_file,
    stored_keys,
    tables,
)
from support.crashing import capture_and_die
from support.origin import Origin

from archive.bootstrap import open_archive
from archive.catalog import sequence
from archive.catalog.sequence import Reservation
from archive.catalog.tables import ops_reservation
from archive.clock import SystemClock, rfc3339
from archive.errors import CatalogError
from archive.ids import Kind, RecordId
from archive.services.capturing.capture import capture_many
from archive.services.context import Archive
from archive.services.ownership import LEASE_SECONDS, is_gone, this_process
from archive.services.reading.resolve import resolve
from archive.services.recovery.recover import recover
from archive.services.verifying.verify import verify_record
from archive.settings import DatabaseSettings, Settings
from archive.storage.layout import inventory_key

pytestmark = pytest.mark.both_databases

CAPTURE = Kind.CAPTURE.value


def owner_elsewhere() -> str:
    return "another-machine/boot 1 1"


def reserve(archive: Archive, owner: str, count: int = 1) -> list[int]:
    at = rfc3339(archive.clock.now())
    with archive.database.writing() as connection:
        return sequence.reserve(connection, CAPTURE, count, owner, at)


def dead_owner() -> str:
    """The name of a process of this machine that has ended."""
    machine, _, _ = this_process().partition(" ")
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return f"{machine} {process.pid} 1"


def void_numbers(archive: Archive) -> list[int]:
    with archive.database.reading() as connection:
        wanted = sa.select(ops_reservation.c.number).where(ops_reservation.c.is_void == 1)
        return list(connection.execute(wanted).scalars())


def open_numbers(archive: Archive) -> list[int]:
    with archive.database.reading() as connection:
        return [item.number for item in sequence.open_reservations(connection)]


def test_a_living_process_keeps_its_reservation(archive: Archive) -> None:
    [number] = reserve(archive, this_process())
    found = recover(archive)
    assert (found.adopted, found.voided) == ((), ())
    assert open_numbers(archive) == [number]


def test_the_reservation_of_a_dead_process_is_void_for_good(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    [number] = reserve(archive, dead_owner())
    capture_id = RecordId("CA", Kind.CAPTURE, number)
    assert recover(archive).voided == (str(capture_id),)
    assert recover(archive).voided == ()
    assert void_numbers(archive) == [number]
    assert resolve(archive, str(capture_id)).status == "not_found"
    origin.page("/terms", page())
    assert minted(archive, origin.url("/terms")).number == number + 1


def test_opening_the_archive_settles_what_a_crash_left_open(
    archive: Archive, settings: Settings
) -> None:
    [number] = reserve(archive, dead_owner())
    again = open_archive(settings)
    again.close()
    assert void_numbers(archive) == [number]


def test_a_process_that_nobody_waited_for_counts_as_dead() -> None:
    machine, _, _ = this_process().partition(" ")
    now = SystemClock().now()
    with subprocess.Popen(["sleep", "60"]) as process:
        stat = Path(f"/proc/{process.pid}/stat")
        started = stat.read_text(encoding="ascii").rpartition(")")[2].split()[19]
        reserved = Reservation(CAPTURE, 1, f"{machine} {process.pid} {started}", rfc3339(now))
        assert not is_gone(reserved, now)
        process.kill()
        until = time.monotonic() + 10
        while stat.read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < until
            time.sleep(0.01)
        assert is_gone(reserved, now)


def test_a_later_process_with_the_same_number_is_not_the_owner() -> None:
    machine, pid, started = this_process().split(" ")
    now = SystemClock().now()
    recycled = f"{machine} {pid} {int(started) - 1}"
    assert is_gone(Reservation(CAPTURE, 1, recycled, rfc3339(now)), now)


def test_an_owner_on_another_machine_has_its_lease(archive: Archive) -> None:
    now = archive.clock.now()
    reserved = Reservation(CAPTURE, 1, owner_elsewhere(), rfc3339(now))
    import datetime as dt

    assert not is_gone(reserved, now + dt.timedelta(seconds=LEASE_SECONDS))
    assert is_gone(reserved, now + dt.timedelta(seconds=LEASE_SECONDS + 1))


@pytest.fixture
def apart(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Settings for counting steps without a trace: another folder, another database."""
    moved = replace(settings, data=settings.data / "trial")
    if not settings.database.url:
        return moved
    url = request.getfixturevalue("postgres").new_catalogue()
    return replace(moved, database=DatabaseSettings(url))


def crash(settings: Settings, apart: Settings, urls: list[str], after: str, nth: int) -> None:
    """Capture the URLs in a process that dies after the n-th step of that name."""
    steps = capture_and_die(apart, urls).steps
    assert steps is not None
    at = [index for index, name in enumerate(steps) if name == after][nth]
    assert capture_and_die(settings, urls, at).steps is None


def trial(archive: Archive, settings: Settings, origin: Origin) -> list[str]:
    import shutil

    origin.page("/terms", page())
    archive.database.close()
    shutil.copytree(settings.data, settings.data / "trial")
    return [origin.url("/terms")]


def test_a_signed_capture_without_row_is_adopted_as_it_would_have_been(
    archive: Archive, settings: Settings, apart: Settings, origin: Origin
) -> None:
    urls = trial(archive, settings, origin)
    crash(settings, apart, urls, "after put_many", 1)
    assert open_numbers(archive) == [1]
    capture_id = RecordId("CA", Kind.CAPTURE, 1)
    assert recover(archive).adopted == (str(capture_id),)
    published(archive)
    assert open_numbers(archive) == void_numbers(archive) == []
    assert verify_record(archive, capture_id).result.exit_code == 0
    before = tables(archive)
    rebuilt(archive)
    assert tables(archive) == before


def test_an_inventory_without_statement_is_an_orphan_that_harms_nobody(
    archive: Archive, settings: Settings, apart: Settings, origin: Origin
) -> None:
    urls = trial(archive, settings, origin)
    crash(settings, apart, urls, "after put_many", 0)
    capture_id = RecordId("CA", Kind.CAPTURE, 1)
    assert recover(archive).voided == (str(capture_id),)
    orphan = inventory_key(capture_id)
    assert orphan in stored_keys(settings, "captures/")
    report = audited(archive)
    assert (report.exit_code, orphan in report.unreferenced) == (0, True)
    assert (rebuilt(archive).captures, rebuilt(archive).left_out) == (0, [])
    assert minted(archive, urls[0]).number == 2


def test_a_damaged_statement_is_not_adopted_and_its_number_is_void(
    archive: Archive, settings: Settings, apart: Settings, origin: Origin
) -> None:
    urls = trial(archive, settings, origin)
    crash(settings, apart, urls, "after put_many", 1)
    [statement] = [key for key in stored_keys(settings, "captures/") if "statement" in key]
    path = stored_file(settings, statement)
    path.write_bytes(path.read_bytes().replace(b"a", b"b", 1))
    assert recover(archive).voided == (str(RecordId("CA", Kind.CAPTURE, 1)),)
    assert tables(archive)["capture"] == []


def test_a_rebuild_before_recovery_makes_no_second_row(
    archive: Archive, settings: Settings, apart: Settings, origin: Origin
) -> None:
    urls = trial(archive, settings, origin)
    crash(settings, apart, urls, "after put_many", 1)
    assert rebuilt(archive).captures == 1
    recover(archive)
    assert open_numbers(archive) == void_numbers(archive) == []
    assert len(tables(archive)["capture"]) == 1


def test_a_failed_look_cut_off_before_its_row_is_taken_in_at_the_next_start(
    archive: Archive, settings: Settings, apart: Settings, origin: Origin
) -> None:
    trial(archive, settings, origin)
    crash(settings, apart, [origin.url("/missing")], "after put_many", 1)
    assert tables(archive)["observation"] == []
    [damage] = audited(archive).damages
    assert (damage.code, damage.is_certain) == ("NOT_CATALOGUED", False)
    recover(archive)
    assert len(tables(archive)["observation"]) == 1
    report = audited(archive)
    assert (report.damages, report.unreferenced) == ([], [])
    before = tables(archive)
    rebuilt(archive)
    assert tables(archive) == before


def test_numbers_lost_to_recovery_cannot_be_written_by_a_late_owner(archive: Archive) -> None:
    [number] = reserve(archive, dead_owner())
    recover(archive)
    with (
        pytest.raises(CatalogError, match="not reserved any more"),
        archive.database.writing() as connection,
    ):
        sequence.close(connection, CAPTURE, number)


def test_a_damaged_keyset_postpones_recovery_and_the_archive_still_opens(
    archive: Archive, settings: Settings
) -> None:
    [number] = reserve(archive, dead_owner())
    [keyset] = stored_keys(settings, "trust/")
    path = stored_file(settings, keyset)
    sound = path.read_bytes()
    path.write_bytes(sound[:-1])
    again = open_archive(settings)
    assert open_numbers(again) == [number]
    again.close()
    path.write_bytes(sound)
    assert recover(archive).voided == (str(RecordId("CA", Kind.CAPTURE, number)),)


def test_a_statement_by_a_stranger_beside_the_real_one_does_not_stop_adoption(
    archive: Archive, settings: Settings, apart: Settings, origin: Origin
) -> None:
    urls = trial(archive, settings, origin)
    crash(settings, apart, urls, "after put_many", 1)
    [statement] = [key for key in stored_keys(settings, "captures/") if "statement" in key]
    folder = stored_file(settings, statement).parent
    (folder / "statement.00000000.dsse.json").write_bytes(b"junk")
    assert recover(archive).adopted == (str(RecordId("CA", Kind.CAPTURE, 1)),)


def test_results_appear_only_when_their_group_is_durable(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    for number in range(4):
        origin.page(f"/{number}", page(f"Page {number}."))
    urls = [origin.url(f"/{number}") for number in range(4)]
    results = capture_many(archive, urls, group_size=2)
    next(results)
    other = open_archive(settings)
    # The next group may be durable as well by now.
    assert len(tables(other)["capture"]) in {2, 4}
    other.close()
    assert len(list(results)) == 3


def test_two_archives_on_one_folder_never_share_a_number(
    archive: Archive, settings: Settings, origin: Origin
) -> None:
    origin.page("/a", page("A."))
    origin.page("/b", page("B."))
    second = open_archive(settings)
    numbers = [
        minted(one, origin.url(path)).number for path in ("/a", "/b") for one in (archive, second)
    ]
    second.close()
    assert numbers == [1, 2, 3, 4]
    assert captured(archive, origin.url("/a")).signed.look.previous is not None
