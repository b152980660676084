# SPDX-License-Identifier: Apache-2.0
"""Imports out of another archive, for the doors: by a TimeMap, or by an index of WARC files."""

from collections.abc import Mapping

from archive.clock import read_time
from archive.errors import InputError
from archive.net.url import parse_capture_url
from archive.services.capturing.desk import Patience
from archive.services.context import Archive
from archive.services.imports.container import Progress
from archive.services.imports.file import ImportOptions
from archive.services.imports.gather import Gathered
from archive.services.imports.index import IndexOfWarcs, import_index
from archive.services.imports.timemap import Mementos, import_timemap

Remote = Mementos | IndexOfWarcs


def remote_of(words: Mapping[str, str | None]) -> Remote:
    """What is asked for, out of `timemap` with `since` and `before`, or `cdx` with `warcs`.

    Raises InputError, of which MalformedUrl and MalformedTime are kinds.
    """
    given = {name: word for name, word in words.items() if word}
    if given.keys() == {"cdx", "warcs"}:
        parse_capture_url(given["warcs"])
        return IndexOfWarcs(given["cdx"], given["warcs"])
    if "timemap" not in given or given.keys() - {"timemap", "since", "before"}:
        raise InputError("give a timemap, or a cdx with the warcs that it is about")
    parse_capture_url(given["timemap"])
    ends = {name: read_time(given[name]).start for name in ("since", "before") if name in given}
    return Mementos(given["timemap"], **ends)


def remote_host(remote: Remote) -> str:
    """The host that is asked."""
    return parse_capture_url(remote.timemap if isinstance(remote, Mementos) else remote.warcs).host


def import_remote(
    archive: Archive,
    remote: Remote,
    options: ImportOptions,
    progress: Progress,
    patience: Patience,
) -> Gathered:
    """What came of it. Raises as `import_timemap` and `import_index`."""
    if isinstance(remote, Mementos):
        return import_timemap(archive, remote, options, progress, patience)
    return import_index(archive, remote, options, progress, patience)
