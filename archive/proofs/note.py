# SPDX-License-Identifier: Apache-2.0
"""Signed notes and their verifier keys (c2sp.org/signed-note), read and written strictly.

A text that anyone can read, with one line for each signature. A line of a key that the reader
does not know means nothing; one of a key that it knows must hold.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from archive.digests import sha256_hex
from archive.errors import MalformedKeyset, MalformedNote
from archive.proofs.keys import PublicKey, public_key

ED25519 = 0x01
COSIGNATURE = 0x04
NOTE_LIMIT = 64 * 1024
_KINDS = (ED25519, COSIGNATURE)
_SIGNATURES_LIMIT = 100
_KEY_ID_BYTES = 4
_KEY_BYTES = 32
_DASH = "\u2014 "
_LAST_CONTROL = 0x1F


@dataclass(frozen=True)
class VerifierKey:
    """A public key under a name, for one type of signature."""

    name: str
    kind: int
    key: PublicKey

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The key of a vkey: `name+hash+base64`. Raises MalformedNote."""
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        data = strict_base64(encoded)
        if not is_key_name(name) or len(data) != 1 + _KEY_BYTES or data[0] not in _KINDS:
            raise MalformedNote("this is no verifier key for Ed25519 signatures or cosignatures")
        try:
            key = public_key(Ed25519PublicKey.from_public_bytes(data[1:]))
        except MalformedKeyset as error:
            raise MalformedNote(f"the verifier key of {name!r} is unusable: {error}") from error
        found = cls(name, data[0], key)
        if found.key_id.hex() != key_id:
            raise MalformedNote(f"the verifier key of {name!r} is not the one that its hash names")
        return found

    def to_text(self) -> str:
        """The vkey."""
        encoded = base64.b64encode(bytes([self.kind]) + self._raw).decode("ascii")
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @cached_property
    def key_id(self) -> bytes:
        """The four bytes by which a signature line names the key."""
        named = self.name.encode("utf-8") + b"\n" + bytes([self.kind]) + self._raw
        return bytes.fromhex(sha256_hex(named))[:_KEY_ID_BYTES]

    @property
    def _raw(self) -> bytes:
        return self.key.raw


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: whose it says to be, and the signature's own bytes."""

    name: str
    key_id: bytes
    signature: bytes

    @classmethod
    def from_line(cls, line: str) -> Self:
        """The signature of a line without its newline. Raises MalformedNote."""
        name, space, encoded = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not space or not is_key_name(name):
            raise MalformedNote("a signature line of the note is none")
        data = strict_base64(encoded)
        if len(data) <= _KEY_ID_BYTES:
            raise MalformedNote("a signature of the note is empty")
        return cls(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])

    def to_line(self) -> str:
        """The line, with its newline."""
        encoded = base64.b64encode(self.key_id + self.signature).decode("ascii")
        return f"{_DASH}{self.name} {encoded}\n"

    def is_of(self, key: VerifierKey) -> bool:
        """Whether the line says to be by this key; nothing is verified yet."""
        return (self.name, self.key_id) == (key.name, key.key_id)


@dataclass(frozen=True, slots=True)
class Note:
    """A text, whose final newline belongs to it, and the signatures under it."""

    text: bytes
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The note in a file. Raises MalformedNote."""
        shown = _plain_text(data)
        text, gap, block = shown.rpartition("\n\n")
        if not gap or not block.endswith("\n"):
            raise MalformedNote("the note has no block of signatures")
        return cls(f"{text}\n".encode(), signature_lines(block))

    def to_bytes(self) -> bytes:
        """The file."""
        lines = "".join(signature.to_line() for signature in self.signatures)
        return self.text + b"\n" + lines.encode("utf-8")

    def by(self, key: VerifierKey) -> list[NoteSignature]:
        """The signatures that say to be by this key."""
        return [signature for signature in self.signatures if signature.is_of(key)]

    def with_signatures(self, more: Iterable[NoteSignature]) -> "Note":
        """The note with these lines behind its own."""
        return replace(self, signatures=(*self.signatures, *more))


def signature_lines(block: str) -> tuple[NoteSignature, ...]:
    """The signatures of one line each, one line at least. Raises MalformedNote."""
    lines = block.removesuffix("\n").split("\n")
    if len(lines) > _SIGNATURES_LIMIT or not block.endswith("\n"):
        raise MalformedNote("the note has too many signatures, or the last is cut off")
    return tuple(NoteSignature.from_line(line) for line in lines)


def is_key_name(name: str) -> bool:
    """Whether a key may have this name: no spaces, no plus, nothing unprintable, not empty."""
    return bool(name) and "+" not in name and not any(c.isspace() for c in name) and _is_plain(name)


def strict_base64(text: str) -> bytes:
    """The bytes of standard base64 in its one spelling. Raises MalformedNote."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise MalformedNote("base64 that cannot be read") from error
    if base64.b64encode(data).decode("ascii") != text:
        raise MalformedNote("base64 that is not in its one spelling")
    return data


def strict_hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    """One SHA-256 from each line of base64. Raises MalformedNote."""
    hashes = tuple(strict_base64(line) for line in lines)
    if any(len(item) != _KEY_BYTES for item in hashes):
        raise MalformedNote("a hash that has not 32 bytes")
    return hashes


def strict_decimal(text: str) -> int:
    """The number in ASCII digits without leading zeros, below 2^63. Raises MalformedNote."""
    is_number = text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")
    # Its length first: reading a number of a million digits takes long.
    if not is_number or len(text) > len(str(2**63)) or int(text) >= 2**63:
        raise MalformedNote("a number that is not a plain decimal below 2^63")
    return int(text)


def _plain_text(data: bytes) -> str:
    if len(data) > NOTE_LIMIT:
        raise MalformedNote(f"a note of {len(data)} bytes is over the limit of {NOTE_LIMIT}")
    try:
        shown = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedNote("the note is not UTF-8") from error
    if not all(map(_is_plain, shown.split("\n"))):
        raise MalformedNote("the note holds a control character")
    return shown


def _is_plain(text: str) -> bool:
    return all(ord(character) > _LAST_CONTROL for character in text)
