# SPDX-License-Identifier: Apache-2.0
"""Keeps what cannot be remade from the store: operational tables, number sequences, private keys.

One encrypted file, made without the store, so that a backup is possible while the store is away.
It is read back whole before it gets its name.
"""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedRandom
from pathlib import Path

from archive.backups.content import (
    DATA_BYTES,
    NAME,
    Entry,
    FileData,
    FileHead,
    Head,
    Row,
    SettingsEntry,
    read_entries,
    write_lines,
)
from archive.backups.new_file import new_file
from archive.backups.sealed import Passphrase, SealedFile, seal_stream
from archive.catalog.database import SCHEMA_VERSION, Database
from archive.catalog.operational import every_row, snapshot
from archive.catalog.sqlite_copy import copy_sqlite
from archive.clock import rfc3339
from archive.errors import BackupNotWritten, InputError, KeyLocked
from archive.jobs.tables import SCHEMA
from archive.proofs.keyset import MANIFEST
from archive.services.keysets.initialise import KeyFiles
from archive.services.upkeep.installation import Installation
from archive.signing.file import open_key, read_passphrase


@dataclass
class BackedUp:
    """What a backup took.

    `missing` are things that belong into it and could not be taken; `elsewhere` says what has to
    be kept by other means, and how.
    """

    path: Path
    made_at: str
    size: int = 0
    sha256: str = ""
    rows: Counter[str] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether nothing that belongs into it is missing."""
        return not self.missing


def backup(installation: Installation, path: Path, passphrase: Passphrase) -> BackedUp:
    """Write a new backup; into a folder it goes under a name with the time.

    Raises BackupLocked, BackupNotWritten, CatalogError, InputError (something lies there).
    """
    made_at = rfc3339(installation.clock.now())
    if path.is_dir():
        stamp = made_at.replace("-", "").replace(":", "")
        path = path / f"muniment-{installation.prefix}-{stamp}.backup"
    made = BackedUp(path, made_at)
    database = installation.open_database()
    try:
        database.check_schema()
        with new_file(path) as file:
            lines = write_lines(_entries(installation, database, made))
            seal_stream(file, lines, passphrase, installation.random_bytes)
            _read_back(file, passphrase, made)
    except FileExistsError as error:
        raise InputError(f"{path} is there already, and a backup replaces nothing") from error
    except OSError as error:
        raise BackupNotWritten(f"{path} cannot be written: {error.strerror}") from error
    finally:
        database.close()
    return made


def _entries(installation: Installation, database: Database, made: BackedUp) -> Iterator[Entry]:
    roots = tuple(installation.find_roots())
    yield Head(
        made_at=made.made_at,
        made_by=f"muniment {installation.version}",
        schema=SCHEMA_VERSION,
        prefix=installation.prefix,
        roots=roots,
    )
    yield SettingsEntry({name: dict(values) for name, values in installation.settings.items()})
    with snapshot(database) as connection:
        for table, values in every_row(connection):
            made.rows[table] += 1
            yield Row(table, values)
    for place, name, data in _secret_files(installation.files, made):
        made.files.append(name)
        yield FileHead(place, name, len(data))
        yield from _pieces(data)
    for path in installation.sqlite_files():
        made.files.append(path.name)
        yield from _database_file(installation.data, path)
    made.elsewhere += [_to_dump(url) for url in installation.servers()]


def _secret_files(files: KeyFiles, made: BackedUp) -> Iterator[tuple[str, str, bytes]]:
    passphrase = files.passphrase_file
    for path in sorted(files.folder.iterdir()) if files.folder.is_dir() else []:
        if not path.is_file() or (passphrase.exists() and path.samefile(passphrase)):
            continue
        if NAME.fullmatch(path.name):
            yield "keys", path.name, path.read_bytes()
        else:
            made.missing.append(f"{path}: give it a name of letters, digits, '.', '_' and '-'")
    if passphrase.is_file():
        yield "passphrase", "passphrase", passphrase.read_bytes()
    if files.root_keyid.is_file():
        yield "root", "root.keyid", files.root_keyid.read_bytes()
    _check_keys(files, made)
    made.elsewhere += [
        f"the {role} key, which keys.{role} names: it lies in no file of this folder"
        for role in sorted(files.elsewhere)
    ]


def _check_keys(files: KeyFiles, made: BackedUp) -> None:
    # A backup whose keys do not open is found out on the day it is needed, unless it is now.
    named = {files.manifest: "a signing key", files.log: "a log key", files.coming: "a coming key"}
    for path, what in named.items():
        is_needed = path == files.manifest and MANIFEST not in files.elsewhere
        if not is_needed and not path.exists():
            continue
        try:
            open_key(path, read_passphrase(files.passphrase_file))
        except KeyLocked as error:
            made.missing.append(f"{what} that opens: {error}")


def _database_file(folder: Path, path: Path) -> Iterator[Entry]:
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=folder) as scratch:
        copy = Path(scratch, path.name)
        copy_sqlite(path, copy)
        yield FileHead("database", path.name, copy.stat().st_size)
        with copy.open("rb") as file:
            while data := file.read(DATA_BYTES):
                yield FileData(data)


def _pieces(data: bytes) -> Iterator[Entry]:
    for start in range(0, len(data), DATA_BYTES):
        yield FileData(data[start : start + DATA_BYTES])


def _to_dump(url: str) -> str:
    command = f"pg_dump --schema={SCHEMA} --format=custom --file=jobs.dump"
    return f"the jobs in {url}: keep them with `{command}`"


def _read_back(file: BufferedRandom, passphrase: Passphrase, made: BackedUp) -> None:
    file.flush()
    rows: Counter[str] = Counter()
    for entry in read_entries(SealedFile(file, passphrase).chunks()):
        if isinstance(entry, Row):
            rows[entry.table] += 1
    if rows != made.rows:
        raise BackupNotWritten("what was written does not read back as it was; try another disk")
    file.seek(0)
    made.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    made.size = file.tell()
