# SPDX-License-Identifier: Apache-2.0
"""What several benches share: the site of real pages, a web server, medians, and their print."""

import contextlib
import gzip
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROUNDS = 5


def data_folder() -> Path:
    """The folder of real pages (MUNIMENT_TEST_DATA, default ../shared/data)."""
    default = Path(__file__).parents[2] / ".." / "shared" / "data"
    folder = Path(os.environ.get("MUNIMENT_TEST_DATA", default))
    if not folder.is_dir():
        sys.exit(f"the bench needs the real pages: set MUNIMENT_TEST_DATA (not at {folder})")
    return folder.resolve()


def ok_pages() -> list[bytes]:
    """Every page of the real data whose label says ok, in time order."""
    pages = []
    for labels in sorted(data_folder().glob("policies/*/labels.json")):
        for capture in json.loads(labels.read_bytes())["captures"]:
            path = labels.parent / capture["file"]
            if capture["state"] == "ok":
                data = path.read_bytes()
                pages.append(gzip.decompress(data) if path.suffix == ".gz" else data)
    return pages


def tool(name: str) -> str:
    """The path of a program. Ends the bench with one line when it is missing."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        sys.exit(f"the bench needs {name}: install it (Debian: apt-get install {name})")
    return found


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def nginx(root: Path) -> Iterator[str]:
    """The address at which nginx serves a folder of HTML files."""
    port = free_port()
    with tempfile.TemporaryDirectory() as work:
        conf = Path(work) / "nginx.conf"
        conf.write_text(
            f"daemon off; pid {work}/pid; error_log {work}/error; worker_processes 1;\n"
            f"events {{}}\n"
            f"http {{ access_log off; sendfile on; keepalive_requests 100000;\n"
            f"types {{ text/html html; }}\n"
            f"client_body_temp_path {work}/a; proxy_temp_path {work}/b;\n"
            f"fastcgi_temp_path {work}/c; uwsgi_temp_path {work}/d; scgi_temp_path {work}/e;\n"
            f"server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
        )
        os.chmod(work, 0o755)  # noqa: PTH101
        server = subprocess.Popen([tool("nginx"), "-c", str(conf)])
        try:
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def wait_for_port(port: int, seconds: float = 10) -> None:
    """Return when something listens on the loopback port."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    sys.exit(f"nothing listens on port {port}")


def seconds(deed: Callable[[], object]) -> float:
    """How long the deed takes."""
    begun = time.perf_counter()
    deed()
    return time.perf_counter() - begun


def show(name: str, values: list[float], base: list[float], unit: str, budget: str) -> None:
    """One line: median, and the median of the ratios round by round."""
    ratio = statistics.median(value / other for value, other in zip(values, base, strict=True))
    print(f"  {name:44} {statistics.median(values):12.1f} {unit:8} x{ratio:6.2f}   {budget}")
