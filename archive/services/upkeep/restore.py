# SPDX-License-Identifier: Apache-2.0
"""Brings back what a backup kept, into an archive whose store is at hand.

`muniment rebuild` follows. The whole backup is read, and everything that could be in its way is
looked at, before anything is changed. Nothing is replaced; a restore that was interrupted can be
run again.
"""

import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from archive.backups.content import (
    Entry,
    FileData,
    FileHead,
    Head,
    Row,
    SettingsEntry,
    read_entries,
)
from archive.backups.new_file import new_file
from archive.backups.sealed import Passphrase, SealedFile
from archive.canonical import JsonValue
from archive.catalog import sequence
from archive.catalog.database import Database
from archive.catalog.operational import filled_tables, put_row, settle_counters
from archive.errors import (
    BackupNotWritten,
    CatalogMissing,
    InputError,
    MalformedBackup,
    MalformedEvidence,
    ObjectMissing,
    RestoreRefused,
)
from archive.ids import Kind
from archive.proofs.keyset_chain import newest_trusted
from archive.services.trust import has_keyset, stored_keysets
from archive.services.upkeep.installation import Installation, without_password
from archive.storage.base import Store
from archive.storage.layout import CAPTURES, read_key

_SECRET_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Held:
    """What a backup holds: read to its end, so every byte of it is sound."""

    head: Head
    settings: SettingsEntry
    rows: Counter[str]
    secrets: Mapping[FileHead, bytes] = field(repr=False)
    databases: Mapping[FileHead, str]  # by their SHA-256


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back. `differing` are settings that now are others than then."""

    held: Held
    files: tuple[Path, ...]
    differing: tuple[str, ...]
    highest: int


@contextlib.contextmanager
def opened_backup(path: Path, passphrase: Passphrase) -> Iterator[tuple[SealedFile, Held]]:
    """The backup, read once to its end. Raises MalformedBackup, BackupLocked, InputError."""
    try:
        file: BinaryIO = path.open("rb")
    except OSError as error:
        raise InputError(f"the backup {path} cannot be read: {error.strerror}") from error
    with file:
        sealed = SealedFile(file, passphrase)
        yield sealed, _held(sealed)


def restore(
    installation: Installation, path: Path, passphrase: Passphrase, *, keeps_databases: bool = False
) -> Restored:
    """Bring everything back, and raise the number sequence above every ID in the store.

    With `keeps_databases`, those beside the catalogue (the jobs) that are there stay as they are.
    Raises RestoreRefused before anything is changed; MalformedBackup, BackupLocked, StorageError,
    CatalogError, BackupNotWritten.
    """
    with opened_backup(path, passphrase) as (sealed, held):
        if held.head.prefix != installation.prefix:
            raise RestoreRefused(
                f"the backup is of an archive with prefix {held.head.prefix}, and archive.prefix "
                f"is {installation.prefix}: set it to that"
            )
        store = installation.find_store()
        _check_store(store, held)
        files = _files_to_make(installation, held, keeps_databases=keeps_databases)
        database = installation.open_database()
        try:
            _check_catalogue(database)
            highest = _highest_number(store, installation.prefix)
            _make_files(installation, files, held, sealed)
            _fill(database, sealed, highest)
        finally:
            database.close()
    return Restored(held, tuple(files.values()), _differing(installation, held), highest)


def _held(sealed: SealedFile) -> Held:
    reader = _Reader()
    for entry in read_entries(sealed.chunks()):
        reader.take(entry)
    return reader.held()


class _Reader:
    """Gathers what a backup holds: secrets whole, of databases their digest."""

    def __init__(self) -> None:
        self._head: Head | None = None
        self._settings: SettingsEntry | None = None
        self._rows: Counter[str] = Counter()
        self._secrets: dict[FileHead, bytearray] = {}
        self._databases: dict[FileHead, Any] = {}
        self._file: FileHead | None = None

    def take(self, entry: Entry) -> None:
        if isinstance(entry, Head):
            self._head = entry
        elif isinstance(entry, SettingsEntry):
            self._settings = entry
        elif isinstance(entry, Row):
            self._rows[entry.table] += 1
        elif isinstance(entry, FileHead):
            self._begin(entry)
        elif self._file in self._databases:
            self._databases[self._file].update(entry.data)
        elif self._file is not None:
            self._secrets[self._file] += entry.data

    def held(self) -> Held:
        if self._head is None or self._settings is None:
            raise MalformedBackup("the backup holds no settings")
        return Held(
            self._head,
            self._settings,
            self._rows,
            {file: bytes(data) for file, data in self._secrets.items()},
            {file: digest.hexdigest() for file, digest in self._databases.items()},
        )

    def _begin(self, file: FileHead) -> None:
        if file in self._secrets or file in self._databases:
            raise MalformedBackup(f"the backup holds {file.name} twice")
        self._file = file
        if file.place == "database":
            self._databases[file] = hashlib.sha256()
        elif file.size <= _SECRET_LIMIT:
            self._secrets[file] = bytearray()
        else:
            raise MalformedBackup(f"{file.name} is too large for a key")


def _check_store(store: Store, held: Held) -> None:
    if not has_keyset(store):
        raise RestoreRefused("the store holds no keyset: does store.url name the right store?")
    if not held.head.roots:
        return
    try:
        newest_trusted(stored_keysets(store, held.head.roots), held.head.roots)
    except (MalformedEvidence, ObjectMissing) as error:
        raise RestoreRefused(
            f"the roots in the backup do not vouch for the store's keysets ({error}): "
            "the backup is of another archive, or store.url names another store"
        ) from error


def _files_to_make(
    installation: Installation, held: Held, *, keeps_databases: bool
) -> dict[FileHead, Path]:
    """Where each file goes that is not there yet; those with the same bytes are passed over."""
    wanted = {}
    for file, data in held.secrets.items():
        path = _place(installation, file)
        if not _lies_there(path, hashlib.sha256(data).hexdigest()):
            wanted[file] = path
    for file, sha256 in held.databases.items():
        path = _place(installation, file)
        log = path.with_name(f"{path.name}-wal")
        if keeps_databases and path.exists():
            continue
        if _lies_there(path, sha256, "; or keep it, with --keep-jobs"):
            continue
        if log.exists():
            # SQLite would play the left-over log into the database that comes back.
            raise RestoreRefused(f"{log} is left over from another database: move it away")
        wanted[file] = path
    return wanted


def _lies_there(path: Path, sha256: str, or_else: str = "") -> bool:
    try:
        with path.open("rb") as file:
            there = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise RestoreRefused(f"{path} cannot be read: {error.strerror}") from error
    if there != sha256:
        raise RestoreRefused(
            f"{path} is there already with other bytes: move it away first{or_else}"
        )
    return True


def _place(installation: Installation, file: FileHead) -> Path:
    files = installation.files
    if file.place == "keys":
        return files.folder / file.name
    if file.place == "passphrase":
        return files.passphrase_file
    if file.place == "root":
        return files.root_keyid
    return installation.sqlite_place(file.name)


def _check_catalogue(database: Database) -> None:
    try:
        database.check_schema()
    except CatalogMissing:
        return
    with database.reading() as connection:
        filled = filled_tables(connection)
    if filled:
        raise RestoreRefused(
            f"the catalogue has rows in {', '.join(filled)}: a backup comes back into an archive "
            "without any; move the catalogue away first, or let database.url name an empty database"
        )


def _highest_number(store: Store, prefix: str) -> int:
    places = (read_key(item.key).capture_id for item in store.list(CAPTURES))
    return max((place.number for place in places if place and place.prefix == prefix), default=0)


def _make_files(
    installation: Installation, files: dict[FileHead, Path], held: Held, sealed: SealedFile
) -> None:
    try:
        for folder in (installation.data, installation.files.folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file, data in held.secrets.items():
            if file in files:
                files[file].parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with new_file(files[file]) as made:
                    made.write(data)
        _make_databases(files, sealed)
    except OSError as error:
        what = error.filename or "a file"
        raise BackupNotWritten(f"{what} cannot be written: {error.strerror or error}") from error


def _make_databases(files: dict[FileHead, Path], sealed: SealedFile) -> None:
    with contextlib.ExitStack() as making:
        made: BinaryIO | None = None
        for entry in read_entries(sealed.chunks()):
            if isinstance(entry, FileHead):
                making.close()
                is_wanted = entry.place == "database" and entry in files
                made = making.enter_context(new_file(files[entry])) if is_wanted else None
            elif isinstance(entry, FileData) and made is not None:
                made.write(entry.data)


def _fill(database: Database, sealed: SealedFile, highest: int) -> None:
    database.migrate()
    with database.writing() as connection:
        for entry in read_entries(sealed.chunks()):
            if isinstance(entry, Row):
                put_row(connection, entry.table, entry.values)
        settle_counters(connection)
        if highest:
            sequence.raise_above(connection, Kind.CAPTURE.value, highest)


def _differing(installation: Installation, held: Held) -> tuple[str, ...]:
    """The settings that are not as they were, with what they were; passwords are left out."""
    found = []
    for section, members in held.settings.values.items():
        now = installation.settings.get(section, {})
        for name, value in members.items():
            if now.get(name) != value:
                found.append(f"{section}.{name} was {_shown(value)}")
    return tuple(found)


def _shown(value: JsonValue) -> str:
    return without_password(repr(value))
