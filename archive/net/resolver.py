# SPDX-License-Identifier: Apache-2.0
"""Host names to addresses, by the operating system, with a time limit that it lacks itself."""

import queue
import socket
import threading
from collections.abc import Sequence
from typing import Protocol

from archive.net.deadline import Deadline
from archive.net.failures import TimedOut, Unresolved

RESOLVE_TIMEOUT_SECONDS = 10.0


class Resolver(Protocol):
    """Looks a host name up."""

    def resolve(self, host: str, deadline: Deadline) -> Sequence[str]:
        """All addresses of the host as text, best first.

        Raises Unresolved when there is none, TimedOut when the answer takes too long.
        """
        ...


class SystemResolver:
    """The machine's resolver (hosts file, DNS)."""

    def resolve(self, host: str, deadline: Deadline) -> Sequence[str]:
        """All addresses of the host as text, in the order of RFC 6724."""
        seconds = deadline.seconds_left(RESOLVE_TIMEOUT_SECONDS)
        answers: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()
        # getaddrinfo cannot be interrupted; a thread that nobody waits for ends by itself.
        threading.Thread(target=_look_up, args=(host, answers), daemon=True).start()
        try:
            answer = answers.get(timeout=seconds)
        except queue.Empty:
            raise TimedOut(f"looking up {host} took longer than {seconds:g} seconds") from None
        if isinstance(answer, OSError):
            raise Unresolved(f"the host name {host} has no address") from answer
        return answer


def _look_up(host: str, answers: "queue.SimpleQueue[Sequence[str] | OSError]") -> None:
    try:
        # As bytes: for text Python applies its own IDNA 2003 rules to a name already encoded.
        found = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
    except OSError as error:
        answers.put(error)
    else:
        answers.put([str(sockaddr[0]) for *_, sockaddr in found])
