# SPDX-License-Identifier: Apache-2.0
"""Looks at a WACZ that is given for import, and stores it: its WARC files are read where they lie.

Where one of them cannot be read by range (it is deflated, or holds several records in one gzip
member), all are packed anew into one container, and both files are kept.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from archive.catalog.imports import GroupRow
from archive.errors import InputError, MalformedPackage, MalformedUrl, MalformedZip
from archive.importing.base import FileSource, Source
from archive.importing.forms import READ_IN_PLACE, form_of
from archive.importing.repack import repack
from archive.importing.wacz import Part, Wacz, read_wacz
from archive.importing.wacz_findings import FORM, LAYOUT
from archive.model.claim import Finding, Status
from archive.model.imported import Flaw, FlawList
from archive.net.url import parse_capture_url
from archive.proofs.zip_file import ZipEntry, read_entry
from archive.services.context import Archive
from archive.services.imports.container import Stretch, Supply
from archive.services.imports.package_trust import package_trust
from archive.services.imports.supply import (
    Given,
    Terms,
    digest_of,
    first_flaw,
    known_container,
    refuse,
)
from archive.storage.layout import blob_key

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Opened:
    """A package, the WARC files in it that can be told to be some, and all that was found out."""

    wacz: Wacz
    members: tuple[tuple[ZipEntry, str], ...]
    findings: tuple[Finding, ...]

    @property
    def is_read_in_place(self) -> bool:
        return all(entry.is_stored and form in READ_IN_PLACE for entry, form in self.members)


def package_supply(
    archive: Archive, given: Given, before: Sequence[GroupRow], terms: Terms
) -> Supply:
    """The stored container that the package's records are read from, with the findings about it.

    `before` are the groups that are in already. Raises MalformedZip, and MalformedPackage when
    there is no record to be read, or, strictly, when a claim of the package is disproven; nothing
    is stored then. Raises StorageError.
    """
    opened = _open(archive, given)
    supply = Supply(
        source=given.file,
        container_sha256=given.file.sha256,
        container_size=given.file.size,
        supplied_by=terms.supplied_by,
        stretches=tuple(
            Stretch(entry.offset, entry.offset + entry.packed, entry.name)
            for entry, _ in opened.members
        ),
        findings=opened.findings,
        pages=tuple(url for url in opened.wacz.pages if _is_capturable(url)),
    )
    if not before:
        _refuse_unread(given, opened, terms)
    if not opened.is_read_in_place:
        return _packed_anew(archive, given, before, (opened, terms, supply))
    if not before:
        _put(archive, given)
    return supply


def _open(archive: Archive, given: Given) -> _Opened:
    wacz = read_wacz(given.source, package_trust(archive))
    members, findings = [], list(wacz.findings)
    for entry in wacz.archives:
        try:
            with _content(given.source, entry) as content:
                members.append((entry, form_of(content)))
        except MalformedZip:
            continue  # named when its digest was taken
        except InputError as error:
            findings.append(Finding(FORM, entry.name, Status.FAIL, LAYOUT, str(error)))
    return _Opened(wacz, tuple(members), tuple(findings))


def _refuse_unread(given: Given, opened: _Opened, terms: Terms) -> None:
    failed = [one for one in opened.findings if one.status is Status.FAIL]
    if not opened.members or (terms.is_strict and failed):
        why = "".join(f"; {one.target}: {one.detail} [{one.code}]" for one in failed[:3])
        nothing = "" if opened.members else " no WARC file that it declares can be read"
        raise MalformedPackage(
            f"{given.path}:{nothing or ' a claim of the package is false'}{why}; nothing of it "
            "was imported"
        )
    if not opened.is_read_in_place:
        return  # what is packed anew is looked at there
    flaws = [
        first_flaw(Part(given.source, entry), is_strict=terms.is_strict)
        for entry, _ in opened.members
    ]
    if terms.is_strict or all(flaws):
        refuse(given, next(filter(None, flaws), None))


def _packed_anew(
    archive: Archive,
    given: Given,
    before: Sequence[GroupRow],
    what: tuple[_Opened, Terms, Supply],
) -> Supply:
    opened, terms, supply = what
    with tempfile.TemporaryDirectory(prefix="muniment-") as folder:
        path = Path(folder) / "packed.warc.gz"
        stretches, flaws = _pack(given, opened, path)
        size = path.stat().st_size
        if size == 0 or (terms.is_strict and flaws):
            refuse(given, flaws[0])
        if before:
            sha256, size = known_container(archive, before)
        else:
            packed = FileSource(path)
            try:
                firsts = [_first_flaw_within(path, stretch, terms) for stretch in stretches]
                if terms.is_strict or all(firsts):
                    refuse(given, next(filter(None, firsts), None))
                sha256 = digest_of(packed)
            finally:
                packed.close()
            _put(archive, given)
            archive.store.put_file(blob_key(sha256), path, sha256)
    return replace(
        supply,
        container_sha256=sha256,
        container_size=size,
        stretches=stretches,
        source_flaws=flaws,
    )


def _first_flaw_within(path: Path, stretch: Stretch, terms: Terms) -> Flaw | None:
    source = FileSource(path, stretch.start, stretch.end)
    try:
        return first_flaw(source, is_strict=terms.is_strict)
    finally:
        source.close()


def _pack(
    given: Given, opened: _Opened, path: Path
) -> tuple[tuple[Stretch, ...], tuple[Flaw, ...]]:
    stretches: list[Stretch] = []
    flaws = FlawList()
    with path.open("wb") as out:
        for entry, form in opened.members:
            start = out.tell()
            with _content(given.source, entry) as content:
                if form in READ_IN_PLACE:
                    _copy(content, out)
                else:
                    for flaw in repack(content, form, given.file.sha256, out):
                        flaws.add(flaw)
            if out.tell() > start:
                stretches.append(Stretch(start, out.tell(), entry.name))
    return tuple(stretches), flaws.finish()


@contextmanager
def _content(source: Source, entry: ZipEntry) -> Iterator[Source]:
    """The bytes of an entry as a source, inflated if need be. Raises MalformedZip."""
    if entry.is_stored:
        yield Part(source, entry)
        return
    with tempfile.NamedTemporaryFile(prefix="muniment-") as file:
        for piece in read_entry(source, entry):
            file.write(piece)
        file.flush()
        inflated = FileSource(Path(file.name))
        try:
            yield inflated
        finally:
            inflated.close()


def _copy(content: Source, out: BinaryIO) -> None:
    offsets = range(0, content.size, _CHUNK_BYTES)
    out.writelines(content.read_at(offset, _CHUNK_BYTES) for offset in offsets)


def _put(archive: Archive, given: Given) -> None:
    archive.store.put_file(blob_key(given.file.sha256), given.path, given.file.sha256)


def _is_capturable(url: str) -> bool:
    try:
        parse_capture_url(url)
    except MalformedUrl:
        return False
    return True
