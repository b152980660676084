# SPDX-License-Identifier: Apache-2.0
"""Erases what signed redactions say is erased: nothing else ever takes bytes out of the store.

It is done after the statement and its rows, and done again by whoever comes after a crash.
"""

from archive.errors import ObjectMissing, StorageError, StorageRefused
from archive.services.context import Archive
from archive.services.effects.redacted import erased_files
from archive.storage.base import Erasing
from archive.storage.layout import blob_key


def finish_redactions(archive: Archive, *, bypass_lock: bool = False) -> list[tuple[str, str]]:
    """Erase every file that a redaction says is erased; those that could not be, and why.

    Safe at any time: what is erased already costs a look.
    """
    left = []
    for sha256 in erased_files(archive):
        key = blob_key(sha256)
        try:
            if is_stored(archive, key):
                _erasing(archive).erase(key, bypass_lock=bypass_lock)
        except StorageError as error:
            left.append((key, str(error)))
    return left


def is_stored(archive: Archive, key: str) -> bool:
    """Whether an object lies under the key. Raises StorageError when that cannot be told."""
    try:
        archive.store.get_range(key, 0, 0)
    except ObjectMissing:
        return False
    return True


def _erasing(archive: Archive) -> Erasing:
    if not isinstance(archive.store, Erasing):
        raise StorageRefused(f"{archive.store.name} cannot erase")
    return archive.store
