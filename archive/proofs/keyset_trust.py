# SPDX-License-Identifier: Apache-2.0
"""What a keyset says beside its keys: which log, witnesses and time authorities are trusted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from archive.canonical import JsonValue
from archive.errors import MalformedKeyset, MalformedNote
from archive.model.fields import Fields
from archive.proofs.note import COSIGNATURE, VerifierKey

NAME_LIMIT = 100
# Notes allow any UTF-8 without blank and plus; in ASCII no two names look alike.
_NAME = re.compile(rf"[!-*,-~]{{1,{NAME_LIMIT}}}")
# It names files.
_AUTHORITY = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]{0,18})){1,30}")


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """A transparency log: its origin, and the listed key of role `log` that signs for it."""

    origin: str
    keyid: str

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The log of a keyset row. Raises MalformedKeyset."""
        fields = Fields(value, MalformedKeyset, "keyset log")
        found = cls(fields.text("origin"), fields.sha256("keyid"))
        fields.end()
        if not is_plain_name(found.origin):
            raise MalformedKeyset("the origin of a log is no name")
        return found

    def to_json(self) -> JsonValue:
        """The entry of the keyset's content."""
        return {"origin": self.origin, "keyid": self.keyid}


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who cosigns checkpoints, and how many of them must. A quorum of 0 asks for none."""

    quorum: int = 0
    keys: tuple[VerifierKey, ...] = ()

    @classmethod
    def from_json(cls, fields: Fields) -> Self:
        """The witnesses of a keyset. Raises MalformedKeyset."""
        found = cls(fields.count("quorum"), tuple(_witness(item) for item in fields.items("keys")))
        fields.end()
        refuse_twice("witness", [witness.name for witness in found.keys])
        refuse_twice("key of a witness", [witness.key.keyid for witness in found.keys])
        if found.quorum > len(found.keys):
            raise MalformedKeyset("the keyset asks for more witnesses than it lists")
        return found

    def to_json(self) -> JsonValue:
        """The member of the keyset's content."""
        keys = [{"name": witness.name, "vkey": witness.to_text()} for witness in self.keys]
        return {"quorum": self.quorum, "keys": keys}


NO_WITNESSES = Witnesses()


@dataclass(frozen=True, slots=True)
class Authority:
    """A timestamp authority (RFC 3161).

    `roots` are SHA-256 digests of DER certificates, which lie among the blobs. Without `policies`
    (object identifiers) any policy of the authority counts.
    """

    name: str
    roots: tuple[str, ...]
    policies: tuple[str, ...]
    is_qualified: bool

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The authority of a keyset row. Raises MalformedKeyset."""
        fields = Fields(value, MalformedKeyset, "keyset authority")
        found = cls(
            name=fields.text("name"),
            roots=fields.sha256s("roots"),
            policies=fields.texts("policies"),
            is_qualified=fields.flag("qualified"),
        )
        fields.end()
        if not _AUTHORITY.fullmatch(found.name):
            raise MalformedKeyset("the name of an authority is no name")
        if not found.roots or not all(_OID.fullmatch(policy) for policy in found.policies):
            raise MalformedKeyset("an authority has no roots, or a policy that is no identifier")
        refuse_twice("root of an authority", found.roots)
        refuse_twice("policy of an authority", found.policies)
        return found

    def to_json(self) -> JsonValue:
        """The entry of the keyset's content."""
        return {
            "name": self.name,
            "roots": list(self.roots),
            "policies": list(self.policies),
            "qualified": self.is_qualified,
        }


def is_plain_name(name: str) -> bool:
    """Whether a log or a witness may be called so here."""
    return _NAME.fullmatch(name) is not None


def refuse_twice(what: str, names: Sequence[str]) -> None:
    """Raise MalformedKeyset when a name stands twice."""
    if len(set(names)) != len(names):
        raise MalformedKeyset(f"the keyset lists a {what} twice")


def _witness(value: JsonValue) -> VerifierKey:
    fields = Fields(value, MalformedKeyset, "keyset witness")
    name, text = fields.text("name"), fields.text("vkey")
    fields.end()
    try:
        key = VerifierKey.from_text(text)
    except MalformedNote as error:
        raise MalformedKeyset(f"a witness of the keyset: {error}") from error
    if not is_plain_name(name):
        raise MalformedKeyset("the name of a witness is no name")
    if key.name != name or key.kind != COSIGNATURE:
        raise MalformedKeyset("the key of a witness has another name, or is for another use")
    return key
