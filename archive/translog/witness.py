# SPDX-License-Identifier: Apache-2.0
"""A small witness: cosigns a log's checkpoint only when it grew out of the last one it cosigned.

The rule is c2sp.org/tlog-witness. Comparing with what it cosigned last and storing the new one is
one step under a lock, durable before the answer: of two requests at once, or after a power cut,
it never cosigns two histories.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from archive.digests import sha256_hex
from archive.errors import MalformedNote
from archive.proofs.add_checkpoint import SIZE_TYPE, AddCheckpoint
from archive.proofs.checkpoint import SignedCheckpoint, cosignature, cosigned_text
from archive.proofs.merkle import is_consistent
from archive.proofs.note import VerifierKey

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the type of the body, and the body."""

    status: int
    media_type: str
    body: bytes


class Memory:
    """The last checkpoint that was cosigned of each log: a file each, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def held(self, origin: str) -> Iterator["Held"]:
        """What is known of a log, while nobody else can change it."""
        name = sha256_hex(origin.encode("utf-8"))
        handle = os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Held(self._folder / f"{name}.checkpoint")
        finally:
            os.close(handle)


class Held:
    """The last checkpoint of one log, locked. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def last(self) -> SignedCheckpoint | None:
        """The checkpoint, or None. Raises MalformedNote when the file is damaged."""
        try:
            return SignedCheckpoint.from_bytes(self._path.read_bytes())
        except FileNotFoundError:
            return None

    def keep(self, checkpoint: SignedCheckpoint) -> None:
        """Let this be the last one; it is on disk on return."""
        temporary = self._path.with_suffix(".new")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(checkpoint.to_bytes())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@dataclass(frozen=True, slots=True)
class Witness:
    """One witness: its key, what signs for it, the logs that it knows, and its memory."""

    key: VerifierKey
    sign: Callable[[bytes], bytes]
    logs: Mapping[str, Sequence[VerifierKey]]
    memory: Memory
    now: Callable[[], float] = time.time

    def add_checkpoint(self, body: bytes) -> Answer:
        """The answer to a request. Raises OSError when the memory cannot be used."""
        try:
            request = AddCheckpoint.from_bytes(body)
        except MalformedNote as error:
            return _refusal(HTTPStatus.BAD_REQUEST, str(error))
        checkpoint = request.checkpoint
        keys = self.logs.get(checkpoint.checkpoint.origin)
        if keys is None:
            return _refusal(HTTPStatus.NOT_FOUND, "this witness does not know the log")
        if not any(checkpoint.judged(key).is_valid for key in keys):
            return _refusal(HTTPStatus.FORBIDDEN, "no signature by a key of the log holds")
        if request.old_size > checkpoint.head.size or checkpoint.head.size == 0:
            return _refusal(HTTPStatus.BAD_REQUEST, "there is no growth from the old size")
        with self.memory.held(checkpoint.checkpoint.origin) as held:
            return self._grown(request, held)

    def _grown(self, request: AddCheckpoint, held: Held) -> Answer:
        last, new = held.last(), request.checkpoint.head
        size = last.head.size if last else 0
        is_other_tree = last is not None and size == new.size and last.head.root != new.root
        if request.old_size != size or is_other_tree:
            return Answer(HTTPStatus.CONFLICT, SIZE_TYPE, b"%d\n" % size)
        if last is None:
            is_shown = not request.proof
        else:
            is_shown = is_consistent(last.head, new, request.proof)
        if not is_shown:
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "the proof does not hold")
        held.keep(request.checkpoint)
        at = int(self.now())
        signed = self.sign(cosigned_text(request.checkpoint.note.text, at))
        line = cosignature(self.key, at, signed).to_line()
        return Answer(HTTPStatus.OK, TEXT, line.encode("utf-8"))


def _refusal(status: HTTPStatus, words: str) -> Answer:
    return Answer(status, TEXT, f"{words}\n".encode())
