# SPDX-License-Identifier: Apache-2.0
"""Captures a list of URLs, and goes on where a run over the same list was broken off.

A run is known by the list's bytes as long as it is not finished. What it recorded before it died
is found by its requests, so that nothing is looked at twice; a finished list may be captured anew.
"""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass

from archive.catalog import requests
from archive.errors import RequestUnderWay
from archive.services.capturing.desk import CaptureDesk
from archive.services.capturing.each import Asked, Result, capture_each
from archive.services.capturing.url_list import Item, UrlList
from archive.services.context import Archive
from archive.services.ownership import is_process_gone, this_process

# How long one line may wait for its host's turn; what must wait longer is postponed.
_PATIENCE_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class ListRun:
    """A run over a list; `is_resumed` says that an earlier process began it."""

    urls: UrlList
    name: str
    is_resumed: bool


def begin_run(archive: Archive, urls: UrlList) -> ListRun:
    """The run over a list: the unfinished one, or a new one.

    Raises RequestUnderWay while another process of this machine is at it, CatalogError.
    """
    owner = this_process()
    with archive.database.writing() as connection:
        found = requests.list_run(connection, urls.sha256)
        if found is None:
            name = f"list-{archive.random_bytes(16).hex()}"
            requests.begin_list_run(connection, urls.sha256, name, owner)
            return ListRun(urls, name, is_resumed=False)
        name, previous = found
        if previous != owner and is_process_gone(previous) is False:
            raise RequestUnderWay("another process captures this very list: let it finish")
        requests.take_list_run(connection, urls.sha256, owner)
    return ListRun(urls, name, is_resumed=True)


def capture_list(archive: Archive, run: ListRun) -> Generator[tuple[Item, Result], None, None]:
    """Each URL of the list with what it got, in order. Raises what `capture_each` raises."""
    with CaptureDesk(archive) as desk:
        asked = (_Line(f"{run.name}/{item.number}", item.url, item) for item in run.urls.items())
        with contextlib.closing(capture_each(desk, asked, _PATIENCE_SECONDS)) as results:
            for line, result in results:
                yield line.item, result


def end_run(archive: Archive, urls: UrlList) -> None:
    """Forget the run over a list, if there is one: every line has its result. Records stay."""
    with archive.database.writing() as connection:
        found = requests.list_run(connection, urls.sha256)
        if found is not None:
            requests.end_list_run(connection, urls.sha256, found[0])


@dataclass(frozen=True, slots=True)
class _Line(Asked):
    item: Item
