# SPDX-License-Identifier: Apache-2.0
"""The one place that wires: settings in, an Archive out. Nothing opens at import."""

import contextlib
import datetime as dt
import fcntl
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from archive import __version__
from archive.catalog.database import Database
from archive.catalog.hot import HotReader
from archive.clock import Clock, SystemClock
from archive.errors import MalformedId, SettingsError
from archive.fetching.http import FetchSettings, HttpFetcher
from archive.ids import Kind, RecordId
from archive.jobs.base import Queue
from archive.jobs.database import JobsDatabase
from archive.jobs.durable import DurableJobs
from archive.jobs.hosts import HostTurns
from archive.jobs.politeness import HostLimits
from archive.jobs.worker import WorkerSettings
from archive.net.guard import AddressGuard
from archive.proofs.keyset import LOG, MANIFEST
from archive.services.context import (
    Archive,
    Identity,
    PackageSigners,
    Politeness,
    RemoteLimits,
    Sealing,
    Timestamping,
    WitnessesAsked,
)
from archive.services.doctor.diagnosis import Diagnosis, fail, ok
from archive.services.doctor.examine import examine
from archive.services.jobs.queues import BATCHES, CAPTURES, LONG
from archive.services.jobs.schedule import Scheduled
from archive.services.jobs.worker import JobsWorker
from archive.services.keysets.initialise import Initialised, KeyFiles, check_prefix, initialise
from archive.services.log.publishing import publish_pending
from archive.services.ownership import is_process_gone, this_process
from archive.services.recovery.recover import recover
from archive.services.upkeep.installation import Installation
from archive.services.upkeep.probe import probe_when_new
from archive.settings import (
    CHECKPOINT_INTERVALS,
    INTERVALS,
    Settings,
    StoreSettings,
    check_roots,
    config_path,
    load_settings,
    unknown_variables,
)
from archive.signing.base import Signer
from archive.signing.open import open_signer
from archive.storage.base import WholeStore
from archive.storage.open import find_store, open_store
from archive.timestamping.rfc3161 import ClientSettings, Rfc3161Client

_RECORDING_SECONDS = 30
_UNBOUNDED = 1 << 30


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
    with _alone_in(settings.data):
        unready = wire(settings, stand)
        try:
            made = initialise(unready, files)
        finally:
            unready.close()
        archive = open_archive(settings, stand)
        try:
            # Without its key the archive reads and verifies; there is nothing to sign with.
            if files.has_manifest:
                probe_when_new(archive)
            if files.log.exists():
                publish_pending(archive)
                archive.publisher.settle()
        except BaseException:
            archive.close()
            raise
    return archive, made


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """While the block runs, no other process makes an archive in this folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def wire(settings: Settings, stand: Stand | None = None) -> Archive:
    """The archive of these settings, with nothing checked yet."""
    try:
        RecordId(settings.archive.prefix, Kind.CAPTURE, 1)
    except MalformedId as error:
        raise SettingsError(f"archive.prefix: {error}") from error
    clock = stand.clock if stand else SystemClock()
    database = Database(settings.database_url)
    jobs = JobsDatabase(settings.jobs_url)
    store = store_of(settings)
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
        store=store,
        log_store=store,
        witnesses=WitnessesAsked(settings.log.witnesses, settings.log.witness_seconds),
        open_mirror=partial(mirror_of, settings),
        database=database,
        hot=HotReader(database),
        fetcher=_fetcher(settings, clock),
        open_signer=partial(_signer, settings),
        open_log_signer=partial(_log_signer, settings),
        log_origin=settings.log.origin,
        pinned_roots=pinned_roots(settings),
        base_url=settings.server.base_url.rstrip("/"),
        upload_bytes_limit=settings.server.upload_bytes_limit,
        reopen=partial(wire, settings, stand),
        jobs=DurableJobs(jobs, clock, os.urandom),
        politeness=_politeness(settings, jobs, clock),
        reopen_store=_store_opener(settings),
        package_signers=PackageSigners(
            domain_roots=settings.importing.wacz_domain_roots,
            timestamp_roots=settings.importing.wacz_timestamp_roots,
            keys=settings.importing.wacz_keys,
        ),
        remote=RemoteLimits(
            settings.importing.requests_per_minute, settings.importing.patience_seconds
        ),
        timestamping=_timestamping(settings),
        sealing=sealing(settings),
    )


def installation(
    settings: Settings, config: Path | None = None, stand: Stand | None = None
) -> Installation:
    """Where everything of these settings lies, with nothing opened or made yet.

    `config` is the settings file that was read, if any.
    """
    return Installation(
        clock=stand.clock if stand else SystemClock(),
        random_bytes=os.urandom,
        version=__version__,
        prefix=settings.archive.prefix,
        data=settings.data,
        files=key_files(settings),
        open_database=partial(Database, settings.database_url),
        find_store=partial(
            find_store,
            settings.store_url,
            endpoint=settings.store.endpoint or None,
            promise=settings.store.promise,
        ),
        find_roots=partial(pinned_roots, settings),
        open_signer=partial(_signer, settings),
        open_log_signer=partial(_log_signer, settings),
        settings=settings.tree(),
        config=config,
        databases=(settings.jobs_url,),
        timestamping=_timestamping(settings),
    )


def diagnose(
    config: Path | None = None,
    data: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stand: Stand | None = None,
) -> tuple[Diagnosis, ...]:
    """What the doctor says, from the settings on; nothing is changed. Never raises MunimentError.

    The arguments are those of `load_settings`.
    """
    env = os.environ if environment is None else environment
    strays = unknown_variables(env)
    found = [
        fail("settings.environment", f"{name} is no setting", f"run `unset {name}`, or correct it")
        for name in strays
    ]
    known = {name: value for name, value in env.items() if name not in strays}
    try:
        settings = load_settings(config, known, data)
        settings.allowed_networks()
    except SettingsError as error:
        found.append(fail("settings.read", str(error), "correct it; config/ has a sample"))
        return tuple(found)
    found.append(ok("settings.read", f"every setting is known; the data lies in {settings.data}"))
    return (*found, *examine(installation(settings, config_path(config, known), stand)))


def store_of(settings: Settings) -> WholeStore:
    """The store of these settings. Raises SettingsError, StorageError."""
    return _store_opener(settings)()


def _store_opener(settings: Settings) -> Callable[[], WholeStore]:
    # A process that is handed this loads the store's room, and not this module.
    return partial(
        open_store,
        settings.store_url,
        endpoint=settings.store.endpoint or None,
        promise=settings.store.promise,
    )


def mirror_of(settings: Settings, named: StoreSettings | None = None) -> WholeStore:
    """The store to mirror to: the one that is named, else that of the settings.

    Raises SettingsError when there is none, and when it is the archive's own store, or one of the
    two lies in the other: then each run would mirror the mirror too.
    """
    target = named or settings.mirror
    if not target.url:
        raise SettingsError("no second store is named: set mirror.url, or give its URL")
    places = [
        _place(target.url, target.endpoint),
        _place(settings.store_url, settings.store.endpoint),
    ]
    if places[0] == places[1]:
        raise SettingsError("the target is the archive's own store: name another one")
    outer, inner = sorted(places, key=lambda place: len(place[0]))
    if inner[1] == outer[1] and inner[0].startswith(f"{outer[0]}/"):
        raise SettingsError(
            "one of the target and the archive's own store lies in the other: name another one"
        )
    return open_store(target.url, endpoint=target.endpoint or None, promise=target.promise)


def _place(url: str, endpoint: str) -> tuple[str, str]:
    scheme, _, path = url.partition(":")
    if scheme == "file":
        return f"file:{Path(path).resolve()}".rstrip("/"), ""
    return url.rstrip("/"), endpoint.rstrip("/")


def key_files(settings: Settings) -> KeyFiles:
    """Where the private keys of these settings and the root fingerprint lie."""
    named = {MANIFEST: settings.keys.manifest, LOG: settings.keys.log}
    return KeyFiles(
        settings.keys_folder,
        settings.passphrase_file,
        settings.root_keyid_file,
        frozenset(role for role, uri in named.items() if uri),
    )


def signer_at(settings: Settings, uri: str) -> Signer:
    """The signer that a URI names. Raises SettingsError, KeyLocked, SignerUnavailable."""
    return open_signer(uri, settings.passphrase_file)


def _signer(settings: Settings) -> Signer:
    return signer_at(settings, settings.manifest_uri)


def _log_signer(settings: Settings) -> Signer:
    return signer_at(settings, settings.log_uri)


def pinned_roots(settings: Settings) -> tuple[str, ...]:
    """The root fingerprints that these settings trust. Raises SettingsError."""
    if settings.trust.roots:
        return settings.trust.roots
    path = settings.root_keyid_file
    try:
        roots = tuple(path.read_text(encoding="ascii").split())
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the root fingerprint {path} cannot be read") from error
    if not roots:
        raise SettingsError(f"the root fingerprint {path} is empty")
    check_roots(str(path), roots)
    return roots


def _user_agent(settings: Settings) -> str:
    contact = f"; {settings.archive.contact}" if settings.archive.contact else ""
    return f"Muniment/{__version__} (citation archive{contact})"


def _timestamping(settings: Settings) -> Timestamping:
    wanted = settings.timestamping
    return Timestamping(
        asker=Rfc3161Client(ClientSettings(_user_agent(settings), wanted.timeout_seconds)),
        authorities=wanted.authorities,
        tokens=wanted.tokens if wanted.envelopes == "on" else 0,
        checkpoint_seconds=CHECKPOINT_INTERVALS[wanted.checkpoints],
        renew_before=dt.timedelta(days=wanted.renew_before_days),
    )


def _fetcher(settings: Settings, clock: Clock) -> HttpFetcher:
    return HttpFetcher(
        FetchSettings(
            user_agent=_user_agent(settings),
            accept_language=settings.capture.language,
            total_timeout_seconds=settings.capture.timeout_seconds,
            wire_bytes_limit=settings.capture.bytes_limit,
            decoded_bytes_limit=settings.capture.decoded_bytes_limit,
        ),
        AddressGuard(settings.allowed_networks()),
        clock,
    )


def sealing(settings: Settings) -> Sealing:
    """What a seal is made and checked with, which takes no archive."""
    wanted = settings.seal

    def ask(query: bytes) -> bytes:
        client = Rfc3161Client(ClientSettings(_user_agent(settings)))
        return client.relay(wanted.timestamp_url, query)

    return Sealing(
        certificates=wanted.certificates,
        key=wanted.key,
        key_secret_file=wanted.key_secret_file,
        roots=wanted.roots,
        timestamp_roots=wanted.timestamp_roots,
        revocation_lists=wanted.revocation_lists,
        ask=ask if wanted.timestamp_url else None,
    )


def _politeness(settings: Settings, jobs: JobsDatabase, clock: Clock) -> Politeness:
    wanted = settings.politeness
    first, longest = wanted.wait_seconds * 1000, wanted.wait_seconds_limit * 1000
    return Politeness(
        turns=HostTurns(
            jobs,
            clock,
            this_process(),
            is_process_gone,
            (settings.capture.timeout_seconds + _RECORDING_SECONDS) * 1000,
        ),
        strangers=HostLimits(wanted.concurrency, wanted.interval_milliseconds, first, longest),
        own=HostLimits(_UNBOUNDED, 0, first, longest),
        own_networks=settings.allowed_networks(),
        tries=wanted.tries,
    )


def worker_of(settings: Settings, archive: Archive, stop: threading.Event) -> JobsWorker:
    """A worker over an opened archive, which works until `stop` is set."""
    wanted = settings.jobs
    return JobsWorker(
        archive,
        stop,
        WorkerSettings(
            machine=socket.gethostname(),
            owner=this_process(),
            is_gone=is_process_gone,
            beat_seconds=wanted.beat_seconds,
            dead_seconds=wanted.dead_seconds,
            grace_seconds=wanted.grace_seconds,
            keep_days=wanted.keep_days,
        ),
        [
            Queue(CAPTURES, wanted.slots, wanted.captures_per_minute or None, 60.0),
            Queue(BATCHES, wanted.batch_slots),
            Queue(LONG, wanted.long_slots),
        ],
        [
            Scheduled(
                "audit",
                {"level": settings.schedule.audit_level, "sample": 0},
                INTERVALS[settings.schedule.audit],
            ),
            Scheduled("mirror", {"verify": False}, INTERVALS[settings.schedule.mirror]),
        ],
    )
