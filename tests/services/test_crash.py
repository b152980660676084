# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every step of a capture: after a restart each record is complete or absent.

The case D-60 of the real-world list, by fault injection; steps are those of support/crashing.py.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import (
    audited,
    minted,
    new_archive,
    page,
    published,
    rebuilt,
    settings_at,
    stored_keys,
    tables,
)
from support.crashing import capture_and_die
from support.origin import Origin

from archive.bootstrap import open_archive
from archive.catalog.tables import id_sequence, ops_reservation
from archive.ids import Kind, RecordId
from archive.services.context import Archive
from archive.services.reading.resolve import resolve
from archive.services.verifying.verify import verify_record
from archive.settings import Settings

AUDIT_SOUND = 0
EVERY_STEP = ("",)
DEEDS = ("before put", "after put", "sql commit", "sql returned", "os.link", "os.write, half")


@pytest.fixture
def site(origin: Origin) -> Origin:
    origin.page("/old", page("This one was there before."))
    origin.page("/new", page("This one is new."))
    origin.page("/other", page("This one is another."))
    return origin


@pytest.fixture
def fresh(tmp_path: Path, site: Origin) -> Callable[[str], Settings]:
    """Makes copies of an archive that has one record."""
    whole = settings_at(tmp_path / "whole")
    archive = new_archive(whole)
    minted(archive, site.url("/old"))
    archive.close()

    def copy(name: str) -> Settings:
        folder = tmp_path / name
        shutil.copytree(whole.data, folder)
        return replace(whole, data=folder)

    return copy


def next_number(archive: Archive) -> int:
    with archive.database.reading() as connection:
        number: int = connection.execute(sa.select(id_sequence.c.next_number)).scalar_one()
    return number


def reservations(archive: Archive) -> dict[int, bool]:
    """Whether each number with a reservation is void."""
    with archive.database.reading() as connection:
        rows = connection.execute(sa.select(ops_reservation.c.number, ops_reservation.c.is_void))
        return {row.number: bool(row.is_void) for row in rows}


def assert_complete_or_absent(settings: Settings, site: Origin) -> int:
    """All that must hold after a restart; returns how many captures are there."""
    archive = open_archive(settings)
    try:
        published(archive)
        handed_out = next_number(archive)
        left = reservations(archive)
        complete = 0
        for number in range(1, handed_out):
            capture_id = RecordId("CA", Kind.CAPTURE, number)
            found = resolve(archive, str(capture_id))
            if found.status == "ok":
                complete += 1
                assert number not in left
                assert verify_record(archive, capture_id).result.exit_code == 0
                continue
            assert found.status == "not_found"
            assert left[number], "a number that was reserved and not used must be void"
            stored = stored_keys(settings, f"captures/{capture_id}/")
            assert [key for key in stored if "statement" in key] == []
        report = audited(archive)
        assert (report.exit_code, report.damages) == (AUDIT_SOUND, [])
        before = tables(archive)
        assert len(before["capture"]) == complete
        assert rebuilt(archive).left_out == []
        assert tables(archive) == before
        again = minted(archive, site.url("/new"))
        assert again.number == handed_out
        assert verify_record(archive, again).result.exit_code == 0
        return complete
    finally:
        archive.close()


def assert_survives(
    fresh: Callable[[str], Settings], site: Origin, paths: list[str], wanted: tuple[str, ...]
) -> None:
    """Kill a capture of the paths before each step whose name begins as wanted."""
    urls = [site.url(path) for path in paths]
    whole = capture_and_die(fresh("unharmed"), urls)
    assert whole.exit_code == 0
    assert whole.steps is not None
    assert {"before put_many", "os.link", "os.write, half done", "sql commit"} <= set(whole.steps)
    seen = set()
    for last, name in enumerate(whole.steps):
        if not name.startswith(wanted):
            continue
        settings = fresh(f"killed-{last}")
        crashed = capture_and_die(settings, urls, last)
        assert crashed.has_died_at(last), name
        seen.add(assert_complete_or_absent(settings, site) - 1)
        shutil.rmtree(settings.data)
    # Steps before the first statement is stored leave nothing, those after the last everything.
    assert {0, len(urls)} <= seen


ONE_NEW, ONE_UNCHANGED, GROUP = ["/new"], ["/old"], ["/new", "/old", "/other"]


@pytest.mark.slow
def test_kill_9_at_every_step_of_a_capture_leaves_it_complete_or_absent(
    fresh: Callable[[str], Settings], site: Origin
) -> None:
    assert_survives(fresh, site, ONE_NEW, EVERY_STEP)


@pytest.mark.parametrize(
    "paths",
    [
        pytest.param(ONE_UNCHANGED, id="revisit"),
        pytest.param(GROUP, id="group", marks=pytest.mark.slow),
    ],
)
def test_kill_9_between_the_deeds_of_a_revisit_and_of_a_group(
    fresh: Callable[[str], Settings], site: Origin, paths: list[str]
) -> None:
    assert_survives(fresh, site, paths, DEEDS)


@pytest.mark.slow
@pytest.mark.parametrize("paths", [ONE_UNCHANGED, GROUP], ids=["revisit", "group"])
def test_kill_9_at_every_step_of_a_revisit_and_of_a_group(
    fresh: Callable[[str], Settings], site: Origin, paths: list[str]
) -> None:
    assert_survives(fresh, site, paths, EVERY_STEP)


def test_a_restart_after_a_kill_is_settled_once_and_for_all(
    fresh: Callable[[str], Settings], site: Origin
) -> None:
    settings = fresh("twice")
    steps = capture_and_die(fresh("unharmed"), [site.url("/new")]).steps
    assert steps is not None
    capture_and_die(settings, [site.url("/new")], steps.index("before put_many"))
    for _ in range(2):
        archive = open_archive(settings)
        assert reservations(archive) == {2: True}
        archive.close()
