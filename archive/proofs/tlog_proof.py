# SPDX-License-Identifier: Apache-2.0
"""Inclusion proofs as files of their own (c2sp.org/tlog-proof@v1).

The format has a line for extra data that nothing authenticates. It is read, so that others' files
are, and kept under a name that says what it is worth; no file of ours has one.
"""

import base64
from dataclasses import dataclass
from typing import Self

from archive.errors import MalformedNote, MalformedProof
from archive.proofs.checkpoint import SignedCheckpoint
from archive.proofs.merkle import is_included
from archive.proofs.note import strict_base64, strict_decimal, strict_hashes

PROOF_LIMIT = 128 * 1024
# A tree of less than 2^63 leaves has no longer proof.
HASHES_LIMIT = 63
_FIRST = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class LogProof:
    """Where a leaf is, the hashes that lead to the root, and the checkpoint with that root."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: SignedCheckpoint
    untrusted_extra: bytes | None = None

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The proof in a file; nothing is verified yet. Raises MalformedProof, MalformedNote."""
        if len(data) > PROOF_LIMIT:
            raise MalformedProof(f"a proof of {len(data)} bytes is over the limit of {PROOF_LIMIT}")
        head, gap, note = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise MalformedProof("the proof is not ASCII down to its checkpoint") from error
        if not gap or lines.pop(0) != _FIRST:
            raise MalformedProof(f"a proof begins with {_FIRST!r} and ends with a checkpoint")
        try:
            extra = _after("extra ", lines)
            index = _after("index ", lines)
            if index is None or len(lines) > HASHES_LIMIT:
                raise MalformedProof("the proof has no index, or too many hashes")
            return cls(
                strict_decimal(index),
                strict_hashes(lines),
                SignedCheckpoint.from_bytes(note),
                None if extra is None else strict_base64(extra),
            )
        except MalformedNote as error:
            raise MalformedProof(f"the proof cannot be read: {error}") from error

    def to_bytes(self) -> bytes:
        """The file, without the extra line."""
        hashes = "".join(f"{base64.b64encode(item).decode('ascii')}\n" for item in self.hashes)
        head = f"{_FIRST}\nindex {self.index}\n{hashes}\n"
        return head.encode("ascii") + self.checkpoint.to_bytes()

    def includes(self, leaf: bytes) -> bool:
        """Whether this leaf hash is in the checkpoint's tree; whose that is, is not asked."""
        return is_included(leaf, self.index, self.checkpoint.head, self.hashes)


def _after(word: str, lines: list[str]) -> str | None:
    """What follows the word on the first line, which is taken; None when it begins otherwise."""
    if not lines or not lines[0].startswith(word):
        return None
    return lines.pop(0).removeprefix(word)
