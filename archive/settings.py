# SPDX-License-Identifier: Apache-2.0
"""Settings: one TOML file, and the environment over it (`MUNIMENT_<SECTION>_<NAME>`).

Every setting stands here once, with its default and a sentence; an unknown one is an error, so
that a typing mistake never goes unnoticed. `config/muniment.sample.toml` shows them all.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from archive.errors import SettingsError
from archive.model.lock import DAYS_LIMIT, LEVELS, LockPromise

_DATA = "muniment-data"
_WORDS_LIMIT = 64
_NAME_LIMIT = 100
_MAY_BE_ZERO = {("jobs", "captures_per_minute")}
_METRICS_READERS = ("key", "loopback", "off")
_AUDIT_LEVELS = ("plain", "deep", "full")
_DAY_SECONDS = 24 * 60 * 60
INTERVALS: Mapping[str, int | None] = {
    "never": None,
    "daily": _DAY_SECONDS,
    "weekly": 7 * _DAY_SECONDS,
    "monthly": 30 * _DAY_SECONDS,
}
"""The words of [schedule], and the seconds from one job to the next; None: no job."""
CHECKPOINT_INTERVALS: Mapping[str, int | None] = {
    "never": None,
    "hourly": 60 * 60,
    "daily": _DAY_SECONDS,
    "always": 0,
}
"""The words of timestamping.checkpoints, and the seconds from one that is stamped to the next."""
# A name is part of the names of files in the store.
_AUTHORITY_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_AUTHORITY = re.compile(r"(?:([a-z0-9][a-z0-9.-]{0,62})=)?(https?://[\x21-\x7e]+)")
_KEYID = re.compile(r"[0-9a-f]{64}")
# RFC 3986 without user, query, fragment and the quote: it is printed in citations and in HTML.
_BASE_URL = re.compile(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:/[A-Za-z0-9._~%!$&()*+,;=:@/-]*)?"
)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


@dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """[archive]: who this archive is."""

    prefix: str = "CA"  # first part of every record ID; never change it once IDs are out
    name: str = "Muniment archive"  # as citations print it; at most 100 characters
    contact: str = ""  # the operator's address or URL, sent in the User-Agent of captures


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """[store]: where the bytes lie."""

    url: str = ""  # file:PATH, s3://bucket/prefix; default file:<data>/store
    endpoint: str = ""  # URL of an S3-compatible server; empty for AWS
    lock: str = "none"  # "compliance" or "governance": lock each object as it is stored (S3 only)
    lock_days: int = 3650  # how long from then on; `muniment probe` after a change of either

    @property
    def promise(self) -> LockPromise | None:
        """What every object is locked with; None: with nothing."""
        return None if self.lock == "none" else LockPromise(self.lock, self.lock_days)


@dataclass(frozen=True, slots=True)
class MirrorSettings(StoreSettings):
    """[mirror]: a second store that holds the same, as `muniment mirror` and its job make it.

    Members are those of [store]; without a url there is no mirror.
    """


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """[database]: the catalogue."""

    # sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME; default sqlite:///<data>/catalog.sqlite
    # (a password may stand in it, and is better kept in PGPASSWORD or a password file)
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """[network]: what captures may connect to."""

    allow: tuple[str, ...] = ()  # CIDR blocks that the address guard lets through


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """[capture]: how pages are fetched; vantage and language are part of every capture."""

    vantage: str = "default"  # a name for the network and region that requests come from
    language: str = "en"  # the Accept-Language that is sent
    timeout_seconds: int = 60  # for one URL with all its redirects
    bytes_limit: int = 64 * 1024 * 1024  # received bytes of one look, redirects included
    decoded_bytes_limit: int = 128 * 1024 * 1024  # bytes of one body after decoding


@dataclass(frozen=True, slots=True)
class KeysSettings:
    """[keys]: where the private keys lie, and what opens them."""

    folder: str = ""  # default <data>/keys
    passphrase_file: str = ""  # default <keys folder>/passphrase
    manifest: str = ""  # URI of the key that signs captures; default manifest.pem in the folder
    log: str = ""  # URI of the key that signs checkpoints; default log.pem in the folder


@dataclass(frozen=True, slots=True)
class LogSettings:
    """[log]: the transparency log of everything that is signed."""

    origin: str = ""  # name of a new log; default <host and path of server.base_url>/log
    witnesses: tuple[str, ...] = ()  # http(s) URLs of witnesses; the keyset says whose word counts
    witness_seconds: int = 5  # waited for all witnesses together, before a checkpoint is published


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """[trust]: the root keys that this archive verifies its own records against."""

    roots: tuple[str, ...] = ()  # key IDs (64 hex digits); default: in <data>/root.keyid


@dataclass(frozen=True, slots=True)
class TimestampingSettings:
    """[timestamping]: which authorities are asked for trusted time (RFC 3161), and for what.

    Whose tokens count is not said here: that is in the signed keyset, under the same names.
    """

    urls: tuple[str, ...] = ()  # NAME=URL, or a URL, whose host is the name; in the order to ask
    envelopes: str = "on"  # a token over each capture's statement: on or off
    tokens: int = 1  # of so many authorities for each capture; the next one when one refuses
    checkpoints: str = "always"  # one of each authority: never, hourly, daily or always
    timeout_seconds: int = 30  # for one answer
    renew_before_days: int = 180  # before the certificates behind the last tokens end

    @property
    def authorities(self) -> tuple[tuple[str, str], ...]:
        """Names and URLs, in the order to ask. Raises SettingsError."""
        return _authorities(self.urls)


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """[import]: whose signatures on packages count, and how other archives are asked."""

    wacz_domain_roots: str = ""  # PEM file of the authorities for domains; none by default
    wacz_timestamp_roots: str = ""  # PEM file of the authorities for timestamps; none by default
    wacz_keys: tuple[str, ...] = ()  # SHA-256 (hex) of public keys that sign without a domain
    requests_per_minute: int = 30  # asked of one other archive, at most
    patience_seconds: int = 900  # waited in all for one answer, as the other archive asks for


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """[server]: the HTTP door."""

    base_url: str = ""  # public http(s) URL, as citations print it; without it they print no URL
    upload_bytes_limit: int = 256 * 1024 * 1024  # of one file that is given for verification
    trusted_proxies: tuple[str, ...] = ()  # CIDR blocks whose X-Forwarded-For is believed
    metrics: str = "key"  # who reads /metrics: key (of scope admin), loopback, or off


@dataclass(frozen=True, slots=True)
class LimitsSettings:
    """[limits]: what one client (an API key, or an address) may ask for in a minute."""

    reads_per_minute: int = 1200  # pages, JSON, parts
    verifications_per_minute: int = 120  # of records, digests and files
    writes_per_minute: int = 120  # captures, restrictions
    storage_url: str = "memory://"  # where counts are kept; redis://… when processes share them


@dataclass(frozen=True, slots=True)
class JobsSettings:
    """[jobs]: work that is done in the background, and who does it."""

    url: str = ""  # sqlite:///PATH or a PostgreSQL URL; default that of the catalogue, see below
    slots: int = 16  # captures at once in one worker
    captures_per_minute: int = 0  # captures started by all workers together; 0: as fast as they can
    batch_slots: int = 2  # batches of captures at once in one worker
    long_slots: int = 2  # audits, imports and other long jobs at once in one worker
    grace_seconds: int = 30  # that a worker which is told to end waits for what it does
    beat_seconds: int = 5  # between two signs of life of a worker
    dead_seconds: int = 60  # without one, after which a worker on another machine is taken for dead
    keep_days: int = 30  # for which jobs that have ended are remembered


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """[schedule]: what workers do by themselves; the systemd timers do the same without one."""

    audit: str = "never"  # read everything again: never, daily, weekly or monthly (30 days)
    audit_level: str = "deep"  # plain, deep or full, as in `muniment audit`
    mirror: str = "never"  # fill the store of [mirror]: never, daily, weekly or monthly


@dataclass(frozen=True, slots=True)
class PolitenessSettings:
    """[politeness]: what jobs and lists spare each host, over all workers and processes.

    A host that is an address within network.allow is the operator's own and is not spared.
    """

    concurrency: int = 2  # looks at one host at the same time
    interval_milliseconds: int = 1000  # from the start of one look to the start of the next
    wait_seconds: int = 30  # after a 429 or 503 without a valid Retry-After; doubles each time
    wait_seconds_limit: int = 3600  # the most that a host is left alone, whatever it asks for
    tries: int = 3  # looks for one job while the host answers 429 or 503


@dataclass(frozen=True, slots=True)
class SealSettings:
    """[seal]: the organisation's seal on certificates (PAdES); without a key there is none."""

    certificates: str = ""  # PEM file: the organisation's certificate, then those up to its root
    key: str = ""  # PEM file of its private key
    key_secret_file: str = ""  # whose first line opens the key; empty: nothing is needed
    roots: str = ""  # PEM file of the authorities that seals must lead to
    timestamp_url: str = ""  # an RFC 3161 authority
    timestamp_roots: str = ""  # PEM file of the authorities that its tokens must lead to
    revocation_lists: tuple[str, ...] = ()  # CRL files in DER, of every authority in either chain


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, read and checked."""

    data: Path
    archive: ArchiveSettings = field(default_factory=ArchiveSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    mirror: MirrorSettings = field(default_factory=MirrorSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    capture: CaptureSettings = field(default_factory=CaptureSettings)
    keys: KeysSettings = field(default_factory=KeysSettings)
    log: LogSettings = field(default_factory=LogSettings)
    trust: TrustSettings = field(default_factory=TrustSettings)
    timestamping: TimestampingSettings = field(default_factory=TimestampingSettings)
    importing: ImportSettings = field(default_factory=ImportSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    limits: LimitsSettings = field(default_factory=LimitsSettings)
    jobs: JobsSettings = field(default_factory=JobsSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    politeness: PolitenessSettings = field(default_factory=PolitenessSettings)
    seal: SealSettings = field(default_factory=SealSettings)

    @property
    def store_url(self) -> str:
        """The store's URL, its default filled in."""
        return self.store.url or f"file:{self.data / 'store'}"

    @property
    def database_url(self) -> str:
        """The catalogue's URL, its default filled in."""
        return self.database.url or f"sqlite:///{self.data / 'catalog.sqlite'}"

    @property
    def jobs_url(self) -> str:
        """The URL of the jobs database, its default filled in."""
        if self.jobs.url or self.database.url.startswith("postgresql"):
            return self.jobs.url or self.database.url
        return f"sqlite:///{self.data / 'jobs.sqlite'}"

    @property
    def keys_folder(self) -> Path:
        """The folder of the private keys."""
        return Path(self.keys.folder) if self.keys.folder else self.data / "keys"

    @property
    def passphrase_file(self) -> Path:
        """The file whose first line opens the private keys."""
        if self.keys.passphrase_file:
            return Path(self.keys.passphrase_file)
        return self.keys_folder / "passphrase"

    @property
    def manifest_uri(self) -> str:
        """The URI of the key that signs captures, its default filled in."""
        return self.keys.manifest or f"file:{self.keys_folder / 'manifest.pem'}"

    @property
    def log_uri(self) -> str:
        """The URI of the key that signs checkpoints, its default filled in."""
        return self.keys.log or f"file:{self.keys_folder / 'log.pem'}"

    @property
    def root_keyid_file(self) -> Path:
        """The fingerprint of the root key; apart from the private keys, for reading needs it."""
        return self.data / "root.keyid"

    def section(self, name: str) -> Any:
        """The settings under one heading of the file, such as `server`."""
        return getattr(self, _FIELDS.get(name, name))

    def tree(self) -> dict[str, dict[str, Any]]:
        """Every setting by section and name, as JSON values."""
        return {
            name: {
                item.name: list(value) if isinstance(value, tuple) else value
                for item in fields(kind)
                for value in [getattr(self.section(name), item.name)]
            }
            for name, kind in _SECTIONS.items()
        }

    def allowed_networks(
        self,
    ) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The CIDR blocks that the address guard lets through. Raises SettingsError."""
        return _networks("network.allow", self.network.allow)

    def trusted_proxies(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The CIDR blocks of the proxies that are believed. Raises SettingsError."""
        return _networks("server.trusted_proxies", self.server.trusted_proxies)


def _networks(
    where: str, blocks: Sequence[str]
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in blocks)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from error


_SECTIONS: Mapping[str, type[Any]] = {
    "archive": ArchiveSettings,
    "store": StoreSettings,
    "mirror": MirrorSettings,
    "database": DatabaseSettings,
    "network": NetworkSettings,
    "capture": CaptureSettings,
    "keys": KeysSettings,
    "log": LogSettings,
    "trust": TrustSettings,
    "timestamping": TimestampingSettings,
    "import": ImportSettings,
    "server": ServerSettings,
    "limits": LimitsSettings,
    "jobs": JobsSettings,
    "schedule": ScheduleSettings,
    "politeness": PolitenessSettings,
    "seal": SealSettings,
}
# `import` is no name for a field.
_FIELDS = {"import": "importing"}
_READERS: Mapping[type[Any], Callable[[str], Any]] = {str: str, int: int, tuple: _words}
# Names in the environment that are no settings of the archive: the file's place, and clients'.
_OTHER_NAMES = {
    "MUNIMENT_CONFIG",
    "MUNIMENT_DATA",
    "MUNIMENT_API_KEY",
    "MUNIMENT_TEST_DATA",
    "MUNIMENT_TEST_ENV",
}


def load_settings(
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
    data: Path | None = None,
) -> Settings:
    """The settings of a TOML file (if any) with the environment over it. Raises SettingsError.

    `data` and `config` come before `MUNIMENT_DATA` and `MUNIMENT_CONFIG`.
    """
    env = os.environ if environment is None else environment
    chosen = config_path(config, env)
    tree = _read_toml(chosen) if chosen else {}
    file_data = tree.pop("data", _DATA)
    if not isinstance(file_data, str) or not file_data:
        raise SettingsError("data must be the name of a folder")
    folder = data or Path(env.get("MUNIMENT_DATA") or file_data)
    values = {name: _section(name, tree.pop(name, {})) for name in _SECTIONS}
    if tree:
        raise SettingsError(f"unknown section in the settings file: {', '.join(sorted(tree))}")
    _overlay(values, env)
    _check_counts(values)
    _check_words(values["capture"])
    settings = Settings(
        data=folder,
        **{_FIELDS.get(name, name): _SECTIONS[name](**item) for name, item in values.items()},
    )
    _check_archive(settings.archive)
    _check_base_url(settings.server.base_url)
    if settings.server.metrics not in _METRICS_READERS:
        raise SettingsError(f"server.metrics must be one of {', '.join(_METRICS_READERS)}")
    settings.trusted_proxies()
    _check_lock("store", settings.store)
    _check_lock("mirror", settings.mirror)
    _check_schedule(settings.schedule)
    _check_timestamping(settings.timestamping)
    _check_witnesses(settings.log.witnesses)
    check_roots("trust.roots", settings.trust.roots)
    check_roots("import.wacz_keys", settings.importing.wacz_keys, "SHA-256 of a public key")
    return settings


def config_path(config: Path | None, env: Mapping[str, str]) -> Path | None:
    """The settings file in use: the one given, else that of `MUNIMENT_CONFIG`, else none."""
    return config or (Path(env["MUNIMENT_CONFIG"]) if env.get("MUNIMENT_CONFIG") else None)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"the settings file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings file {path} is not TOML: {error}") from error


def _section(name: str, members: Any) -> dict[str, Any]:
    if not isinstance(members, dict):
        raise SettingsError(f"the settings file's {name!r} is no section")
    kinds = _kinds(name)
    values: dict[str, Any] = {}
    for key, value in members.items():
        if key not in kinds:
            raise SettingsError(f"unknown setting {name}.{key}: known are {', '.join(kinds)}")
        given = tuple(value) if isinstance(value, list) else value
        is_listed = not isinstance(given, tuple) or all(isinstance(item, str) for item in given)
        if type(given) is not kinds[key] or not is_listed:
            kind = "list of str" if kinds[key] is tuple else kinds[key].__name__
            raise SettingsError(f"{name}.{key} must be of type {kind}")
        values[key] = given
    return values


def _overlay(values: dict[str, dict[str, Any]], env: Mapping[str, str]) -> None:
    if unknown := unknown_variables(env):
        raise SettingsError(f"unknown setting in the environment: {', '.join(unknown)}")
    for variable, text in _own_variables(env):
        section, key = _setting_of(variable)
        kind = _kinds(section)[key]
        try:
            values[section][key] = _READERS[kind](text)
        except ValueError as error:
            raise SettingsError(f"{variable} must be of type {kind.__name__}") from error


def unknown_variables(env: Mapping[str, str]) -> list[str]:
    """The variables that look like settings and are none."""
    return [
        variable
        for variable, _ in _own_variables(env)
        for section, key in [_setting_of(variable)]
        if key not in _kinds(section)
    ]


def _own_variables(env: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (variable, text)
        for variable, text in env.items()
        if variable.startswith("MUNIMENT_") and variable not in _OTHER_NAMES
    ]


def _setting_of(variable: str) -> tuple[str, str]:
    section, _, key = variable.removeprefix("MUNIMENT_").lower().partition("_")
    return section, key


def _kinds(section: str) -> dict[str, type[Any]]:
    known = fields(_SECTIONS[section]) if section in _SECTIONS else ()
    return {item.name: type(item.default) for item in known}


def _check_words(capture: Mapping[str, Any]) -> None:
    # Both are part of every signed statement, whose size has a limit.
    for key in ("vantage", "language"):
        value = capture.get(key, "en")
        if not (value.isascii() and value.isprintable() and 1 <= len(value) <= _WORDS_LIMIT):
            raise SettingsError(
                f"capture.{key} must be 1 to {_WORDS_LIMIT} printable ASCII characters"
            )


def check_roots(where: str, roots: Sequence[str], what: str = "root key ID") -> None:
    """Raise SettingsError, naming where they stand, unless these are key IDs."""
    if not all(_KEYID.fullmatch(root) for root in roots):
        raise SettingsError(f"{where}: a {what} has 64 hex digits 0-9 a-f")


def _check_witnesses(urls: Sequence[str]) -> None:
    for url in urls:
        if not _BASE_URL.fullmatch(url):
            raise SettingsError(
                "log.witnesses must be http(s) URLs without user, query and fragment"
            )


def _check_archive(archive: ArchiveSettings) -> None:
    name = archive.name
    if not (name.strip() and name.isprintable() and len(name) <= _NAME_LIMIT):
        raise SettingsError(
            f"archive.name must be 1 to {_NAME_LIMIT} printable characters on one line"
        )
    if not (archive.contact.isascii() and archive.contact.isprintable()):
        raise SettingsError("archive.contact must be printable ASCII characters on one line")


def _check_lock(section: str, store: StoreSettings) -> None:
    if store.lock not in {"none", *LEVELS}:
        raise SettingsError(f"{section}.lock must be one of none, {', '.join(LEVELS)}")
    if store.lock_days > DAYS_LIMIT:
        raise SettingsError(f"{section}.lock_days must be at most {DAYS_LIMIT}")


def _check_schedule(schedule: ScheduleSettings) -> None:
    for name in ("audit", "mirror"):
        if getattr(schedule, name) not in INTERVALS:
            raise SettingsError(f"schedule.{name} must be one of {', '.join(INTERVALS)}")
    if schedule.audit_level not in _AUDIT_LEVELS:
        raise SettingsError(f"schedule.audit_level must be one of {', '.join(_AUDIT_LEVELS)}")


def _check_timestamping(timestamping: TimestampingSettings) -> None:
    if timestamping.envelopes not in {"on", "off"}:
        raise SettingsError("timestamping.envelopes must be on or off")
    if timestamping.checkpoints not in CHECKPOINT_INTERVALS:
        known = ", ".join(CHECKPOINT_INTERVALS)
        raise SettingsError(f"timestamping.checkpoints must be one of {known}")
    _authorities(timestamping.urls)


def _authorities(urls: Sequence[str]) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for text in urls:
        match = _AUTHORITY.fullmatch(text)
        host = match and re.match(r"https?://(?:[^/@?#]*@)?([^/:?#]*)", match[2])
        name = (match[1] or (host[1].lower() if host else "")) if match else ""
        if match is None or not _AUTHORITY_NAME.fullmatch(name):
            raise SettingsError(
                "timestamping.urls: give NAME=URL, an http(s) URL and a name of lower-case "
                f"letters, digits, dots and hyphens, not {text[:100]!r}"
            )
        if name in found:
            raise SettingsError(
                f"timestamping.urls: there are two authorities {name}: give NAME=URL"
            )
        found[name] = match[2]
    return tuple(found.items())


def _check_base_url(url: str) -> None:
    if url and not _BASE_URL.fullmatch(url):
        raise SettingsError(
            "server.base_url must be an http:// or https:// URL in ASCII, without user, spaces, "
            "quotes, query and fragment"
        )


def _check_counts(values: Mapping[str, Mapping[str, Any]]) -> None:
    for section, members in values.items():
        for key, value in members.items():
            least = 0 if (section, key) in _MAY_BE_ZERO else 1
            if type(value) is int and value < least:
                raise SettingsError(f"{section}.{key} must be {least} or more")


def shipped_text(name: str) -> str:
    """A data file of `config/`, out of the installed package or a checkout."""
    installed = Path(__file__).parent / "_config" / name
    checkout = Path(__file__).parent.parent / "config" / name
    return (installed if installed.exists() else checkout).read_text(encoding="utf-8")
