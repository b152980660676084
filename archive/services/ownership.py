# SPDX-License-Identifier: Apache-2.0
"""Tells whether the process that reserved a number still lives.

On the same machine and boot the process table answers at once; for a process elsewhere the
lease does, which is far longer than the steps between reservation and row can take.
"""

import datetime as dt
import os
import socket
from functools import cache
from pathlib import Path

from archive.catalog.sequence import Reservation
from archive.clock import parse_rfc3339

LEASE_SECONDS = 600
OBSERVATION = "O"  # the kind under which the intent to record an observation is reserved
ASSERTION = "S"  # and that to store statements over content files
IMPORT = "I"  # and the right to import one file
REDACTION = "R"  # and that to erase what a redaction removes
NOBODY = "nobody 0 0"  # the owner of what was given up: it is gone
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")
_DEAD = {"Z", "X"}
_START_FIELD = 19  # of /proc/<pid>/stat, counted after the command's closing bracket (proc(5))


def this_process() -> str:
    """A name for this process that no later one on any machine has."""
    pid = os.getpid()
    return f"{_machine()} {pid} {_started(pid) or 0}"


def is_gone(reservation: Reservation, now: dt.datetime) -> bool:
    """Whether the owner of a reservation can no longer finish it."""
    if reservation.owner == NOBODY:
        return True
    is_dead = is_process_gone(reservation.owner)
    if is_dead is not None:
        return is_dead
    age = now - parse_rfc3339(reservation.reserved_at)
    return age.total_seconds() > LEASE_SECONDS


def is_process_gone(owner: str) -> bool | None:
    """Whether a process that `this_process` named has ended; None when that cannot be seen here."""
    machine, pid, started = _split(owner)
    if machine == _machine() and _BOOT_ID.exists():
        return _started(pid) != started
    return None


@cache
def _machine() -> str:
    boot = _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.exists() else "no-boot-id"
    # Containers on one machine may share host name and boot, and see other processes each.
    namespace = str(_PID_NAMESPACE.readlink()) if _PID_NAMESPACE.is_symlink() else "no-namespace"
    return f"{socket.gethostname()}/{boot}/{namespace}"


def _started(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    # A killed process that its parent has not waited for is still listed, and will do nothing.
    return None if fields[0] in _DEAD else int(fields[_START_FIELD])


def _split(owner: str) -> tuple[str, int, int]:
    machine, _, rest = owner.partition(" ")
    pid, _, started = rest.partition(" ")
    return machine, int(pid), int(started)
