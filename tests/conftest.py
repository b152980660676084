# SPDX-License-Identifier: Apache-2.0
"""Fixtures that many suites share: a real archive in a folder of its own, and a loopback origin."""

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
