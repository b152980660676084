# SPDX-License-Identifier: Apache-2.0
"""An archive's things on this machine, for services that look after them rather than use them.

Each is opened by who needs it, and finding is not making: doctor, backup and restore run where an
archive is damaged, half there, or not there yet.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from archive.canonical import JsonValue
from archive.catalog.database import Database
from archive.clock import Clock
from archive.services.context import Timestamping
from archive.services.keysets.initialise import KeyFiles
from archive.signing.base import Signer
from archive.storage.base import Store

SettingsTree = Mapping[str, Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class Space:
    """Room on the file system of a folder, in bytes. `device` tells file systems apart."""

    device: int
    free: int
    total: int


_PASSWORD = re.compile(r"(://[^/@:]*:)[^/@]*@")


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    return _PASSWORD.sub(r"\1…@", url)


def space_at(folder: Path) -> Space:
    """The room that this process may still fill. Raises OSError."""
    found = os.statvfs(folder)
    return Space(
        folder.stat().st_dev, found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    )


@dataclass(frozen=True, slots=True)
class Installation:
    """Where everything lies by the settings, and how each thing is opened.

    `find_store` raises StorageUnavailable where a folder is missing, instead of making it.
    `find_roots` gives the trusted root key IDs, none when there are none. `databases` are URLs of
    further databases of this archive; SQLite files in the data folder are found without them.
    """

    clock: Clock
    random_bytes: Callable[[int], bytes]
    version: str
    prefix: str
    data: Path
    files: KeyFiles
    open_database: Callable[[], Database]
    find_store: Callable[[], Store]
    find_roots: Callable[[], Sequence[str]]
    open_signer: Callable[[], Signer]
    open_log_signer: Callable[[], Signer]
    settings: SettingsTree
    config: Path | None = None
    databases: tuple[str, ...] = ()
    space: Callable[[Path], Space] = space_at
    timestamping: Timestamping | None = None

    def sqlite_files(self) -> list[Path]:
        """The SQLite files besides the catalogue: those in the data folder, and those named."""
        catalogue = _sqlite_path(self.open_database().url)
        named = [_sqlite_path(make_url(url)) for url in self.databases]
        found = [*sorted(self.data.glob("*.sqlite")), *(path for path in named if path)]
        kept: dict[Path, Path] = {}
        for path in found:
            if path.is_file() and (catalogue is None or path.resolve() != catalogue.resolve()):
                kept.setdefault(path.resolve(), path)
        return list(kept.values())

    def servers(self) -> list[str]:
        """The further databases that are no files, as they may be shown."""
        return [
            without_password(url) for url in self.databases if _sqlite_path(make_url(url)) is None
        ]

    def sqlite_place(self, name: str) -> Path:
        """Where a SQLite file of this name belongs: where one is named, else the data folder."""
        named = (_sqlite_path(make_url(url)) for url in self.databases)
        return next((path for path in named if path and path.name == name), self.data / name)


def _sqlite_path(url: URL) -> Path | None:
    is_file = url.get_backend_name() == "sqlite" and url.database
    return Path(str(url.database)) if is_file else None
