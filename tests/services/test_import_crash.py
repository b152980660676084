# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every step of an import: run again, it makes the missing groups and no other.

Steps are those of support/crashing.py. The file has several groups and a record to cite.
"""

import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.archives import audited, new_archive, published, rebuilt, settings_at, tables
from support.crashing import import_and_die
from support.warcs import packed, shared, site, write

from archive.bootstrap import open_archive
from archive.services.imports import reading as import_reading
from archive.services.imports.file import ImportOptions, import_file
from archive.services.imports.mint import Choice
from archive.settings import Settings

SEGMENT = 1_500
OPTIONS = ImportOptions("somebody", Choice(("https://site.example/page/2",)))
DEEDS = ("before put", "after put", "sql commit", "sql returned", "os.link", "os.write, half")


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[str], Settings]:
    """Makes copies of an empty archive."""
    whole = settings_at(tmp_path / "whole")
    new_archive(whole).close()

    def copy(name: str) -> Settings:
        folder = tmp_path / name
        shutil.copytree(whole.data, folder)
        return replace(whole, data=folder)

    return copy


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_reading, "SEGMENT_BYTES", SEGMENT)


def assert_goes_on(settings: Settings, path: Path) -> None:
    """Run again, everything is in once; what the statements give is what is listed."""
    archive = open_archive(settings)
    try:
        done = import_file(archive, path, OPTIONS, lambda _done, _total: None)
        assert (done.records, done.indexed, done.flaws) == (24, 12, ())
        ids = {str(item.look.capture_id) for item in done.minting.minted} | {*done.minting.kept}
        assert len(ids) == 1
        # The run that was killed may have logged what it did not come to publish.
        published(archive)
        rows = tables(archive)
        assert len(rows["capture"]) == 1
        assert len(rows["cdx"]) == 12
        groups = sorted(row[8:10] for row in rows["import_group"])
        assert groups[0][0] == 0
        assert [start for start, _ in groups[1:]] == [end for _, end in groups[:-1]]
        again = import_file(archive, path, OPTIONS, lambda _done, _total: None)
        assert again.is_already
        assert tables(archive) == rows
        report = audited(archive)
        assert (report.exit_code, report.damages) == (0, [])
        assert rebuilt(archive).left_out == []
        assert tables(archive) == rows
    finally:
        archive.close()


def assert_survives(
    fresh: Callable[[str], Settings], path: Path, name: str, deeds: tuple[str, ...]
) -> int:
    whole = import_and_die(fresh(f"{name}-counted"), path, OPTIONS, SEGMENT)
    assert whole.steps is not None
    steps = [n for n, step in enumerate(whole.steps) if step.startswith(deeds)]
    for last in steps:
        settings = fresh(f"{name}-{last}")
        crashed = import_and_die(settings, path, OPTIONS, SEGMENT, last)
        assert crashed.exit_code == -signal.SIGKILL
        assert_goes_on(settings, path)
        shutil.rmtree(settings.data)
    return len(steps)


FILES = {
    "in-place": packed(*site(12, with_requests=True)),
    "packed-anew": shared(*site(12, with_requests=True)),
}


@pytest.mark.parametrize("name", FILES)
def test_killed_at_a_few_steps(name: str, fresh: Callable[[str], Settings], tmp_path: Path) -> None:
    path = write(tmp_path / "given.warc.gz", FILES[name])
    whole = import_and_die(fresh("counted"), path, OPTIONS, SEGMENT)
    assert whole.steps is not None
    for share in (0.2, 0.5, 0.8):
        settings = fresh(f"at-{share}")
        last = int(len(whole.steps) * share)
        assert import_and_die(settings, path, OPTIONS, SEGMENT, last).exit_code == -signal.SIGKILL
        assert_goes_on(settings, path)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_killed_at_every_deed(name: str, fresh: Callable[[str], Settings], tmp_path: Path) -> None:
    path = write(tmp_path / "given.warc.gz", FILES[name])
    steps = assert_survives(fresh, path, name, DEEDS)
    print(f"\nkilled at {steps} steps of an import ({name}): complete after each")
    assert steps > 30
