# SPDX-License-Identifier: Apache-2.0
"""Imports the records that a CDX or CDXJ index names, by range out of WARC files on a server."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from archive.errors import InputError, MalformedUrl, RemoteRefused
from archive.importing.base import IMPORT_LIMITS, FileSource
from archive.importing.cdx import CdxLine, read_cdx
from archive.importing.ranges import CLAIM, judge_range
from archive.model.claim import Finding, Status
from archive.model.fetch import FetchEnd
from archive.net.url import CaptureUrl, parse_capture_url
from archive.services.capturing.desk import Patience
from archive.services.context import Archive, signing_key
from archive.services.imports.ask_remote import RemoteAsker
from archive.services.imports.container import Progress
from archive.services.imports.file import ImportOptions
from archive.services.imports.gather import Errand, Gathered, Given, Wanted, gather
from archive.services.trust import trusted_keyset

FORM = "remote-warc"
LINES_LIMIT = 100_000
_OK = 200
_TOO_LARGE = "RANGE_TOO_LARGE"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class IndexOfWarcs:
    """An index, by path or URL, and the URL of the folder that its file names are relative to."""

    index: str
    warcs: str


def import_index(
    archive: Archive,
    given: IndexOfWarcs,
    options: ImportOptions,
    progress: Progress,
    patience: Patience,
) -> Gathered:
    """What came of importing the records that an index names; those that are in stay as they are.

    Raises InputError, MalformedUrl, AddressRefused, MalformedCdx, RemoteRefused when there is no
    index to be had, and otherwise as `gather`.
    """
    key = signing_key(archive, trusted_keyset(archive))
    base = _folder(given.warcs)
    asker = RemoteAsker(archive, patience)
    lines = _distinct(read_cdx(_index(asker, given.index)))
    wanted = []
    for line in lines:
        url = base.href + line.filename
        target = f"{url}#bytes={line.offset}-{line.offset + line.length - 1}"
        wanted.append(Wanted(CLAIM, target, partial(_get, asker, line, url, target)))
    return gather(
        archive, key, Errand(asker, base.href, base.host, FORM, options), wanted, progress
    )


def _folder(url: str) -> CaptureUrl:
    base = parse_capture_url(url)
    if not base.target.endswith("/") or "?" in base.target:
        raise MalformedUrl("the WARC files' folder is a URL that ends in a slash")
    return base


def _distinct(lines: Iterable[CdxLine]) -> Sequence[CdxLine]:
    """Each record once, file by file in order of place."""
    found: dict[tuple[str, int], CdxLine] = {}
    for line in lines:
        there = found.setdefault((line.filename, line.offset), line)
        if there.length != line.length:
            raise InputError(f"line {line.number}: another line gives that record another length")
        if len(found) > LINES_LIMIT:
            raise InputError(f"the index names more than {LINES_LIMIT} records: split it")
    return [found[place] for place in sorted(found)]


def _index(asker: RemoteAsker, index: str) -> Iterator[bytes]:
    if index.startswith(("http://", "https://")):
        fetch = asker.ask(index)
        last = fetch.last
        if last is None or fetch.end is not FetchEnd.COMPLETE:
            raise RemoteRefused(f"{index[:200]}: {fetch.detail}")
        if last.status != _OK:
            raise RemoteRefused(f"{index[:200]} answers with status {last.status}, with no index")
        yield fetch.body
        return
    source = FileSource(Path(index))
    try:
        for offset in range(0, source.size, _CHUNK_BYTES):
            yield source.read_at(offset, _CHUNK_BYTES)
    finally:
        source.close()


def _get(asker: RemoteAsker, line: CdxLine, url: str, target: str) -> Given:
    if line.length > IMPORT_LIMITS.block_bytes:
        detail = f"the index says that it has {line.length} bytes"
        return Finding(CLAIM, target, Status.FAIL, _TOO_LARGE, detail)
    fetch = asker.ask(url, (line.offset, line.length))
    last = fetch.last
    if last is None:
        raise RemoteRefused(f"{url[:200]}: {fetch.detail}")
    given = judge_range(line, target, last)
    return given if isinstance(given, Finding) else (given.member, given.finding)
