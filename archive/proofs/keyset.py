# SPDX-License-Identifier: Apache-2.0
"""Keysets: which keys may sign what and when, and whom a verifier trusts beside them.

One version of a keyset as its content file says; `archive.proofs.keyset_chain` tells whether
root keys vouch for it.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from archive import canonical
from archive.canonical import JsonValue
from archive.clock import parse_rfc3339, rfc3339
from archive.errors import MalformedKeyset
from archive.model.fields import Fields
from archive.proofs.keys import ED25519, PublicKey, read_public_key
from archive.proofs.keyset_trust import NO_WITNESSES, Authority, TrustedLog, Witnesses, refuse_twice

MANIFEST = "manifest"
LOG = "log"
ROLES = (MANIFEST, LOG)
ACTIVE, RETIRED, REVOKED = STATES = ("active", "retired", "revoked")
REASON_LIMIT = 200
FORMATS = (1, 2)


@dataclass(frozen=True, slots=True)
class KeysetKey:
    """A key with its role, its span of validity and its state.

    `state_at` and `reason` tell when and why it left the state `active`; `invalid_since` is the
    time from which a revoked key's signatures are good for nothing.
    """

    key: PublicKey
    role: str
    valid_from: dt.datetime
    valid_until: dt.datetime
    state: str = ACTIVE
    invalid_since: dt.datetime | None = None
    state_at: dt.datetime | None = None
    reason: str | None = None

    @classmethod
    def from_json(cls, value: JsonValue, form: int) -> Self:
        """The key of a keyset row in this format version. Raises MalformedKeyset."""
        fields = Fields(value, MalformedKeyset, "keyset key")
        is_first = form == 1
        found = cls(
            key=_key(fields),
            role=fields.choice("role", (MANIFEST,) if is_first else ROLES),
            valid_from=parse_rfc3339(fields.time("valid_from")),
            valid_until=parse_rfc3339(fields.time("valid_until")),
            state=fields.choice("state", STATES),
            invalid_since=_optional_time(fields, "invalid_since"),
            state_at=None if is_first else _optional_time(fields, "state_at"),
            reason=None if is_first else fields.optional_text("reason"),
        )
        fields.end()
        found.check()
        return found

    def check(self) -> None:
        """Raise MalformedKeyset when state, times and reason do not go together."""
        if (self.state == REVOKED) != (self.invalid_since is not None):
            raise MalformedKeyset(
                "a keyset key is revoked without a time, or has a time without it"
            )
        if self.state == ACTIVE and (self.state_at is not None or self.reason is not None):
            raise MalformedKeyset("an active keyset key has a time or a reason of its end")
        if self.reason is not None and not (
            1 <= len(self.reason) <= REASON_LIMIT and self.reason.isprintable()
        ):
            raise MalformedKeyset(
                f"the reason of a keyset key is not 1 to {REASON_LIMIT} printable characters"
            )

    def to_json(self) -> JsonValue:
        """The entry of the keyset's content."""
        return {
            "keyid": self.key.keyid,
            "alg": ED25519,
            "spki": self.key.spki_base64,
            "role": self.role,
            "valid_from": rfc3339(self.valid_from),
            "valid_until": rfc3339(self.valid_until),
            "state": self.state,
            "state_at": _or_null(self.state_at),
            "invalid_since": _or_null(self.invalid_since),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Keyset:
    """One version of the keyset, as its content file says."""

    version: int
    previous: str | None
    issued_at: dt.datetime
    is_development: bool
    threshold: int
    roots: Mapping[str, PublicKey]
    keys: Mapping[str, KeysetKey]
    logs: tuple[TrustedLog, ...] = ()
    witnesses: Witnesses = NO_WITNESSES
    authorities: tuple[Authority, ...] = ()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The keyset in canonical bytes. Raises MalformedJson, MalformedKeyset."""
        value = canonical.loads_canonical(data, canonical.CONTENT_LIMIT)
        fields = Fields(value, MalformedKeyset, "keyset")
        form = fields.count("v")
        if form not in FORMATS:
            raise MalformedKeyset(f"a keyset of format {form} is not known")
        root = fields.object("root")
        roots = [_root_key(item) for item in root.items("keys")]
        keys = [KeysetKey.from_json(item, form) for item in fields.items("keys")]
        refuse_twice("root key", [key.keyid for key in roots])
        refuse_twice("key", [item.key.keyid for item in keys])
        is_first = form == 1
        keyset = cls(
            version=fields.count("version"),
            previous=fields.optional_sha256("previous"),
            issued_at=parse_rfc3339(fields.time("issued_at")),
            is_development=fields.flag("development"),
            threshold=root.count("threshold"),
            roots={key.keyid: key for key in roots},
            keys={item.key.keyid: item for item in keys},
            logs=() if is_first else tuple(map(TrustedLog.from_json, fields.items("logs"))),
            witnesses=NO_WITNESSES if is_first else Witnesses.from_json(fields.object("witnesses")),
            authorities=()
            if is_first
            else tuple(map(Authority.from_json, fields.items("authorities"))),
        )
        root.end()
        fields.end()
        keyset.check()
        return keyset

    def check(self) -> None:
        """Raise MalformedKeyset when its members do not go together: one key, one role."""
        if not 1 <= self.threshold <= len(self.roots):
            raise MalformedKeyset("the keyset has a threshold that it cannot reach")
        witnesses = {witness.key.keyid for witness in self.witnesses.keys}
        uses = (self.roots.keys(), self.keys.keys(), witnesses)
        if len(set().union(*uses)) != sum(map(len, uses)):
            raise MalformedKeyset(
                "a key of the keyset is two of root, signing key and witness: one key, one role"
            )
        refuse_twice("origin of a log", [log.origin for log in self.logs])
        refuse_twice("log key", [log.keyid for log in self.logs])
        refuse_twice("authority", [authority.name for authority in self.authorities])
        if any(self._role_of(log.keyid) != LOG for log in self.logs):
            raise MalformedKeyset("a log of the keyset has a key that is not listed with role log")

    def to_bytes(self) -> bytes:
        """The content file, in the newest format."""
        return canonical.dumps(
            {
                "v": FORMATS[-1],
                "version": self.version,
                "previous": self.previous,
                "issued_at": rfc3339(self.issued_at),
                "development": self.is_development,
                "root": {
                    "threshold": self.threshold,
                    "keys": [
                        {"keyid": key.keyid, "alg": ED25519, "spki": key.spki_base64}
                        for key in self.roots.values()
                    ],
                },
                "keys": [item.to_json() for item in self.keys.values()],
                "logs": [log.to_json() for log in self.logs],
                "witnesses": self.witnesses.to_json(),
                "authorities": [authority.to_json() for authority in self.authorities],
            }
        )

    @property
    def log(self) -> TrustedLog | None:
        """The log that is written to now: the last one whose key is active."""
        active = (log for log in self.logs if self.keys[log.keyid].state == ACTIVE)
        return max(active, key=self.logs.index, default=None)

    def _role_of(self, keyid: str) -> str | None:
        return self.keys[keyid].role if keyid in self.keys else None


def _key(fields: Fields) -> PublicKey:
    fields.constant("alg", ED25519)
    keyid = fields.sha256("keyid")
    key = read_public_key(fields.text("spki"))
    if key.keyid != keyid:
        raise MalformedKeyset("a keyset key is listed under an ID that is not its own")
    return key


def _root_key(value: JsonValue) -> PublicKey:
    fields = Fields(value, MalformedKeyset, "root key")
    key = _key(fields)
    fields.end()
    return key


def _optional_time(fields: Fields, name: str) -> dt.datetime | None:
    value = fields.optional_time(name)
    return None if value is None else parse_rfc3339(value)


def _or_null(time: dt.datetime | None) -> str | None:
    return None if time is None else rfc3339(time)
