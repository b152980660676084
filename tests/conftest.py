# SPDX-License-Identifier: Apache-2.0
"""Fixtures that many suites share: a real archive in a folder of its own, and a loopback origin."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from support.archives import new_archive, settings_at
from support.origin import Origin
from support.postgres import Server, debian_server, running, wheel_cluster

from archive.services.context import Archive
from archive.settings import DatabaseSettings, Settings


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Iterator[Server]:
    """A PostgreSQL server as Debian has it (15 on Debian 12)."""
    yield from running(pytestconfig, debian_server())


@pytest.fixture(scope="session")
def postgres18(pytestconfig: pytest.Config) -> Iterator[Server]:
    """The PostgreSQL server of the wheel."""
    yield from running(pytestconfig, wheel_cluster())


def _setting(request: pytest.FixtureRequest) -> dict[str, str]:
    if getattr(request, "param", "sqlite") == "sqlite":
        return {}
    server: Server = request.getfixturevalue("postgres")
    return {"MUNIMENT_DATABASE_URL": server.new_catalogue()}


@pytest.fixture
def database_setting(request: pytest.FixtureRequest) -> dict[str, str]:
    """The catalogue's setting: SQLite, and in what is marked `both_databases` PostgreSQL too."""
    return _setting(request)


@pytest.fixture(scope="module")
def new_database_setting(request: pytest.FixtureRequest) -> Callable[[], dict[str, str]]:
    """Gives a setting as `database_setting`, of another catalogue each time it is called."""
    return partial(_setting, request)


@pytest.fixture(scope="module")
def module_database_setting(new_database_setting: Callable[[], dict[str, str]]) -> dict[str, str]:
    """As `database_setting`, of one catalogue for the tests of a module."""
    return new_database_setting()


@pytest.fixture
def emptied(request: pytest.FixtureRequest) -> Callable[[Settings], Settings]:
    """Gives the settings of an archive whose catalogue is gone: no file, or another database."""

    def empty(settings: Settings) -> Settings:
        if settings.database.url:
            server: Server = request.getfixturevalue("postgres")
            return replace(settings, database=DatabaseSettings(server.new_database()))
        for path in settings.data.glob("catalog.sqlite*"):
            path.unlink()
        return settings

    return empty


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "both_databases(later): runs on SQLite and on PostgreSQL, on that in the slow suites only",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("both_databases")
    if marker is None:
        return
    # What the services' own tests show on both is shown through the doors in the slow suites.
    marks = [pytest.mark.slow] if marker.kwargs.get("later") else []
    databases = ["sqlite", pytest.param("postgres", marks=marks)]
    for name in ("database_setting", "new_database_setting"):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, databases, indirect=True)


@pytest.fixture
def settings(tmp_path: Path, database_setting: dict[str, str]) -> Settings:
    return settings_at(tmp_path / "data", **database_setting)


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
    for report in terminalreporter.stats.get("passed", []):
        for name, value in getattr(report, "user_properties", ()):
            if name == "network":
                terminalreporter.write_line(f"{report.nodeid}: network closed by {value}")
    folder = real_data_folder()
    state = "there" if folder.is_dir() else "NOT THERE: set MUNIMENT_TEST_DATA"
    terminalreporter.write_line(f"real-data tests run: {_ran(terminalreporter)} (folder {state})")
