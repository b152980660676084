# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N999 - a kind's file is named as the kind is called
"""`import`: a file that the worker can read, a TimeMap, or an index of remote WARC files.

What is in is not taken in again, so a run that is begun again goes on where the last one was.
"""

from collections.abc import Mapping
from pathlib import Path

from archive.canonical import JsonValue
from archive.errors import InputError, RemoteUnavailable
from archive.jobs.base import Context, TryLater, WorkerStopping
from archive.net.url import parse_capture_url
from archive.services.imports.file import ImportOptions, import_file
from archive.services.imports.mint import Choice
from archive.services.imports.remote import import_remote, remote_host, remote_of
from archive.services.imports.supply import checked_supplier
from archive.services.imports.told import gathered_json, imported_json
from archive.services.jobs.handlers import Handler, Workshop, members
from archive.services.jobs.queues import LONG

_REMOTE = ("timemap", "since", "before", "cdx", "warcs")
_DEFAULTS: Mapping[str, JsonValue] = {
    "path": "",
    **dict.fromkeys(_REMOTE, ""),
    "supplied_by": "",
    "cite": [],
    "cite_all_pages": False,
}


def _check(payload: JsonValue) -> None:
    given = members(payload, {name: type(value) for name, value in _DEFAULTS.items()})
    if not all(type(url) is str for url in given["cite"]):
        raise InputError("cite: a list of URLs")
    for url in given["cite"]:
        parse_capture_url(url)
    asked = {name: given[name] for name in _REMOTE}
    if given["path"]:
        if any(asked.values()):
            raise InputError("path: a file is imported by itself")
        if not Path(given["path"]).is_absolute():
            raise InputError("path: a worker needs the whole path of the file")
    else:
        remote_of(asked)
    if given["supplied_by"]:
        checked_supplier(given["supplied_by"])
    elif given["path"]:
        raise InputError("supplied_by: say who gave the file")


def _run(shop: Workshop, payload: JsonValue, context: Context) -> JsonValue:
    choice = Choice(tuple(payload["cite"]), all_pages=payload["cite_all_pages"])
    if payload["path"]:
        options = ImportOptions(payload["supplied_by"], choice)
        done = import_file(shop.archive, Path(payload["path"]), options, context.progress)
        if not done.is_complete:
            raise WorkerStopping
        return imported_json(done)
    remote = remote_of({name: payload[name] for name in _REMOTE})
    options = ImportOptions(payload["supplied_by"] or remote_host(remote), choice)
    try:
        gathered = import_remote(shop.archive, remote, options, context.progress, shop.patience)
    except RemoteUnavailable as error:
        if error.again_at is None:
            raise
        raise TryLater(error.again_at, str(error)) from error
    return gathered_json(gathered)


HANDLER = Handler("import", LONG, _check, _run, _DEFAULTS)
