# SPDX-License-Identifier: Apache-2.0
"""A connection that does not wait for ever: what a slow client may cost is bounded in seconds.

A thread is held while a request arrives and while an answer leaves. One request may keep the
server waiting for a grace period and, beyond it, for as long as its bytes need at the lowest
rate that is served.
"""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

HEAD_PATIENCE_SECONDS = 3.0
PATIENCE_SECONDS = 10.0
LOWEST_BYTES_PER_SECOND = 8 * 1024
_SENT_AT_ONCE_BYTES = 64 * 1024


class SlowClient(ConnectionResetError):
    """The client sends or takes its bytes more slowly than this server waits."""

    def __init__(self) -> None:
        # As a reset, which servers pass over in silence: anyone can cause it at any rate.
        super().__init__(errno.ECONNRESET, "the client is too slow")


@dataclass(slots=True)
class _Moved:
    """What went one way since the count began: bytes, and seconds that were waited for them."""

    moved: int = 0
    waited_seconds: float = 0.0


class PatientSocket(socket.socket):
    """A blocking socket whose reads and writes raise SlowClient when the client is too slow."""

    def __init__(
        self, family: int = -1, kind: int = -1, proto: int = -1, fileno: int | None = None
    ) -> None:
        super().__init__(family, kind, proto, fileno)
        self.begin(PATIENCE_SECONDS)

    def begin(self, patience_seconds: float) -> None:
        """Count anew, and with this grace: what was waited for before is another matter."""
        self.patience_seconds = patience_seconds
        self._received, self._sent = _Moved(), _Moved()

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Bytes as they come. A timeout that was set by the caller is kept to instead."""
        if self.gettimeout() is not None:
            return super().recv(bufsize, flags)
        with self._patiently(self._received):
            data = super().recv(bufsize, flags)
        self._received.moved += len(data)
        return data

    def sendall(self, data: "ReadableBuffer", flags: int = 0, /) -> None:
        """Send all. Many small answers have no more patience together than one large one."""
        if self.gettimeout() is not None:
            super().sendall(data, flags)
            return
        whole = memoryview(data).cast("B")
        for start in range(0, len(whole), _SENT_AT_ONCE_BYTES):
            piece = whole[start : start + _SENT_AT_ONCE_BYTES]
            with self._patiently(self._sent):
                super().sendall(piece, flags)
            self._sent.moved += len(piece)

    @contextmanager
    def _patiently(self, so_far: _Moved) -> Iterator[None]:
        """Wait no longer than what is left of the patience, and count how long it was."""
        earned = so_far.moved / LOWEST_BYTES_PER_SECOND
        left = self.patience_seconds + earned - so_far.waited_seconds
        if left <= 0:
            raise SlowClient
        began = time.monotonic()
        self.settimeout(min(left, self.patience_seconds))
        try:
            yield
        except TimeoutError as error:
            raise SlowClient from error
        finally:
            self.settimeout(None)
            so_far.waited_seconds += time.monotonic() - began
