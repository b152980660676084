# SPDX-License-Identifier: Apache-2.0
"""Starts the log of an archive whose keyset names one: all that was signed before comes first."""

from collections.abc import Sequence

from archive.catalog import log
from archive.errors import MalformedEvidence
from archive.proofs.keyset_chain import newest_trusted
from archive.proofs.merkle import EMPTY_ROOT
from archive.services.context import Archive
from archive.services.trust import stored_keysets
from archive.storage.layout import LOG


def start_log(archive: Archive, roots: Sequence[str] = ()) -> bool:
    """Begin the log with every statement that the catalogue lists, in the order of their digests.

    False when it has begun, when no trusted keyset names one, or when a log lies in the store
    that this catalogue does not know: that one goes on, by `muniment rebuild`. Raises
    StorageError, CatalogError.
    """
    with archive.database.reading() as connection:
        if log.log_head_of(connection) is not None:
            return False
    roots = roots or tuple(archive.pinned_roots)
    try:
        keyset = newest_trusted(stored_keysets(archive.store, roots), roots)
    except MalformedEvidence:
        # The archive opens all the same; verify and audit say what is wrong with its keys.
        return False
    if keyset.log is None or any(True for _ in archive.store.list(LOG)):
        return False
    with archive.database.writing() as connection:
        if not log.begin(connection, EMPTY_ROOT):
            return False
        log.append(connection, log.unlogged(connection))
    return True
