# SPDX-License-Identifier: Apache-2.0
"""The archive's log as its room works on it: catalogue, store and key put together."""

from archive.catalog import log as rows
from archive.catalog.database import Database
from archive.errors import LogError
from archive.proofs.keyset import Keyset
from archive.proofs.keyset_trust import TrustedLog
from archive.proofs.merkle import TreeHead
from archive.proofs.note import ED25519, VerifierKey
from archive.services.context import Archive
from archive.translog.base import Log, State


class CatalogSequence:
    """The log's sequence in the catalogue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def state(self) -> State:
        """How far the log has come. Raises LogError when none was started."""
        with self._database.reading() as connection:
            head = rows.log_head_of(connection)
        if head is None:
            raise LogError("the log has not started: run `muniment init`")
        integrated = TreeHead(head.integrated, head.root)
        notes = (head.signed_note, head.published_note)
        return State(head.appended, integrated, *notes, head.fault)

    def entries(self, start: int, end: int) -> list[bytes]:
        """The entries from one index up to another."""
        with self._database.reading() as connection:
            return rows.entries_between(connection, start, end)

    def integrated(self, old: TreeHead, new: TreeHead) -> bool:
        """Note that a tree's tiles are stored; False when the old one is not the last."""
        return self._database.insist(
            self._database.appending,
            lambda connection: rows.note_integrated(connection, old.size, new.size, new.root),
        )

    def signed(self, old: int, new: int, note: bytes) -> bool:
        """Note what is signed; False when the last one is not of the old size."""
        return self._database.insist(
            self._database.appending,
            lambda connection: rows.note_signed(connection, old, new, note),
        )

    def published(self, size: int, note: bytes) -> None:
        """Note what is published."""
        self._database.insist(
            self._database.appending,
            lambda connection: rows.note_published(connection, size, note),
        )

    def stop(self, fault: str) -> None:
        """Let the log stand still."""
        self._database.insist(
            self._database.appending, lambda connection: rows.stop(connection, fault)
        )


def log_of(archive: Archive, keyset: Keyset) -> Log | None:
    """The log that the keyset names as the one to write to; None when it names none."""
    return None if keyset.log is None else _log(archive, keyset, keyset.log)


def newest_log_of(archive: Archive, keyset: Keyset) -> Log | None:
    """The log that is written to, else the last one, which ended: what is in it stays to be proven.

    None when the keyset names none at all.
    """
    named = keyset.log or next(reversed(keyset.logs), None)
    return None if named is None else _log(archive, keyset, named)


def _log(archive: Archive, keyset: Keyset, named: TrustedLog) -> Log:
    key = VerifierKey(named.origin, ED25519, keyset.keys[named.keyid].key)
    return Log(archive.log_store, archive.log_store, CatalogSequence(archive.database), key)
