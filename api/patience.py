# SPDX-License-Identifier: Apache-2.0
"""A connection that does not wait for ever: what a slow client may cost is bounded in seconds.

A thread is held while a request arrives and while an answer leaves. One request may keep the
server waiting for a grace period and, beyond it, for as long as its bytes need at the lowest
rate that is served.
"""

import errno
import socket
import time
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


class PatientSocket(socket.socket):
    """A blocking socket whose reads and writes raise SlowClient when the client is too slow."""

    patience_seconds = PATIENCE_SECONDS
    _waited_seconds = 0.0
    _received_bytes = 0

    def begin(self, patience_seconds: float) -> None:
        """Count anew, and with this grace: what was waited for before is another matter."""
        self.patience_seconds = patience_seconds
        self._waited_seconds = 0.0
        self._received_bytes = 0

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Bytes as they come. A timeout that was set by the caller is kept to instead."""
        if self.gettimeout() is not None:
            return super().recv(bufsize, flags)
        earned = self._received_bytes / LOWEST_BYTES_PER_SECOND
        left = self.patience_seconds + earned - self._waited_seconds
        if left <= 0:
            raise SlowClient
        began = time.monotonic()
        self.settimeout(min(left, self.patience_seconds))
        try:
            data = super().recv(bufsize, flags)
        except TimeoutError as error:
            raise SlowClient from error
        finally:
            self.settimeout(None)
            self._waited_seconds += time.monotonic() - began
        self._received_bytes += len(data)
        return data

    def sendall(self, data: "ReadableBuffer", flags: int = 0, /) -> None:
        """Send all, each piece within the patience."""
        if self.gettimeout() is not None:
            super().sendall(data, flags)
            return
        whole = memoryview(data)
        self.settimeout(self.patience_seconds)
        try:
            for start in range(0, len(whole), _SENT_AT_ONCE_BYTES):
                super().sendall(whole[start : start + _SENT_AT_ONCE_BYTES], flags)
        except TimeoutError as error:
            raise SlowClient from error
        finally:
            self.settimeout(None)
