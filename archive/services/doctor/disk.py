# SPDX-License-Identifier: Apache-2.0
"""Whether there is room left where the archive writes."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from archive.errors import MunimentError
from archive.services.doctor.diagnosis import Diagnosis, fail, ok, warn
from archive.services.upkeep.installation import Installation, Space
from archive.storage.file import FileStore

# A small file system, such as a temporary one in memory, need not have so much at all.
FAIL_BYTES, FAIL_SHARE = 256 << 20, 10
WARN_BYTES, WARN_SHARE = 2 << 30, 4
_FREE = "make room, or move the folder to a larger disk (RUNBOOK.md, Full disk)"


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Looks at each file system once."""
    seen = set()
    for folder in _folders(installation):
        space = installation.space(folder)
        if space.device not in seen:
            seen.add(space.device)
            yield _room(folder, space)


def _folders(installation: Installation) -> list[Path]:
    folders = [installation.data, installation.files.folder, Path(tempfile.gettempdir())]
    # What keeps the store or the catalogue from being opened is for other checks to say.
    with contextlib.suppress(MunimentError):
        store = installation.find_store()
        if isinstance(store, FileStore):
            folders.append(store.folder)
    with contextlib.suppress(MunimentError):
        url = installation.open_database().url
        if url.get_backend_name() == "sqlite":
            folders.append(Path(str(url.database)).parent)
    return [folder for folder in folders if folder.is_dir()]


def _room(folder: Path, space: Space) -> Diagnosis:
    found = f"{folder}: {space.free >> 20} MiB of {space.total >> 20} MiB are free"
    if space.free < min(FAIL_BYTES, space.total // FAIL_SHARE):
        return fail("disk.room", found, _FREE)
    if space.free < min(WARN_BYTES, space.total // WARN_SHARE):
        return warn("disk.room", found, _FREE)
    return ok("disk.room", found)
