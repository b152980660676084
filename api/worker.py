# SPDX-License-Identifier: Apache-2.0
"""gunicorn's threaded worker, made to bear clients that are slow or that never come to an end.

As it comes, it reads a request without any timeout, gives a thread to a connection on which
nothing was sent, and waits in its one accepting thread for a client to close. `muniment serve`
names this class; gunicorn's own would serve the same pages without these bounds.
"""

import time
from concurrent.futures import Future
from typing import Any

from gunicorn.util import close_graceful
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from api.patience import HEAD_PATIENCE_SECONDS, PATIENCE_SECONDS, PatientSocket

_FIRST_BYTE_SECONDS = 0.05
_DRAIN_SECONDS = 0.5
_LINGER_SECONDS = 0.5


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """Threads are held by requests that move, and by nothing else for long."""

    def enqueue_req(self, conn: Any) -> None:
        """Have a thread handle the connection, whose socket loses patience in time."""
        if not isinstance(conn.sock, PatientSocket):
            conn.sock = PatientSocket(fileno=conn.sock.detach())
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Handle one request; true when the connection may carry another."""
        is_new = not conn.initialized and not conn.data_ready
        if is_new and not conn.wait_for_data(_FIRST_BYTE_SECONDS):
            return _DEFER
        conn.sock.begin(HEAD_PATIENCE_SECONDS)
        kept = super().handle(conn)
        if not kept:
            close_graceful(conn.sock, timeout=_LINGER_SECONDS)
        return kept

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer the request, whose headers are read and whose body is not."""
        conn.sock.begin(PATIENCE_SECONDS)
        return super().handle_request(req, conn)

    def finish_request(self, conn: Any, fs: "Future[Any]") -> None:
        """Put a kept connection back in the poller; one that ended is closed already."""
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
        else:
            self.nr_conns -= 1

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        # A body that nobody wanted is not worth a thread for long: the connection ends instead.
        deadline = time.monotonic() + _DRAIN_SECONDS
        return bool(keepalive and conn.parser.finish_body(deadline=deadline))
