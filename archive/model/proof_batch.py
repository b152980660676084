# SPDX-License-Identifier: Apache-2.0
"""A batch of proofs as `proofs.json` lists it, and what a renewal of earlier batches is over.

`archive/specs/time.md` is the form in words. Nothing signs these files: a token proves itself, and
the listing only says which bytes belong together, so that each byte of a batch is pinned.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from archive import canonical
from archive.canonical import JsonValue
from archive.clock import parse_rfc3339, rfc3339
from archive.errors import MalformedProofs
from archive.model.fields import Fields

PROOFS = "proofs.json"
RENEWAL = "renewal.json"
STAMP, RENEW = "stamp", "renewal"
TOKEN, CRL, CERTIFICATE, RENEWED = "token", "crl", "certificate", "renewed"

_AUTHORITY = r"[a-z0-9][a-z0-9.-]{0,62}"
_NAMES = {
    TOKEN: re.compile(rf"({_AUTHORITY})\.tsr"),
    CRL: re.compile(rf"({_AUTHORITY})\.[1-9]\.crl"),
    CERTIFICATE: re.compile(rf"({_AUTHORITY})\.[1-9]\.cer"),
    RENEWED: re.compile(r"()renewal\.json"),
}
_SHA512 = re.compile(r"[0-9a-f]{128}")
IN_BATCH = frozenset({TOKEN, RENEWED})
"""The roles whose files lie in the batch's own folder; the others are blobs, by their digest."""


@dataclass(frozen=True, slots=True)
class ProofFile:
    """One file of a batch. A token states a time and is of an authority, as its company is."""

    name: str
    role: str
    sha256: str
    authority: str | None
    gen_time: dt.datetime | None

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The file of a row. Raises MalformedProofs."""
        fields = Fields(value, MalformedProofs, "proof file")
        gen_time = fields.optional_time("gen_time")
        found = cls(
            name=fields.text("file"),
            role=fields.choice("role", tuple(_NAMES)),
            sha256=fields.sha256("sha256"),
            authority=fields.optional_text("authority"),
            gen_time=parse_rfc3339(gen_time) if gen_time else None,
        )
        fields.end()
        match = _NAMES[found.role].fullmatch(found.name)
        if match is None or (match[1] or None) != found.authority:
            raise MalformedProofs(f"a proof file of role {found.role} has another name")
        if (found.role == TOKEN) != (found.gen_time is not None):
            raise MalformedProofs("a token states a time, and nothing else does")
        return found

    def to_json(self) -> JsonValue:
        """The row of the listing."""
        return {
            "file": self.name,
            "role": self.role,
            "sha256": self.sha256,
            "authority": self.authority,
            "gen_time": rfc3339(self.gen_time) if self.gen_time else None,
        }


@dataclass(frozen=True, slots=True)
class ProofBatch:
    """The listing of one batch: what its tokens are over, by name and digest, and its files."""

    role: str
    over_name: str
    over_sha256: str
    files: tuple[ProofFile, ...]

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The listing in canonical bytes. Raises MalformedJson, MalformedProofs."""
        fields = Fields(canonical.loads_canonical(data), MalformedProofs, PROOFS)
        fields.constant("v", 1)
        over = fields.object("over")
        found = cls(
            role=fields.choice("role", (STAMP, RENEW)),
            over_name=over.text("file"),
            over_sha256=over.sha256("sha256"),
            files=tuple(map(ProofFile.from_json, fields.items("files"))),
        )
        over.end()
        fields.end()
        names = [file.name for file in found.files]
        if names != sorted(set(names)) or not found.tokens:
            raise MalformedProofs("its files are not in order, or none is a token")
        # Names are told by what they are of, so that no letter of them is free.
        if names != sorted(_named(found.files)):
            raise MalformedProofs("its files are not numbered from 1 on")
        renewed = [file.sha256 for file in found.files if file.role == RENEWED]
        expected = [found.over_sha256] if found.role == RENEW else []
        if renewed != expected or (found.role == RENEW) != (found.over_name == RENEWAL):
            raise MalformedProofs("a renewal is over its own file, and nothing else is")
        return found

    def to_bytes(self) -> bytes:
        """The file."""
        return canonical.dumps(
            {
                "v": 1,
                "role": self.role,
                "over": {"file": self.over_name, "sha256": self.over_sha256},
                "files": [file.to_json() for file in self.files],
            }
        )

    @property
    def tokens(self) -> tuple[ProofFile, ...]:
        """The files that are tokens."""
        return self.of_role(TOKEN)

    def of_role(self, role: str, authority: str | None = None) -> tuple[ProofFile, ...]:
        """The files of a role, of one authority if it is given."""
        return tuple(
            file for file in self.files if file.role == role and authority in {None, file.authority}
        )


def _named(files: Sequence[ProofFile]) -> Iterator[str]:
    """The names that files of these roles and authorities have."""
    counted: Counter[tuple[str, str | None]] = Counter()
    for file in files:
        counted[file.role, file.authority] += 1
        yield file_name(file.role, file.authority, counted[file.role, file.authority])


def file_name(role: str, authority: str | None, number: int = 1) -> str:
    """The name of a file in a batch; lists and certificates of an authority are numbered."""
    endings = {TOKEN: "tsr", CRL: f"{number}.crl", CERTIFICATE: f"{number}.cer"}
    return RENEWAL if role == RENEWED else f"{authority}.{endings[role]}"


@dataclass(frozen=True, slots=True)
class RenewedFile:
    """A file that a renewal covers: its key in the store, its size, and two digests of it."""

    key: str
    size: int
    sha256: str
    sha512: str

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The file of a row. Raises MalformedProofs."""
        fields = Fields(value, MalformedProofs, "renewed file")
        found = cls(
            fields.text("key"),
            fields.count("bytes"),
            fields.sha256("sha256"),
            fields.text("sha512"),
        )
        fields.end()
        if not _SHA512.fullmatch(found.sha512):
            raise MalformedProofs("a renewed file has no SHA-512 in lower-case hex")
        return found

    def to_json(self) -> JsonValue:
        """The row of the renewal."""
        return {
            "key": self.key,
            "bytes": self.size,
            "sha256": self.sha256,
            "sha512": self.sha512,
        }


@dataclass(frozen=True, slots=True)
class Renewal:
    """What the tokens of a renewal are over: every file that the earlier batches rest on."""

    files: tuple[RenewedFile, ...]

    @classmethod
    def of(cls, files: Sequence[RenewedFile]) -> Self:
        """The renewal of these files, in order."""
        return cls(tuple(sorted(files, key=lambda file: file.key)))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The renewal in canonical bytes. Raises MalformedJson, MalformedProofs."""
        value = canonical.loads_canonical(data, canonical.CONTENT_LIMIT)
        fields = Fields(value, MalformedProofs, RENEWAL)
        fields.constant("v", 1)
        found = cls(tuple(map(RenewedFile.from_json, fields.items("files"))))
        fields.end()
        keys = [file.key for file in found.files]
        if keys != sorted(set(keys)):
            raise MalformedProofs("the renewed files are not in order")
        return found

    def to_bytes(self) -> bytes:
        """The file."""
        return canonical.dumps({"v": 1, "files": [file.to_json() for file in self.files]})
