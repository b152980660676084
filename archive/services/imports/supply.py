# SPDX-License-Identifier: Apache-2.0
"""Looks at a file that is given for import, and stores it: as it is, and packed anew if need be."""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from archive import canonical
from archive.catalog.evidence import container_size
from archive.catalog.imports import GroupRow
from archive.errors import InputError, MalformedWarc
from archive.importing.base import Begin, FileSource, Source
from archive.importing.forms import READ_IN_PLACE, form_of
from archive.importing.index import index_source
from archive.importing.repack import repack
from archive.importing.warc import read_warc
from archive.model.imported import NAME_LIMIT, SUPPLIER_LIMIT, Flaw, GivenFile
from archive.services.context import Archive
from archive.services.imports.container import Progress, Stretch, Supply
from archive.storage.layout import blob_key

_CHUNK_BYTES = 1 << 20
_NO_RECORD = Flaw(1, 0, MalformedWarc.code, "there is no record", is_end=True)


@dataclass(frozen=True, slots=True)
class Given:
    """A file that is given, open for reading, and what it is."""

    path: Path
    source: Source
    file: GivenFile


@dataclass(frozen=True, slots=True)
class Terms:
    """Who supplied the file, and whether any flaw in it refuses all of it."""

    supplied_by: str
    is_strict: bool


def file_size(path: Path) -> int:
    """The size of a file in bytes. Raises InputError."""
    source = FileSource(path)
    source.close()
    return source.size


@contextmanager
def given_file(path: Path, progress: Progress) -> Iterator[Given]:
    """The file, hashed. Raises InputError when it cannot be read or is of no known form."""
    source = FileSource(path)
    try:
        if source.size == 0:
            raise InputError(f"{path} is empty")
        form = _form(path, source)
        sha256 = digest_of(source, progress)
        name = path.name.encode("utf-8", "replace").decode("utf-8")[-NAME_LIMIT:]
        yield Given(path, source, GivenFile(name, sha256, source.size, form))
    finally:
        source.close()


def checked_supplier(name: str) -> str:
    """The name of who supplied a file, when a statement can hold it. Raises InputError."""
    is_shown = name.isprintable() and bool(name.strip())
    # Signed bytes have a limit, and the name stands in the statement of each capture.
    if not is_shown or len(canonical.dumps(name)) > SUPPLIER_LIMIT:
        raise InputError(
            f"the supplier must be printable, at most {SUPPLIER_LIMIT} bytes: give --supplied-by"
        )
    return name


def supply_of(archive: Archive, given: Given, before: Sequence[GroupRow], terms: Terms) -> Supply:
    """The stored container that the file's records are read from.

    `before` are the groups that are in already. Raises MalformedWarc when not one record can be
    read, or, strictly, for any flaw: nothing is stored then. Raises StorageError.
    """
    if given.file.form in READ_IN_PLACE:
        if not before:
            refuse(given, first_flaw(given.source, is_strict=terms.is_strict))
            archive.store.put_file(blob_key(given.file.sha256), given.path, given.file.sha256)
        return _supply(given, (given.file.sha256, given.file.size), terms, ())
    if any(row.is_last for row in before):
        return _supply(given, known_container(archive, before), terms, ())
    with tempfile.TemporaryDirectory(prefix="muniment-") as folder:
        return _packed_anew(archive, given, before, terms, Path(folder) / "packed.warc.gz")


def _packed_anew(
    archive: Archive, given: Given, before: Sequence[GroupRow], terms: Terms, path: Path
) -> Supply:
    with path.open("wb") as out:
        flaws = repack(given.source, given.file.form, given.file.sha256, out)
    if path.stat().st_size == 0 or (terms.is_strict and flaws):
        refuse(given, flaws[0] if flaws else _NO_RECORD)
    if before:
        # As it was begun, should another compressor give other bytes.
        return _supply(given, known_container(archive, before), terms, flaws)
    packed = FileSource(path)
    try:
        if terms.is_strict:
            refuse(given, first_flaw(packed, is_strict=True))
        container = (digest_of(packed), packed.size)
    finally:
        packed.close()
    archive.store.put_file(blob_key(given.file.sha256), given.path, given.file.sha256)
    archive.store.put_file(blob_key(container[0]), path, container[0])
    return _supply(given, container, terms, flaws)


def _supply(
    given: Given, container: tuple[str, int], terms: Terms, flaws: tuple[Flaw, ...]
) -> Supply:
    sha256, size = container
    return Supply(given.file, sha256, size, terms.supplied_by, (Stretch(0, size),), flaws)


def known_container(archive: Archive, before: Sequence[GroupRow]) -> tuple[str, int]:
    """Digest and bytes of the container that groups which are in already were read from."""
    sha256 = str(before[0].container_sha256)
    with archive.database.reading() as connection:
        size = container_size(connection, sha256)
    return sha256, size or 0


def first_flaw(source: Source, *, is_strict: bool) -> Flaw | None:
    """What refuses the file: a first record that cannot be read, or, strictly, any flaw."""
    if not is_strict:
        first = next(read_warc(source), None)
        return first if isinstance(first, Flaw) and first.is_end else None
    for group in index_source(source, Begin(), source.size):
        if group.flaws:
            return group.flaws[0]
    return None


def refuse(given: Given, flaw: Flaw | None) -> None:
    """Raise MalformedWarc for a flaw, if there is one."""
    if flaw is not None:
        raise MalformedWarc(
            f"{given.path}: record {flaw.record} at offset {flaw.offset}: {flaw.detail} "
            f"[{flaw.code}]; nothing of the file was imported"
        )


def _form(path: Path, source: Source) -> str:
    try:
        return form_of(source)
    except InputError as error:
        raise InputError(f"{path} cannot be imported: {error}") from error


def digest_of(source: Source, progress: Progress = lambda _done, _total: None) -> str:
    """The SHA-256 of a whole source. Raises InputError as the source does."""
    digest = hashlib.sha256()
    for offset in range(0, source.size, _CHUNK_BYTES):
        digest.update(source.read_at(offset, _CHUNK_BYTES))
        progress(offset, source.size)
    return digest.hexdigest()
