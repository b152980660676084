# SPDX-License-Identifier: Apache-2.0
"""The one place that wires: settings in, an Archive out. Nothing opens at import."""

import os
from dataclasses import dataclass
from functools import partial

from archive import __version__
from archive.catalog.database import Database
from archive.catalog.hot import HotReader
from archive.clock import Clock, SystemClock
from archive.errors import MalformedId, SettingsError
from archive.fetching.http import FetchSettings, HttpFetcher
from archive.ids import Kind, RecordId
from archive.net.guard import AddressGuard
from archive.services.context import Archive, Identity, PackageSigners
from archive.services.initialise import Initialised, KeyFiles, check_prefix, initialise
from archive.services.recover import recover
from archive.settings import Settings, check_roots
from archive.signing.base import Signer
from archive.signing.file import open_key, read_passphrase
from archive.storage.open import open_store


@dataclass(frozen=True, slots=True)
class Stand:
    """What tests put in place of the machine's clock."""

    clock: Clock


def open_archive(settings: Settings, stand: Stand | None = None) -> Archive:
    """An archive that is ready: its schema is checked and what a crash left open is settled.

    On a read-only catalogue nothing can be settled; it reads and verifies as it is.
    Raises SettingsError, CatalogMissing, CatalogOutdated, StorageError.
    """
    database = Database(settings.database_url)
    try:
        # Before anything else is opened, for opening a store makes its folder.
        database.check_schema()
    finally:
        database.close()
    archive = wire(settings, stand)
    try:
        check_prefix(archive)
        if not archive.database.is_read_only:
            recover(archive)
    except BaseException:
        archive.close()
        raise
    return archive


def init_archive(settings: Settings, stand: Stand | None = None) -> tuple[Archive, Initialised]:
    """An archive, made new where there is none. Raises as `open_archive`, and KeyLocked."""
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"the data folder {settings.data} cannot be made: {error.strerror}"
        ) from error
    files = key_files(settings)
    unready = wire(settings, stand)
    try:
        made = initialise(unready, files)
    finally:
        unready.close()
    return open_archive(settings, stand), made


def wire(settings: Settings, stand: Stand | None = None) -> Archive:
    """The archive of these settings, with nothing checked yet."""
    try:
        RecordId(settings.archive.prefix, Kind.CAPTURE, 1)
    except MalformedId as error:
        raise SettingsError(f"archive.prefix: {error}") from error
    clock = stand.clock if stand else SystemClock()
    database = Database(settings.database_url)
    reopen_store = partial(open_store, settings.store_url, endpoint=settings.store.endpoint or None)
    return Archive(
        identity=Identity(
            prefix=settings.archive.prefix,
            name=settings.archive.name,
            agent="muniment",
            agent_version=__version__,
            vantage=settings.capture.vantage,
            language=settings.capture.language,
        ),
        clock=clock,
        random_bytes=os.urandom,
        store=reopen_store(),
        database=database,
        hot=HotReader(database.path, is_immutable=database.is_immutable),
        fetcher=_fetcher(settings, clock),
        open_signer=partial(_signer, settings),
        pinned_roots=_pinned_roots(settings),
        base_url=settings.server.base_url.rstrip("/"),
        upload_bytes_limit=settings.server.upload_bytes_limit,
        reopen=partial(wire, settings, stand),
        reopen_store=reopen_store,
        package_signers=PackageSigners(
            domain_roots=settings.importing.wacz_domain_roots,
            timestamp_roots=settings.importing.wacz_timestamp_roots,
            keys=settings.importing.wacz_keys,
        ),
    )


def key_files(settings: Settings) -> KeyFiles:
    """Where the private keys of these settings and the root fingerprint lie."""
    return KeyFiles(settings.keys_folder, settings.passphrase_file, settings.root_keyid_file)


def _signer(settings: Settings) -> Signer:
    files = key_files(settings)
    return open_key(files.manifest, read_passphrase(files.passphrase_file))


def _pinned_roots(settings: Settings) -> tuple[str, ...]:
    if settings.trust.roots:
        return settings.trust.roots
    path = settings.root_keyid_file
    try:
        roots = (path.read_text(encoding="ascii").strip(),)
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the root fingerprint {path} cannot be read") from error
    check_roots(str(path), roots)
    return roots


def _fetcher(settings: Settings, clock: Clock) -> HttpFetcher:
    contact = f"; {settings.archive.contact}" if settings.archive.contact else ""
    return HttpFetcher(
        FetchSettings(
            user_agent=f"Muniment/{__version__} (citation archive{contact})",
            accept_language=settings.capture.language,
            total_timeout_seconds=settings.capture.timeout_seconds,
            wire_bytes_limit=settings.capture.bytes_limit,
            decoded_bytes_limit=settings.capture.decoded_bytes_limit,
        ),
        AddressGuard(settings.allowed_networks()),
        clock,
    )
