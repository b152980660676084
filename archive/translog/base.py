# SPDX-License-Identifier: Apache-2.0
"""What the log needs from outside: files that are written once, one that is not, and a sequence.

Everything in the files is a function of the sequence; so whoever dies half-way leaves nothing that
the next one would make otherwise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from archive.proofs.merkle import TreeHead
from archive.proofs.note import VerifierKey


class Files(Protocol):
    """Write-once objects. Raises StorageError; ObjectConflict where other bytes lie."""

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Store a group, all of it durable on return; the same bytes again are no conflict."""
        ...

    def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectMissing."""
        ...


class Latest(Protocol):
    """The one object that is replaced."""

    def replace(self, key: str, data: bytes) -> None:
        """Store the object, whatever lay there: whole, durable, and the newest from now on."""
        ...

    def newest(self, key: str) -> bytes:
        """The object as it was stored last. Raises ObjectMissing."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """How many entries there are, and how far each step has come with them.

    `integrated` is the tree whose tiles are stored; `signed` the last checkpoint that the log's
    key signed, `published` the last that was published, each as the bytes of its note. `fault`
    says why the log stands still.
    """

    appended: int
    integrated: TreeHead
    signed: bytes | None
    published: bytes | None
    fault: str | None


class EntrySequence(Protocol):
    """The durable sequence of entries, and the log's own marks beside it."""

    def state(self) -> State:
        """How far the log has come. Raises LogError when none was started."""
        ...

    def entries(self, start: int, end: int) -> list[bytes]:
        """The entries from one index up to another."""
        ...

    def integrated(self, old: TreeHead, new: TreeHead) -> bool:
        """Note that a tree's tiles are stored; False when the old one is not the last."""
        ...

    def signed(self, old: int, new: int, note: bytes) -> bool:
        """Note, durably, what is signed; False when the last one is not of the old size."""
        ...

    def published(self, size: int, note: bytes) -> None:
        """Note what is published; one of a larger tree stays the last."""
        ...

    def stop(self, fault: str) -> None:
        """Let the log stand still, for everybody and until somebody looks into it."""
        ...


@dataclass(frozen=True, slots=True)
class Log:
    """One log, with everything that its steps need."""

    files: Files
    latest: Latest
    sequence: EntrySequence
    key: VerifierKey

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.key.name


Sign = Callable[[bytes], bytes]
"""Gives the log's signature over a text. Raises LogKeyMissing, SigningError."""
