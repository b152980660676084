# SPDX-License-Identifier: Apache-2.0
"""Fixtures that many suites share: a real archive in a folder of its own, and a loopback origin."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archives import new_archive, settings_at
from support.origin import Origin

from archive.services.context import Archive
from archive.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path / "data")


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    opened = new_archive(settings)
    yield opened
    opened.close()


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as opened:
        yield opened


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-real-data",
        action="store_true",
        help="fail when the folder of real data is there and no test that reads it ran",
    )


def real_data_folder() -> Path:
    return Path(os.environ.get("MUNIMENT_TEST_DATA", "../shared/data"))


def _ran(terminalreporter: pytest.TerminalReporter) -> int:
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    return sum("realdata" in getattr(report, "keywords", ()) for report in reports)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    is_wanted = session.config.getoption("--require-real-data") and real_data_folder().is_dir()
    if reporter is not None and is_wanted and not _ran(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    folder = real_data_folder()
    state = "there" if folder.is_dir() else "NOT THERE: set MUNIMENT_TEST_DATA"
    terminalreporter.write_line(f"real-data tests run: {_ran(terminalreporter)} (folder {state})")
