# SPDX-License-Identifier: Apache-2.0
"""The archive as services see it: every outside thing behind the interface that they need."""

import datetime as dt
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from archive.catalog.database import Database
from archive.catalog.hot import HotReader
from archive.clock import Clock
from archive.errors import SigningError
from archive.jobs.base import Jobs
from archive.jobs.hosts import HostTurns
from archive.jobs.politeness import HostLimits
from archive.model.fetch import Fetch
from archive.proofs.dsse import Envelope
from archive.proofs.keyset import ACTIVE, LOG, MANIFEST, Keyset, KeysetKey
from archive.services.owed import Owed
from archive.services.publisher import Publisher
from archive.signing.base import Signer, checked, seal
from archive.storage.base import Store, WholeStore

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Fetcher(Protocol):
    """Looks at a URL."""

    def fetch(self, url: str) -> Fetch:
        """All exchanges of one look. Raises MalformedUrl, AddressRefused."""
        ...

    def fetch_one(self, url: str, span: tuple[int, int] | None = None) -> Fetch:
        """One exchange, no redirect followed; of a range, if one is given (first byte, bytes).

        Raises MalformedUrl, AddressRefused.
        """
        ...

    def close(self) -> None:
        """Let go of idle connections."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the archive is and how it looks: what every statement says of it."""

    prefix: str
    name: str
    agent: str
    agent_version: str
    vantage: str
    language: str


@dataclass(frozen=True, slots=True)
class Politeness:
    """What hosts are spared: strangers, and the operator's own; and looks for one request."""

    turns: HostTurns
    strangers: HostLimits
    own: HostLimits
    own_networks: Sequence[Network]
    tries: int


@dataclass(frozen=True, slots=True)
class PackageSigners:
    """Whose signatures on packages count: PEM files of authorities, and digests of public keys."""

    domain_roots: str = ""
    timestamp_roots: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sealing:
    """Where the organisation's seal lies (PEM files, lists in DER), if it has one.

    `ask` gives the seal's timestamp authority's answer to a TimeStampReq.
    """

    certificates: str = ""
    key: str = ""
    key_secret_file: str = ""
    roots: str = ""
    timestamp_roots: str = ""
    revocation_lists: tuple[str, ...] = ()
    ask: Callable[[bytes], bytes] | None = None


@dataclass(frozen=True, slots=True)
class RemoteLimits:
    """How other archives are asked: so often, and with so much patience for one answer."""

    requests_per_minute: int
    patience_seconds: int


class TimeAnswer(Protocol):
    """What an authority for time answered, and the nonce that it was asked with."""

    @property
    def response(self) -> bytes:
        """The TimeStampResp, or what is none."""
        ...

    @property
    def nonce(self) -> int:
        """That of the question."""
        ...


class TimeAsker(Protocol):
    """Asks an authority for a token."""

    def ask(self, url: str, message: bytes, *, is_strong: bool = False) -> TimeAnswer:
        """The answer about a digest of the message, which is the longer one if it is to be strong.

        Raises TimestampRefused, TimestampUnavailable, MalformedUrl.
        """
        ...


@dataclass(frozen=True, slots=True)
class Timestamping:
    """Whom the archive asks for trusted time, by name and URL, and for what.

    `tokens` is of how many authorities an envelope gets one, 0 for none; a checkpoint gets those
    of all of them, one in so many seconds, None for never. A token is renewed so long before the
    certificate behind it ends.
    """

    asker: TimeAsker
    authorities: tuple[tuple[str, str], ...]
    tokens: int
    checkpoint_seconds: int | None
    renew_before: dt.timedelta


@dataclass(frozen=True, slots=True)
class WitnessesAsked:
    """Where witnesses are asked to cosign, and how many seconds all of them have together."""

    urls: tuple[str, ...] = ()
    seconds: float = 5


@dataclass(frozen=True, slots=True)
class Archive:
    """Everything a service may use, wired once by `archive.bootstrap`.

    `open_mirror` gives the second store of the settings, or raises SettingsError.
    `open_signer` opens the private key when something is to be signed, and `open_log_signer` that
    of the log, so that an archive without its keys still reads and verifies. `log_origin` is what
    a new log is to be called; empty for the name that follows from `base_url` and the root key.
    `reopen` and `reopen_store` can be pickled: worker processes open an archive, or a store alone,
    of their own with them.
    """

    identity: Identity
    clock: Clock
    random_bytes: Callable[[int], bytes]
    store: Store
    open_mirror: Callable[[], Store]
    database: Database
    hot: HotReader
    fetcher: Fetcher
    open_signer: Callable[[], Signer]
    open_log_signer: Callable[[], Signer]
    log_origin: str
    pinned_roots: Sequence[str]
    base_url: str
    upload_bytes_limit: int
    reopen: Callable[[], "Archive"]
    jobs: Jobs
    politeness: Politeness
    reopen_store: Callable[[], Store]
    package_signers: PackageSigners
    remote: RemoteLimits
    timestamping: Timestamping
    log_store: WholeStore
    witnesses: WitnessesAsked = WitnessesAsked()
    publisher: Publisher = field(default_factory=Publisher)
    sealing: Sealing = Sealing()
    owed: Owed = field(default_factory=Owed)

    def close(self) -> None:
        """Publish what this process logged, and let go of connections."""
        self.publisher.close()
        self.jobs.close()
        self.fetcher.close()
        self.hot.close()
        self.database.close()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A signer, and what the trusted keyset says of its key."""

    signer: Signer
    listed: KeysetKey
    keyset_version: int

    def seal(self, payload: bytes) -> Envelope:
        """A checked envelope over the payload. Raises SigningError."""
        return seal(self.signer, payload, self.listed.key)


@dataclass(frozen=True, slots=True)
class LogKey:
    """A signer of checkpoints, what the trusted keyset says of its key, and the log's origin."""

    signer: Signer
    listed: KeysetKey
    origin: str

    def sign(self, data: bytes) -> bytes:
        """The checked signature over the text of a checkpoint. Raises SigningError."""
        return checked(self.signer, data, self.listed.key)


def signing_key(archive: Archive, keyset: Keyset) -> SigningKey:
    """The key to sign captures with now.

    Raises KeyLocked, and SigningError when the keyset does not list the key as active and valid.
    """
    signer = archive.open_signer()
    return SigningKey(signer, _listed(archive, keyset, signer, MANIFEST), keyset.version)


def log_signing_key(archive: Archive, keyset: Keyset) -> LogKey | None:
    """The key to sign checkpoints with now; None when the keyset has no log that is written to.

    Raises as `signing_key`.
    """
    log = keyset.log
    if log is None:
        return None
    signer = archive.open_log_signer()
    listed = _listed(archive, keyset, signer, LOG)
    if listed.key.keyid != log.keyid:
        raise SigningError(f"the log key is not the one of {log.origin}: put back its key file")
    return LogKey(signer, listed, log.origin)


def _listed(archive: Archive, keyset: Keyset, signer: Signer, role: str) -> KeysetKey:
    """What the keyset says of the signer's key, once it may sign in this role now."""
    name = "signing key" if role == MANIFEST else "log key"
    listed = keyset.keys.get(signer.public_key.keyid)
    if listed is None or listed.state != ACTIVE or listed.role != role:
        state = "" if listed is None else f" (it is {listed.state}, role {listed.role})"
        raise SigningError(
            f"the {name} is not an active {role} key of the keyset{state}; if "
            "`muniment keys rotate` was broken off, run it again"
        )
    now = archive.clock.now()
    if now < listed.valid_from:
        raise SigningError(
            f"the {name} is valid from {listed.valid_from:%Y-%m-%d %H:%M} UTC on, and it is "
            f"{now:%Y-%m-%d %H:%M} by the clock: set the clock"
        )
    if now >= listed.valid_until:
        raise SigningError(f"the {name} ended on {listed.valid_until:%Y-%m-%d}: rotate it")
    return listed
