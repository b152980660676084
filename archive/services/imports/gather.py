# SPDX-License-Identifier: Apache-2.0
"""Gathers records out of other archives, and makes them durable group by group.

Each group is a WARC file of its own: stored, indexed, and signed with a finding for each thing
that was asked for. What is in is known by these findings, on whatever machine the next run is.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from archive import canonical
from archive.catalog.statements import statements_about
from archive.errors import (
    AddressRefused,
    MalformedUrl,
    RemoteRefused,
    RemoteUnavailable,
)
from archive.importing.memento import NOT_RAW
from archive.importing.ranges import DIGEST
from archive.jobs.base import JobCancelled, WorkerStopping
from archive.model.claim import Finding, Status
from archive.model.imported import GivenFile, ImportGroup, asked_sha256, bounded_target
from archive.services.context import Archive, SigningKey
from archive.services.custody import note_key_use
from archive.services.import_lock import sole_importer, sole_minter
from archive.services.imports.ask_remote import RemoteAsker
from archive.services.imports.container import Progress, Stretch, Supply, import_container
from archive.services.imports.file import ImportOptions
from archive.services.imports.mint import Choice, Minting, mint_imported
from archive.services.imports.reading import SEGMENT_BYTES
from archive.services.imports.supply import checked_supplier
from archive.storage.layout import blob_key

GROUP_ITEMS = 200
GROUP_SECONDS = 60.0
# All records begin in one segment, so that a file is one group: it is in, or it is not.
GROUP_BYTES = SEGMENT_BYTES
# A server that does not answer this often in a row does not answer at all.
_SILENCES_LIMIT = 3
# The records are in, whatever else is to be said of them.
_TAKEN_CODES = frozenset({NOT_RAW, DIGEST})

Given = tuple[bytes, Finding] | Finding


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing to ask for. `target` names it in its finding, `claim` is the finding's.

    `get` gives its records with a finding, or the finding alone that says why there are none.
    """

    claim: str
    target: str
    get: Callable[[], Given]


@dataclass(frozen=True, slots=True)
class Errand:
    """What is asked of which archive, and how.

    `asked` is the URL by which it is asked; `form` that of the groups (`GivenFile.form`).
    """

    asker: RemoteAsker
    asked: str
    host: str
    form: str
    options: ImportOptions


@dataclass
class Gathered:
    """What came of an errand.

    `wanted` counts what was listed, `known` what was in before, `taken` what came in now;
    `findings` are those of this run that do not hold, or that nobody could tell.
    """

    asked: str
    wanted: int = 0
    known: int = 0
    taken: int = 0
    containers: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    minting: Minting = field(default_factory=Minting)

    @property
    def is_complete(self) -> bool:
        """Whether all that was listed is in."""
        return self.wanted == self.known + self.taken

    @property
    def is_sound(self) -> bool:
        """Whether all that was listed is in, and nothing is false or doubtful."""
        return self.is_complete and not self.findings


def gather(
    archive: Archive,
    key: SigningKey,
    errand: Errand,
    wanted: Sequence[Wanted],
    progress: Progress,
) -> Gathered:
    """Get all that is not in yet, in order. `progress(done, total)` counts what was listed.

    Raises RemoteUnavailable when the other archive wants to be asked later, or is silent, and
    WorkerStopping or JobCancelled when interrupted; what was got before is in, and the next run
    goes on. Raises SigningError, StorageError, CatalogError, JobsError.
    """
    checked_supplier(errand.options.supplied_by)
    lock = asked_sha256(errand.asked)
    with sole_importer(archive, lock, lambda: progress(0, len(wanted))) as keep:
        errand.asker.while_waiting = keep
        before = _before(archive, errand.asked)
        result = Gathered(errand.asked, wanted=len(wanted))
        missing = [one for one in wanted if bounded_target(one.target) not in before.targets]
        result.known = len(wanted) - len(missing)
        note_key_use(archive, key)
        group = _Group(archive, key, errand, result)
        try:
            _get_all(missing, group, result, progress, keep)
        except (RemoteUnavailable, WorkerStopping, JobCancelled):
            group.finish()
            raise
        group.finish()
        choice = errand.options.choice
        result.minting.urls_without = list(choice.urls)
        for container in (*before.containers, *result.containers) if choice != Choice() else ():
            with sole_minter(archive, container, lock, keep) as keep_both:
                minting = mint_imported(archive, key, container, choice, keep_both)
            _add(result.minting, minting)
    archive.publisher.settle()
    return result


def _get_all(
    missing: Sequence[Wanted],
    group: "_Group",
    result: Gathered,
    progress: Progress,
    keep: Callable[[], None],
) -> None:
    silences = 0
    for number, one in enumerate(missing):
        progress(result.known + number, result.wanted)
        keep()
        try:
            given = one.get()
            silences = 0
        except (AddressRefused, MalformedUrl, RemoteRefused) as error:
            given = Finding(one.claim, one.target, Status.FAIL, error.code, str(error))
            silences = 0
        except RemoteUnavailable as error:
            silences += 1
            if error.again_at is not None or silences == _SILENCES_LIMIT:
                raise
            given = Finding(one.claim, one.target, Status.UNKNOWN, error.code, str(error))
        group.add(given)
    progress(result.wanted, result.wanted)


class _Group:
    """The records that were got and are not yet durable."""

    def __init__(self, archive: Archive, key: SigningKey, errand: Errand, result: Gathered) -> None:
        self._archive = archive
        self._key = key
        self._errand = errand
        self._result = result
        self._clear()

    def _clear(self) -> None:
        self._records: list[bytes] = []
        self._findings: list[Finding] = []
        self._size = 0
        self._begun = time.monotonic()

    def add(self, given: Given) -> None:
        """Keep what was got; make the group durable when it is large, or old, enough."""
        records, finding = (b"", given) if isinstance(given, Finding) else given
        if self._size + len(records) > GROUP_BYTES:
            self.finish()
        self._findings.append(finding)
        if finding.status is not Status.PASS:
            self._result.findings.append(finding)
        if records:
            self._records.append(records)
            self._size += len(records)
        is_old = time.monotonic() - self._begun > GROUP_SECONDS
        if is_old or len(self._findings) >= GROUP_ITEMS:
            self.finish()

    def finish(self) -> None:
        """Make what there is durable. Findings without any record are told, and not kept."""
        if self._records:
            self._store(b"".join(self._records))
            self._result.taken += len(self._records)
        self._clear()

    def _store(self, data: bytes) -> None:
        errand, sha256 = self._errand, hashlib.sha256(data).hexdigest()
        self._archive.store.put(blob_key(sha256), data)
        supply = Supply(
            source=GivenFile(f"{errand.host}.warc.gz", sha256, len(data), errand.form),
            container_sha256=sha256,
            container_size=len(data),
            supplied_by=errand.options.supplied_by,
            stretches=(Stretch(0, len(data)),),
            findings=tuple(self._findings),
            asked=errand.asked,
        )
        import_container(self._archive, self._key, supply, lambda _done, _total: None)
        self._result.containers.append(sha256)


@dataclass(frozen=True, slots=True)
class _Before:
    """What earlier runs took in: the targets of their findings, and their containers."""

    targets: frozenset[str]
    containers: tuple[str, ...]


def _before(archive: Archive, asked: str) -> _Before:
    targets: set[str] = set()
    containers: dict[str, None] = {}
    for group in _groups(archive, asked):
        containers[group.container_sha256] = None
        targets.update(
            one.target
            for one in group.findings
            if one.status is Status.PASS or one.code in _TAKEN_CODES
        )
    return _Before(frozenset(targets), tuple(containers))


def _groups(archive: Archive, asked: str) -> Iterator[ImportGroup]:
    with archive.database.reading() as connection:
        rows = statements_about(connection, asked_sha256(asked), "import")
    for row in rows:
        data = archive.store.get(blob_key(row.content_sha256))
        yield ImportGroup.from_json(canonical.loads(data, canonical.CONTENT_LIMIT))


def _add(total: Minting, minting: Minting) -> None:
    total.minted += minting.minted
    total.kept += minting.kept
    total.refused += minting.refused
    # A URL has an ID when one of the containers has a record of it that has one.
    total.urls_without = [url for url in total.urls_without if url in minting.urls_without]
