# SPDX-License-Identifier: Apache-2.0
"""The catalogue databases that the contracts run on: SQLite, PostgreSQL 15 and PostgreSQL 18."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.catalog.database import Database

DATABASES = ["sqlite", "postgres", "postgres18"]


def catalogue(request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of an empty catalogue on the database of the fixture's parameter."""
    if request.param != "sqlite":
        made: str = request.getfixturevalue(request.param).new_catalogue()
        return made
    url = f"sqlite:///{folder}/catalog.sqlite"
    database = Database(url)
    database.migrate()
    database.close()
    return url


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/folder/catalog.sqlite"
    url: str = request.getfixturevalue(request.param).new_database()
    return url


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty catalogue."""
    return catalogue(request, tmp_path)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture(params=DATABASES)
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A further empty catalogue, on each of the databases in turn."""
    opened = Database(catalogue(request, tmp_path / "another"))
    yield opened
    opened.close()
