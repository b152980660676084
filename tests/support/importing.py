# SPDX-License-Identifier: Apache-2.0
"""An import in a process of its own, which must be able to load the function by its name."""

from pathlib import Path

from archive.bootstrap import open_archive
from archive.services.imports.file import ImportOptions, import_file
from archive.settings import Settings


def import_elsewhere(settings: Settings, path: Path, options: ImportOptions) -> None:
    """Import the file into the archive of these settings."""
    archive = open_archive(settings)
    import_file(archive, path, options, lambda _done, _total: None)
    archive.close()
