# SPDX-License-Identifier: Apache-2.0
"""A second, independent S3 server for tests: Ceph's gateway over a store in memory.

One monitor, one storage daemon and one gateway on loopback, thrown away after. In silence it
ignores SHA-256 checksums, locks on uploads in parts, and conditions: on completing parts, and on
any put to a bucket with versions. Its binaries are Debian's:
`apt-get install --no-install-recommends radosgw ceph-mon ceph-osd`.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.s3_keys import KEYS
from support.seaweed import is_free, is_up

_PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
_INSTALL = "apt-get install --no-install-recommends radosgw ceph-mon ceph-osd"
_LOWEST, _HIGHEST = 20_000, 50_000
_STORAGE_PORTS = 40
_BOOT_SECONDS = 90
_CONFIG = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon}]
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
ms bind port min = {storage}
ms bind port max = {last_storage}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd heartbeat addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd crush update on start = false
osd class update on start = false
osd objectstore = memstore
memstore device bytes = 2147483648
mon allow pool size one = true
mon data avail crit = 1
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
pid file = {folder}/$name.pid
rgw frontends = beast endpoint=127.0.0.1:{gateway}
"""


def require_binaries() -> None:
    """Fail in CI, and skip for a user, when the server is not installed."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"not installed: {', '.join(missing)}; {_INSTALL}")
    if missing:
        pytest.skip(f"NOT TESTED against Ceph, {', '.join(missing)} missing: {_INSTALL}")


def _free_port(count: int = 1) -> int:
    while True:
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if all(is_free(port + offset) for offset in range(count)):
            return port


class _Cluster:
    """The three daemons and their folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._config = folder / "ceph.conf"

    def start(self) -> str:
        """The endpoint of the running gateway."""
        fsid, gateway, storage = str(uuid.uuid4()), _free_port(), _free_port(_STORAGE_PORTS)
        mon = _free_port()
        self._config.write_text(
            _CONFIG.format(
                fsid=fsid,
                mon=mon,
                storage=storage,
                last_storage=storage + _STORAGE_PORTS - 1,
                gateway=gateway,
                folder=self._folder,
            )
        )
        for name in ("mon", "osd", "rgw"):
            (self._folder / name).mkdir()
        monmap = str(self._folder / "monmap")
        address = f"[v2:127.0.0.1:{mon}]"
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monmap)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap)
        self._spawn("ceph-mon", "-i", "a", "-f")
        osd = str(uuid.uuid4())
        self._run("ceph", "--connect-timeout", "30", "osd", "new", osd)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._run("ceph", "osd", "crush", "add", "osd.0", "1", "root=default")
        self._spawn("ceph-osd", "-i", "0", "-f")
        self._run(
            *("radosgw-admin", "user", "create", "--uid", "tester", "--display-name", "tester"),
            *("--access-key", KEYS["AWS_ACCESS_KEY_ID"]),
            *("--secret", KEYS["AWS_SECRET_ACCESS_KEY"]),
        )
        self._spawn("radosgw", "-n", "client.rgw.a", "-f")
        give_up = time.monotonic() + _BOOT_SECONDS
        while not is_up(gateway):
            if time.monotonic() > give_up or self._daemons[-1].poll() is not None:
                raise RuntimeError(f"radosgw did not start: {self.logs()}")
            time.sleep(0.1)
        return f"http://127.0.0.1:{gateway}"

    def stop(self) -> None:
        """Kill the daemons; what they hold is thrown away."""
        for daemon in self._daemons:
            if daemon.poll() is None:
                os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()

    def logs(self) -> str:
        """The end of each log."""
        return "\n".join(path.read_text()[-1000:] for path in self._folder.glob("*.log"))

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [program, "-c", str(self._config), *arguments]

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            self._command(program, *arguments),
            cwd=self._folder,
            capture_output=True,
            timeout=_BOOT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode()[-2000:]}\n{self.logs()}")

    def _spawn(self, program: str, *arguments: str) -> None:
        with (self._folder / f"{program}.out").open("wb") as output:
            self._daemons.append(
                subprocess.Popen(
                    self._command(program, *arguments),
                    cwd=self._folder,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )


@contextmanager
def running_gateway() -> Iterator[str]:
    """The endpoint of a running gateway, which takes the credentials of `s3_keys`."""
    folder = Path(tempfile.mkdtemp(prefix="rgw-"))
    cluster = _Cluster(folder)
    try:
        yield cluster.start()
    finally:
        cluster.stop()
        shutil.rmtree(folder)
