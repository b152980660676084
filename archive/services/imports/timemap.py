# SPDX-License-Identifier: Apache-2.0
"""Imports the mementos that a TimeMap of another archive lists (RFC 7089), bytes as received."""

import datetime as dt
from dataclasses import dataclass
from functools import partial

from archive.errors import MalformedTimeMap, RemoteRefused
from archive.importing.memento import CLAIM, is_memento, judge_memento, raw_url
from archive.importing.timemap import Memento, TimeMap, read_timemap
from archive.model.claim import Finding, Status
from archive.model.fetch import FetchEnd
from archive.net.surt import url_key
from archive.net.url import parse_capture_url
from archive.services.capturing.desk import Patience
from archive.services.capturing.recording import record_ids
from archive.services.context import Archive, signing_key
from archive.services.imports.ask_remote import RemoteAsker
from archive.services.imports.container import Progress
from archive.services.imports.file import ImportOptions
from archive.services.imports.gather import Errand, Gathered, Given, Wanted, gather
from archive.services.trust import trusted_keyset

FORM = "memento"
MEMENTOS_LIMIT = 100_000
_PAGES_LIMIT = 1_000
_OK = 200
_TOO_LARGE = "MEMENTO_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class Mementos:
    """Those that the TimeMap under a URL lists, from a time on and before another, if given."""

    timemap: str
    since: dt.datetime | None = None
    before: dt.datetime | None = None

    def holds(self, moment: dt.datetime) -> bool:
        """Whether a memento of that time is wanted."""
        is_late = self.since is None or self.since <= moment
        return is_late and (self.before is None or moment < self.before)


def import_timemap(
    archive: Archive,
    given: Mementos,
    options: ImportOptions,
    progress: Progress,
    patience: Patience,
) -> Gathered:
    """What came of importing the mementos of a TimeMap; those that are in are not asked for again.

    Raises MalformedUrl, AddressRefused, MalformedTimeMap, RemoteRefused when there is no TimeMap
    to be had, and otherwise as `gather`.
    """
    key = signing_key(archive, trusted_keyset(archive))
    asked = parse_capture_url(given.timemap)
    asker = RemoteAsker(archive, patience)
    original, listed = _listed(asker, asked.href)
    mementos = [one for one in listed if given.holds(one.at)]
    if len(mementos) > MEMENTOS_LIMIT:
        raise MalformedTimeMap(
            f"{len(mementos)} mementos are listed, over the limit of {MEMENTOS_LIMIT}: say from "
            "when and before when you want them"
        )
    wanted = [
        Wanted(CLAIM, one.url, partial(_get, archive, asker, one, original)) for one in mementos
    ]
    return gather(
        archive, key, Errand(asker, asked.href, asked.host, FORM, options), wanted, progress
    )


def _listed(asker: RemoteAsker, url: str) -> tuple[str, list[Memento]]:
    """The URL that the TimeMap is about, and what all its pages list, the oldest first."""
    original: str | None = None
    found: dict[str, Memento] = {}
    waiting, seen = [url], {url}
    while waiting:
        page = _page(asker, waiting.pop(0))
        if original is not None and page.original is not None:
            _require_same(original, page.original)
        original = original or page.original
        found.update({memento.url: memento for memento in page.mementos})
        new = [place for place in page.pages if place not in seen]
        seen.update(new)
        waiting += new
        if len(seen) > _PAGES_LIMIT:
            raise MalformedTimeMap(f"the TimeMap has more than {_PAGES_LIMIT} pages")
    if original is None:
        raise MalformedTimeMap("the TimeMap does not say which URL it is about")
    return original, sorted(found.values(), key=lambda one: (one.at, one.url))


def _require_same(original: str, other: str) -> None:
    if url_key(original) != url_key(other):
        raise MalformedTimeMap("the pages of the TimeMap are about more than one URL")


def _page(asker: RemoteAsker, url: str) -> TimeMap:
    fetch = asker.ask(url)
    last = fetch.last
    if last is None or fetch.end is not FetchEnd.COMPLETE:
        raise RemoteRefused(f"{url[:200]}: {fetch.detail}")
    if last.status != _OK:
        raise RemoteRefused(f"{url[:200]} answers with status {last.status}, not with a TimeMap")
    return read_timemap(fetch.body, last.url)


def _get(archive: Archive, asker: RemoteAsker, memento: Memento, original: str) -> Given:
    # A redirect that says that it is a memento is one: of a page that was a redirect.
    fetch = asker.ask(raw_url(memento.url) or memento.url, is_final=is_memento)
    last = fetch.last
    if last is None or fetch.end is not FetchEnd.COMPLETE:
        return Finding(CLAIM, memento.url, Status.FAIL, _TOO_LARGE, fetch.detail)
    given = judge_memento(memento, original, last, record_ids(archive))
    return given if isinstance(given, Finding) else (given.records, given.finding)
