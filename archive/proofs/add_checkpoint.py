# SPDX-License-Identifier: Apache-2.0
"""The one request of c2sp.org/tlog-witness, as bytes and read back."""

import base64
from dataclasses import dataclass
from typing import Self

from archive.errors import MalformedNote
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.note import NOTE_LIMIT, strict_decimal, strict_hashes

PATH = "add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
REQUEST_LIMIT = NOTE_LIMIT + 8192
_HASHES_LIMIT = 63
_WORD = "old "


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A checkpoint, and the proof that its tree grew out of one of the old size."""

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: SignedCheckpoint

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The request in a body. Raises MalformedNote."""
        head, gap, note = data.partition(b"\n\n")
        if len(data) > REQUEST_LIMIT or not gap:
            raise MalformedNote("a request is an old size, a proof, an empty line, a checkpoint")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise MalformedNote("the request is not ASCII down to its checkpoint") from error
        old, proof = lines[0], lines[1:]
        if not old.startswith(_WORD) or len(proof) > _HASHES_LIMIT:
            raise MalformedNote("the request has no old size, or too many hashes")
        size = strict_decimal(old.removeprefix(_WORD))
        return cls(size, strict_hashes(proof), SignedCheckpoint.from_bytes(note))

    def to_bytes(self) -> bytes:
        """The body."""
        hashes = "".join(f"{base64.b64encode(item).decode('ascii')}\n" for item in self.proof)
        return f"{_WORD}{self.old_size}\n{hashes}\n".encode() + self.checkpoint.to_bytes()
