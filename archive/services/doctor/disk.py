# SPDX-License-Identifier: Apache-2.0
"""Whether there is room left where the archive writes."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from archive.errors import MunimentError
from archive.services.doctor.diagnosis import Diagnosis, fail, ok, warn
from archive.services.installation import Installation, Space
from archive.storage.file import FileStore

FAIL_BYTES = 256 << 20
WARN_BYTES = 2 << 30
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
    if space.free < FAIL_BYTES:
        return fail("disk.room", found, _FREE)
    if space.free < WARN_BYTES:
        return warn("disk.room", found, _FREE)
    return ok("disk.room", found)
