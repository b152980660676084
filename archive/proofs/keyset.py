# SPDX-License-Identifier: Apache-2.0
"""Keysets: which keys may sign what and when, in versions that root keys sign.

A verifier starts from a pinned root fingerprint (the root key's ID) and walks the versions. A
new root set must be signed by the old threshold and by the new one (TUF's rule).
"""

import contextlib
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from archive import canonical
from archive.canonical import JsonValue
from archive.clock import parse_rfc3339, rfc3339
from archive.digests import sha256_hex
from archive.errors import MalformedEvidence, MalformedKeyset
from archive.model.fields import Fields
from archive.model.statement import CONTENT, KEYSET_V1, Statement
from archive.proofs.dsse import Envelope
from archive.proofs.keys import ED25519, PublicKey, read_public_key

ROLES = ("manifest",)
STATES = ("active", "retired", "revoked")


@dataclass(frozen=True, slots=True)
class KeysetKey:
    """A key with its role, its span of validity and its state."""

    key: PublicKey
    role: str
    valid_from: dt.datetime
    valid_until: dt.datetime
    state: str
    invalid_since: dt.datetime | None

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The key of a keyset row. Raises MalformedKeyset."""
        fields = Fields(value, MalformedKeyset, "keyset key")
        key = _key(fields)
        invalid_since = fields.has("invalid_since") and fields.optional_time("invalid_since")
        found = cls(
            key=key,
            role=fields.choice("role", ROLES),
            valid_from=parse_rfc3339(fields.time("valid_from")),
            valid_until=parse_rfc3339(fields.time("valid_until")),
            state=fields.choice("state", STATES),
            invalid_since=parse_rfc3339(invalid_since) if invalid_since else None,
        )
        fields.end()
        if (found.state == "revoked") != (found.invalid_since is not None):
            raise MalformedKeyset(
                "a keyset key is revoked without a time, or has a time without it"
            )
        return found

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
            "invalid_since": rfc3339(self.invalid_since) if self.invalid_since else None,
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

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The keyset in canonical bytes. Raises MalformedJson, MalformedKeyset."""
        value = canonical.loads_canonical(data, canonical.CONTENT_LIMIT)
        fields = Fields(value, MalformedKeyset, "keyset")
        fields.constant("v", 1)
        root = fields.object("root")
        roots = [_root_key(item) for item in root.items("keys")]
        keys = [KeysetKey.from_json(item) for item in fields.items("keys")]
        keyset = cls(
            version=fields.count("version"),
            previous=fields.optional_sha256("previous"),
            issued_at=parse_rfc3339(fields.time("issued_at")),
            is_development=fields.flag("development"),
            threshold=root.count("threshold"),
            roots={key.keyid: key for key in roots},
            keys={key.key.keyid: key for key in keys},
        )
        root.end()
        fields.end()
        distinct = len(keyset.roots) == len(roots) and len(keyset.keys) == len(keys)
        if not distinct or not 1 <= keyset.threshold <= len(roots):
            raise MalformedKeyset("the keyset lists a key twice, or a threshold it cannot reach")
        if set(keyset.roots) & set(keyset.keys):
            raise MalformedKeyset("a root key is also a signing key: one key, one role")
        return keyset

    def signers_among(self, payload_signers: Sequence[Envelope]) -> int:
        """How many distinct root keys signed these envelopes."""
        return len(
            {
                envelope.keyid
                for envelope in payload_signers
                if envelope.keyid in self.roots
                and self.roots[envelope.keyid].verifies(envelope.signature, envelope.signed_bytes())
            }
        )


@dataclass(frozen=True, slots=True)
class SignedKeyset:
    """A keyset version as stored: its envelopes (one for each root signature) and its content."""

    envelopes: tuple[Envelope, ...]
    content: bytes

    def open(self) -> Keyset:
        """The keyset, once payload and content agree. Signatures are not yet checked.

        Raises MalformedKeyset, MalformedStatement, MalformedJson.
        """
        payloads = {envelope.payload for envelope in self.envelopes}
        if len(payloads) != 1:
            raise MalformedKeyset("the keyset's envelopes do not sign the same bytes")
        statement = Statement.from_bytes(self.envelopes[0].payload)
        if statement.predicate_type != KEYSET_V1:
            raise MalformedKeyset("the keyset's envelope signs another kind of statement")
        if statement.subjects != {CONTENT: sha256_hex(self.content)}:
            raise MalformedKeyset("the keyset's content is not what its statement names")
        keyset = Keyset.from_bytes(self.content)
        if statement.predicate != {"version": keyset.version, "previous": keyset.previous}:
            raise MalformedKeyset("the keyset's statement and content disagree")
        return keyset

    @property
    def statement_sha256(self) -> str:
        """The digest of the statement that all its envelopes carry."""
        return sha256_hex(self.envelopes[0].payload)


class UnpinnedRoot(MalformedKeyset):
    """The first keyset's roots are not those that the verifier trusts: nothing is known."""

    code = "ROOT_NOT_PINNED"


class BrokenChain(MalformedKeyset):
    """A keyset version does not follow from the one before it."""

    code = "KEYSET_CHAIN_BROKEN"


def newest_trusted(chain: Sequence[SignedKeyset], pinned_roots: Sequence[str]) -> Keyset:
    """The last keyset of a chain in which every link holds, begun at a pinned root.

    The chain is in order of version. Raises UnpinnedRoot, BrokenChain, and the errors of reading.
    """
    trusted: Keyset | None = None
    before: str | None = None
    for signed in chain:
        trusted = _next_trusted(trusted, before, signed, pinned_roots)
        before = signed.statement_sha256
    if trusted is None:
        raise BrokenChain("there is no keyset")
    return trusted


def chosen_chain(
    rivals: Sequence[Sequence[SignedKeyset]], pinned_roots: Sequence[str]
) -> tuple[SignedKeyset, ...]:
    """For each version, of all that claim to be it, the one that follows from those before.

    Where none follows, the first stands, for `newest_trusted` to say what is wrong with it.
    Raises BrokenChain when the root keys themselves signed two keysets as one version.
    """
    chain: list[SignedKeyset] = []
    trusted: Keyset | None = None
    before: str | None = None
    for claimants in rivals:
        following = []
        for signed in claimants:
            with contextlib.suppress(MalformedEvidence):
                following.append((signed, _next_trusted(trusted, before, signed, pinned_roots)))
        if len(following) > 1:
            version = following[0][1].version
            raise BrokenChain(f"the root keys signed {len(following)} different keysets {version}")
        if following:
            [(chosen, trusted)] = following
            before = chosen.statement_sha256
        chain.append(following[0][0] if following else claimants[0])
    return tuple(chain)


@dataclass(frozen=True)
class KeysetChain:
    """The keysets at hand and the roots to judge them by; the judgement is made once."""

    versions: tuple[SignedKeyset, ...]
    pinned_roots: tuple[str, ...]

    @cached_property
    def newest(self) -> Keyset:
        """The newest trusted keyset. Raises as `newest_trusted`."""
        return newest_trusted(self.versions, self.pinned_roots)


def _next_trusted(
    trusted: Keyset | None, before: str | None, signed: SignedKeyset, pinned_roots: Sequence[str]
) -> Keyset:
    keyset = signed.open()
    _check_link(trusted, before, keyset, pinned_roots)
    if keyset.signers_among(signed.envelopes) < keyset.threshold:
        raise BrokenChain(f"keyset {keyset.version} lacks signatures of its own root keys")
    if trusted and trusted.signers_among(signed.envelopes) < trusted.threshold:
        raise BrokenChain(f"keyset {keyset.version} lacks signatures of the root keys before it")
    return keyset


def _check_link(
    trusted: Keyset | None, before: str | None, keyset: Keyset, pinned_roots: Sequence[str]
) -> None:
    version = trusted.version + 1 if trusted else 1
    if keyset.version != version or keyset.previous != before:
        raise BrokenChain(f"keyset {keyset.version} does not follow version {version - 1}")
    if trusted is None and len(set(pinned_roots) & set(keyset.roots)) < keyset.threshold:
        raise UnpinnedRoot("the root keys of keyset 1 are not among the trusted fingerprints")


def keyset_content(
    keyset_version: int,
    previous: str | None,
    issued_at: str,
    roots: Sequence[PublicKey],
    keys: Sequence[JsonValue],
) -> dict[str, JsonValue]:
    """The content of a development keyset: threshold 1 over the roots given."""
    return {
        "v": 1,
        "version": keyset_version,
        "previous": previous,
        "issued_at": issued_at,
        "development": True,
        "root": {
            "threshold": 1,
            "keys": [
                {"keyid": key.keyid, "alg": ED25519, "spki": key.spki_base64} for key in roots
            ],
        },
        "keys": list(keys),
    }


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
