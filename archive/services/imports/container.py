# SPDX-License-Identifier: Apache-2.0
"""Takes the records of a stored container into the index, group by group.

A group is durable as a whole: its content and statement in the store, its rows in one
transaction. A group that is in is not made again, so an import that was cut off goes on where it
stopped, and one that is complete changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archive.catalog.imports import GroupRow, groups_of_source
from archive.importing.base import Begin
from archive.importing.index import IndexedGroup
from archive.importing.pool import IndexingPool
from archive.model.claim import Finding
from archive.model.imported import Flaw, GivenFile, ImportGroup
from archive.services.context import Archive, SigningKey
from archive.services.imports.reading import Reading, read_groups
from archive.services.interrupts import noted_interrupts
from archive.services.statements.assertion import Assertion, state

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of WARC records in a container: all of it, or one file in a package (`member`)."""

    start: int
    end: int
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Supply:
    """What is imported: the file as given, the stored container that is read, and by whom.

    Both blobs must be in the store. `source_flaws` were found when the container was made.
    `findings` answer what a package, or another archive, claims of the file; `pages` are the URLs
    that the file itself names as pages; `asked` is the URL that another archive was asked by.
    """

    source: GivenFile
    container_sha256: str
    container_size: int
    supplied_by: str
    stretches: tuple[Stretch, ...]
    source_flaws: tuple[Flaw, ...] = ()
    findings: tuple[Finding, ...] = ()
    pages: tuple[str, ...] = ()
    asked: str | None = None


def import_container(
    archive: Archive,
    key: SigningKey,
    supply: Supply,
    progress: Progress,
    pool: IndexingPool | None = None,
) -> bool:
    """Make the groups that are missing; whether all are in. An interrupt ends it at a border.

    With a `pool` (`import_reading.indexing_pool`) the container is read on its processes.
    The caller holds the lock (`sole_importer`). Raises SigningError, StorageError, CatalogError.
    """
    with archive.database.reading() as connection:
        there = groups_of_source(connection, supply.source.sha256)
    with noted_interrupts() as interrupted:
        for stretch in supply.stretches:
            begin = _where_to_go_on(there, supply, stretch)
            if begin is None:
                continue
            reading = Reading(supply.container_sha256, begin, stretch.end)
            for groups in read_groups(archive, reading, pool):
                wanted = [
                    _content(supply, stretch, group) for group in groups if _counts(group, stretch)
                ]
                state(archive, key, [Assertion("import", group.to_json()) for group in wanted])
                progress(groups[-1].end, supply.container_size)
                if interrupted.is_set() and not _is_last(groups[-1], stretch):
                    return False
    return True


def _where_to_go_on(there: Sequence[GroupRow], supply: Supply, stretch: Stretch) -> Begin | None:
    """Behind the groups that are in without a gap; None when the last one is."""
    offset, number = stretch.start, 1
    for row in there:
        is_next = row.container_sha256 == supply.container_sha256 and row.range_start == offset
        if not is_next or row.range_start >= stretch.end:
            continue
        if row.is_last:
            return None
        offset, number = row.range_end, row.first_record + row.records
    return Begin(offset, number)


def _counts(group: IndexedGroup, stretch: Stretch) -> bool:
    return bool(group.records or group.flaws or _is_last(group, stretch))


def _is_last(group: IndexedGroup, stretch: Stretch) -> bool:
    return group.is_ended or group.end >= stretch.end


def _content(supply: Supply, stretch: Stretch, group: IndexedGroup) -> ImportGroup:
    is_last = _is_last(group, stretch)
    return ImportGroup(
        source=supply.source,
        container_sha256=supply.container_sha256,
        container_size=supply.container_size,
        member=stretch.member,
        supplied_by=supply.supplied_by,
        start=group.start,
        end=group.end,
        first_record=group.first_record,
        records=group.records,
        is_last=is_last,
        rows=tuple(group.rows),
        flaws=tuple(group.flaws),
        source_flaws=supply.source_flaws if is_last else (),
        findings=supply.findings if is_last and stretch is supply.stretches[-1] else (),
        asked=supply.asked,
    )
