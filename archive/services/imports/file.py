# SPDX-License-Identifier: Apache-2.0
"""Imports one WARC, ARC or WACZ file: kept as it is, indexed, and, where asked for, cited.

The file is hashed, stored, and then read out of the store. What cannot be read by range is packed
anew, and both are kept. The same file again changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from archive import canonical
from archive.catalog.imports import GroupRow, count_indexed, groups_of_source
from archive.catalog.statements import statement_by_digest
from archive.errors import MalformedEvidence
from archive.model.claim import Finding, Status
from archive.model.imported import REPAIRED, Flaw, GivenFile, ImportGroup
from archive.services.context import Archive, SigningKey, signing_key
from archive.services.custody import note_key_use
from archive.services.effects.redacted import refuse_erased
from archive.services.import_lock import KeptSource, sole_importer, sole_minter
from archive.services.imports.container import Progress, Supply, import_container
from archive.services.imports.mint import Choice, Minting, mint_imported
from archive.services.imports.package import package_supply
from archive.services.imports.reading import indexing_pool
from archive.services.imports.supply import (
    Terms,
    checked_supplier,
    file_size,
    given_file,
    supply_of,
)
from archive.services.trust import trusted_keyset
from archive.storage.layout import blob_key


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How files are imported: who supplied them, which records get an ID, and how strictly.

    `is_strict` refuses a file with any flaw, before anything of it is stored.
    """

    supplied_by: str
    choice: Choice = field(default_factory=Choice)
    is_strict: bool = False
    workers: int = 1


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What is in of one file, and what was done to it now.

    `findings` answer what a package claims of itself.
    `is_already` says that everything of it was in before, and nothing was minted now;
    `is_complete` is false after an interrupt.
    """

    source: GivenFile
    container_sha256: str
    records: int
    indexed: int
    flaws: tuple[Flaw, ...]
    findings: tuple[Finding, ...]
    minting: Minting
    is_already: bool
    is_complete: bool

    @property
    def is_sound(self) -> bool:
        """Whether all is in, and nothing in it is false or missing."""
        is_true = all(finding.status is not Status.FAIL for finding in self.findings)
        is_whole = all(flaw.code in REPAIRED for flaw in self.flaws)
        return self.is_complete and is_true and is_whole


def import_file(
    archive: Archive, path: Path, options: ImportOptions, progress: Progress
) -> ImportedFile:
    """What came of importing a file. `progress(done, total)` counts bytes.

    Raises InputError (no file of a known form, or not one record in it can be read),
    MalformedZip, MalformedPackage, MalformedWarc (strict, and there is a flaw), SigningError,
    StorageError, CatalogError; what was durable before stays.
    """
    key = signing_key(archive, trusted_keyset(archive))
    supplied_by = checked_supplier(options.supplied_by)
    with (
        indexing_pool(archive, options.workers, file_size(path)) as pool,
        given_file(path, progress) as given,
        sole_importer(archive, given.file.sha256, lambda: progress(0, given.file.size)) as keep,
    ):
        refuse_erased(archive, given.file.sha256)
        before = _groups(archive, given.file.sha256)
        supplier = package_supply if given.file.form == "wacz" else supply_of
        # Packing a large file anew, or reading all of a package, may take longer than a lease.
        kept = replace(given, source=KeptSource(given.source, keep))
        supply = supplier(archive, kept, before, Terms(supplied_by, options.is_strict))
        keep()
        note_key_use(archive, key)
        is_in = import_container(archive, key, supply, _kept(progress, keep), pool)
        done = _result(archive, key, options, _Done(supply, len(before), is_in, keep))
    archive.publisher.settle()
    return done


def read_flaws(archive: Archive, groups: Sequence[GroupRow]) -> tuple[Flaw, ...]:
    """The flaws that the statements of these groups name, each once.

    Raises StorageError, and MalformedEvidence when a content is damaged.
    """
    flaws: dict[Flaw, None] = {}
    for row in groups:
        if not row.flaws:
            continue
        with archive.database.reading() as connection:
            statement = statement_by_digest(connection, row.statement_sha256)
        if statement is None:
            raise MalformedEvidence("an import has no statement: run `muniment rebuild`")
        data = archive.store.get(blob_key(statement.content_sha256))
        group = ImportGroup.from_json(canonical.loads(data, canonical.CONTENT_LIMIT))
        flaws.update(dict.fromkeys((*group.source_flaws, *group.flaws)))
    return tuple(flaws)


def _kept(progress: Progress, keep: Callable[[], None]) -> Progress:
    def step(done: int, total: int) -> None:
        keep()
        progress(done, total)

    return step


@dataclass(frozen=True, slots=True)
class _Done:
    supply: Supply
    groups_before: int
    is_in: bool
    keep: Callable[[], None]


def _result(archive: Archive, key: SigningKey, options: ImportOptions, done: _Done) -> ImportedFile:
    supply = done.supply
    minting = Minting()
    if done.is_in:
        choice = _choice(options, supply)
        container = supply.container_sha256
        with sole_minter(archive, container, supply.source.sha256, done.keep) as keep:
            minting = mint_imported(archive, key, container, choice, keep)
    groups = _groups(archive, supply.source.sha256)
    with archive.database.reading() as connection:
        indexed = count_indexed(connection, supply.container_sha256)
    is_unchanged = done.groups_before == len(groups) and not minting.minted
    return ImportedFile(
        source=supply.source,
        container_sha256=supply.container_sha256,
        records=sum({row.range_start: row.records for row in groups}.values()),
        indexed=indexed,
        flaws=read_flaws(archive, groups),
        findings=supply.findings,
        minting=minting,
        is_already=done.is_in and is_unchanged,
        is_complete=done.is_in,
    )


def _choice(options: ImportOptions, supply: Supply) -> Choice:
    """What is asked for, and the pages that the file itself names."""
    return replace(options.choice, urls=tuple(dict.fromkeys((*options.choice.urls, *supply.pages))))


def _groups(archive: Archive, source_sha256: str) -> Sequence[GroupRow]:
    with archive.database.reading() as connection:
        return groups_of_source(connection, source_sha256)
