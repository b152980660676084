# SPDX-License-Identifier: Apache-2.0
"""What lock the archive had promised at a time, out of the probes that it signed.

A promise is for one store: a copy of the archive elsewhere promises what was probed there.
"""

import datetime as dt
from collections.abc import Iterator

from archive.catalog.statements import StatementRow, statements_of_kind
from archive.checks.evidence import Absent
from archive.checks.storage_lock import Wanted, judged
from archive.clock import parse_rfc3339
from archive.errors import MalformedEvidence, StorageError
from archive.model.claim import Finding, Status
from archive.model.lock import LockPromise, ObjectLock
from archive.model.probe import ProbeResult
from archive.proofs.keyset_chain import KeysetChain
from archive.services.context import Archive
from archive.services.statements.adopt import adopt_assertion
from archive.storage.layout import blob_key, is_content

_Entry = tuple[dt.datetime, ProbeResult | Absent]


class LockPromises:
    """The signed probes of an archive, the newest first; each is read when it is needed."""

    def __init__(self, archive: Archive, chain: KeysetChain) -> None:
        self._archive = archive
        self._chain = chain
        self._read: list[_Entry] = []
        self._unread: Iterator[_Entry] | None = None

    def at(self, moment: dt.datetime) -> LockPromise | Absent | None:
        """The promise for what was made at a moment; None when there was none."""
        for made_at, probe in self._entries():
            if made_at > moment:
                continue
            if isinstance(probe, Absent):
                return probe
            if probe.store == self._archive.store.name:
                return probe.promise
        return None

    def broken(self, row: StatementRow) -> Iterator[Finding]:
        """What does not hold of the locks of a statement's two files, by their keys.

        Nothing when no lock was promised for it, or the promise cannot be read: then the probe
        that made it is what is wrong.
        """
        made_at, archive = parse_rfc3339(row.made_at), self._archive
        promise = self.at(made_at)
        if not isinstance(promise, LockPromise) or promise.end(made_at) <= archive.clock.now():
            return
        for key in (row.envelope_key, blob_key(row.content_sha256)):
            lock: ObjectLock | Absent
            try:
                lock = archive.store.lock_of(key)
            except StorageError as error:
                lock = Absent(error.code, f"{key}: {error}", is_certain=False)
            found = judged(key, lock, Wanted.of(promise, made_at, is_content=is_content(key)))
            if found.status is not Status.PASS:
                yield found

    def _entries(self) -> Iterator[_Entry]:
        yield from self._read
        if self._unread is None:
            self._unread = self._signed()
        for entry in self._unread:
            self._read.append(entry)
            yield entry

    def _signed(self) -> Iterator[_Entry]:
        with self._archive.database.reading() as connection:
            rows = statements_of_kind(connection, "probe")
        for row in rows:
            probe: ProbeResult | Absent
            try:
                stated = adopt_assertion(self._archive.store, self._chain.newest, row.envelope_key)
                probe = stated.content
            except (MalformedEvidence, StorageError) as error:
                probe = Absent(error.code, f"{row.envelope_key}: {error}", is_certain=False)
            yield parse_rfc3339(row.made_at), probe
