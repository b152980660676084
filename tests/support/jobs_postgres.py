# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL for tests of jobs: a cluster of their own on loopback, thrown away after.

A missing server is an error, never a skip: install it (Debian: apt-get install postgresql).
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_PLACES = ("/usr/lib/postgresql/18/bin", "/usr/lib/postgresql/15/bin")
_USER = "postgres"


class PostgresCluster:
    """A cluster in a folder; made by `start`, and able to die and come back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def url(self, database: str = _USER) -> str:
        """The URL of one of its databases."""
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Make the cluster if it is new, and have it answer."""
        if not self._data.exists():
            self._run("initdb", "--no-sync", "-A", "trust", "-U", _USER, "-D", str(self._data))
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off "
            f"-c unix_socket_directories={self._folder} -c max_connections=200"
        )
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self._folder / "log"), "-w", "-o",
                  options, "start")  # fmt: skip

    def new_database(self, name: str) -> str:
        """The URL of a new, empty database."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", _USER, name)
        return self.url(name)

    def kill(self) -> None:
        """kill -9 of the server's first process; the others follow it."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def kill_backend(self) -> bool:
        """kill -9 of one process that serves a client: all of them end, and the server recovers."""
        pid = (self._data / "postmaster.pid").read_text().split()[0]
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in children:
            title = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"127.0.0.1(" in title:
                os.kill(int(child), signal.SIGKILL)
                return True
        return False

    def stop(self) -> None:
        """End it at once."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        place = next((p for p in _PLACES if Path(p, program).exists()), None)
        if place is None:
            raise FileNotFoundError(f"{program} is missing: apt-get install postgresql")
        # PostgreSQL refuses to run as root.
        as_user = ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*as_user, str(Path(place, program)), *arguments],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr}")


def new_cluster() -> PostgresCluster:
    """A started cluster; the caller calls `remove`."""
    folder = Path(tempfile.mkdtemp(prefix="jobs-postgres-"))
    if os.geteuid() == 0:
        user = pwd.getpwnam(_USER)
        os.chown(folder, user.pw_uid, user.pw_gid)
    cluster = PostgresCluster(folder)
    try:
        cluster.start()
    except BaseException:
        remove(cluster)
        raise
    return cluster


def remove(cluster: PostgresCluster) -> None:
    """Stop it and delete its folder."""
    try:
        cluster.stop()
    finally:
        shutil.rmtree(cluster._folder, ignore_errors=True)


@pytest.fixture(scope="session")
def jobs_postgres() -> Iterator[PostgresCluster]:
    cluster = new_cluster()
    yield cluster
    remove(cluster)
