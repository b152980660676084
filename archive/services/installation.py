# SPDX-License-Identifier: Apache-2.0
"""An archive's things on this machine, for services that look after them rather than use them.

Each is opened by who needs it, and finding is not making: doctor, backup and restore run where an
archive is damaged, half there, or not there yet.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive.canonical import JsonValue
from archive.catalog.database import Database
from archive.clock import Clock
from archive.services.initialise import KeyFiles
from archive.storage.base import Store

SettingsTree = Mapping[str, Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class Space:
    """Room on the file system of a folder, in bytes. `device` tells file systems apart."""

    device: int
    free: int
    total: int


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
    further databases of this archive; SQLite files in the data folder are found without it.
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
    settings: SettingsTree
    config: Path | None = None
    databases: tuple[str, ...] = ()
    space: Callable[[Path], Space] = space_at
