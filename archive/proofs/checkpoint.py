# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: a log's signed tree head (c2sp.org/tlog-checkpoint), and what witnesses add to it.

The text has three lines and no more: extension lines, which C2SP allows, nobody could audit.
A cosignature (c2sp.org/tlog-cosignature, type 0x04) carries the witness's own time.
"""

import base64
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from archive.errors import MalformedNote
from archive.model.anchor import ORIGIN_LIMIT
from archive.proofs.merkle import HASH_BYTES, TreeHead
from archive.proofs.note import (
    COSIGNATURE,
    ED25519,
    Note,
    NoteSignature,
    VerifierKey,
    is_key_name,
    strict_base64,
    strict_decimal,
)

_LINES = 3
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Which log (`origin` is its name and its key's), and the head of its tree."""

    origin: str
    head: TreeHead

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The checkpoint of a note's text. Raises MalformedNote."""
        lines = text.decode("utf-8").split("\n")
        if len(lines) != _LINES + 1 or lines[_LINES]:
            raise MalformedNote("a checkpoint has three lines: origin, size, root")
        origin, size, encoded = lines[:_LINES]
        root = strict_base64(encoded)
        if not is_origin(origin) or len(root) != HASH_BYTES:
            raise MalformedNote("the checkpoint's origin or root is none")
        return cls(origin, TreeHead(strict_decimal(size), root))

    def to_text(self) -> bytes:
        """The text that is signed, its final newline included."""
        root = base64.b64encode(self.head.root).decode("ascii")
        return f"{self.origin}\n{self.head.size}\n{root}\n".encode()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a note has of one key: whether there is a signature, and whether all of them hold.

    `time` is the earliest that its valid cosignatures tell, in seconds since 1970.
    """

    is_present: bool
    is_valid: bool
    time: int | None = None


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint and the note that it is the text of."""

    checkpoint: Checkpoint
    note: Note

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The checkpoint in a note's file; no signature is verified yet. Raises MalformedNote."""
        note = Note.from_bytes(data)
        return cls(Checkpoint.from_text(note.text), note)

    @classmethod
    def of(cls, checkpoint: Checkpoint, signatures: Iterable[NoteSignature]) -> Self:
        """The checkpoint with these signatures under it."""
        return cls(checkpoint, Note(checkpoint.to_text(), tuple(signatures)))

    @property
    def head(self) -> TreeHead:
        """The tree's head."""
        return self.checkpoint.head

    def to_bytes(self) -> bytes:
        """The file."""
        return self.note.to_bytes()

    def judged(self, key: VerifierKey) -> Verdict:
        """Whether the key signed this: as a log by its name, or as a witness."""
        found = self.note.by(key)
        if key.kind == COSIGNATURE:
            return self._judged_cosignatures(found, key)
        is_named = key.kind == ED25519 and key.name == self.checkpoint.origin
        holds = (key.key.verifies(item.signature, self.note.text) for item in found)
        return Verdict(bool(found), bool(found) and is_named and all(holds))

    def _judged_cosignatures(self, found: list[NoteSignature], key: VerifierKey) -> Verdict:
        times = [cosigned_at(item, key, self.note.text) for item in found]
        valid = [time for time in times if time is not None]
        is_valid = bool(times) and len(valid) == len(times)
        return Verdict(bool(found), is_valid, min(valid, default=None) if is_valid else None)


def is_origin(text: str) -> bool:
    """Whether a log may have this name; ASCII, for signed members quote it."""
    return is_key_name(text) and text.isascii() and len(text) <= ORIGIN_LIMIT


def cosigned_moment(seconds: int) -> str:
    """The time of a cosignature for people: to the second, as it is signed."""
    try:
        return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"second {seconds} since 1970"


def cosigned_text(text: bytes, time: int) -> bytes:
    """What a witness signs: that at this time the log's largest tree was that of the text."""
    return b"cosignature/v1\ntime %d\n%b" % (time, text)


def cosignature(key: VerifierKey, time: int, signature: bytes) -> NoteSignature:
    """The line of a witness that signed `cosigned_text` at this time."""
    return NoteSignature(key.name, key.key_id, time.to_bytes(_TIME_BYTES, "big") + signature)


def cosigned_at(line: NoteSignature, key: VerifierKey, text: bytes) -> int | None:
    """The time of a cosignature that holds over the text, else None."""
    data = line.signature
    if not line.is_of(key) or len(data) != _TIME_BYTES + _SIGNATURE_BYTES:
        return None
    time = int.from_bytes(data[:_TIME_BYTES], "big")
    if time >= 2**63 or not key.key.verifies(data[_TIME_BYTES:], cosigned_text(text, time)):
        return None
    return time
