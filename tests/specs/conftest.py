# SPDX-License-Identifier: Apache-2.0
"""One archive for all suites about the specs, with every kind of look in it; nobody changes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archives import (
    add_documents,
    add_refusals,
    captured,
    hasty_settings,
    new_archive,
)
from support.origin import Origin

from archive.services.context import Archive
from archive.settings import Settings


@pytest.fixture(scope="session")
def varied_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return hasty_settings(tmp_path_factory.mktemp("varied") / "data")


@pytest.fixture(scope="session")
def varied(varied_settings: Settings) -> Iterator[Archive]:
    opened = new_archive(varied_settings)
    with Origin() as origin:
        for path in add_documents(origin).values():
            captured(opened, origin.url(path))
            captured(opened, origin.url(path))
        for url, _ in add_refusals(origin).values():
            captured(opened, url)
    yield opened
    opened.close()


@pytest.fixture
def containers(varied: Archive, varied_settings: Settings) -> list[Path]:
    """Every WARC file of the varied archive."""
    from archive.catalog import evidence
    from archive.storage.layout import blob_key

    with varied.database.reading() as connection:
        digests = sorted(evidence.every_container(connection))
    return [varied_settings.data / "store" / blob_key(sha256) for sha256 in digests]
