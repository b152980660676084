# SPDX-License-Identifier: Apache-2.0
"""`GET /{id}` as JSON at 10^3 and 10^6 records against a bare Flask route on the same server.

gunicorn gthread, 2 workers of 4 threads; wrk with 16 connections asks for random IDs. Rows are
copies of a real record under other IDs.
"""

import contextlib
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from archive.bootstrap import init_archive
from archive.digests import sha256_hex
from archive.ids import Kind, RecordId
from archive.services.capture import capture
from archive.settings import load_settings
from tests.bench.peers import ROUNDS, free_port, nginx, ok_pages, show, tool, wait_for_port

_ROOT = Path(__file__).parents[2]
_SIZES = {"10^3": 1_000, "10^6": 1_000_000}
_ASKED = 20_000
_BATCH = 10_000
# Counted, and never too much.
_LIMIT = "MUNIMENT_LIMITS_READS_PER_MINUTE"


def main(argv: list[str]) -> int:
    del argv
    with tempfile.TemporaryDirectory() as work:
        Path(work).chmod(0o755)
        paths = {name: _filled(Path(work), name, size) for name, size in _SIZES.items()}
        scripts = {name: _script(Path(work), name, size) for name, size in _SIZES.items()}
        rows: dict[str, list[float]] = {}
        with contextlib.ExitStack() as stack:
            bare = stack.enter_context(_gunicorn("tests.bench.bare:create_app()", {}))
            ours = {
                name: stack.enter_context(
                    _gunicorn(
                        "api.app:create_app()", {"MUNIMENT_DATA": str(path), _LIMIT: str(10**9)}
                    )
                )
                for name, path in paths.items()
            }
            for _ in range(ROUNDS):
                asked = scripts["10^6"]
                rows.setdefault("bare Flask route (base)", []).append(_wrk(bare, asked))
                for name, port in ours.items():
                    rows.setdefault(f"GET /{{id}} JSON, {name} records", []).append(
                        _wrk(port, scripts[name])
                    )
        base = rows["bare Flask route (base)"]
        for name, values in rows.items():
            budget = "budget 0.8, stretch 1.2" if "10^6" in name else ""
            show(name, values, base, "req/s", budget)
        small, large = (rows[f"GET /{{id}} JSON, {name} records"] for name in _SIZES)
        show("10^6 against 10^3 records", large, small, "req/s", "budget 0.85, stretch 0.95")
    return 0


def _filled(work: Path, name: str, size: int) -> Path:
    data = work / name
    site = work / f"site{name}"
    site.mkdir()
    (site / "page.html").write_bytes(ok_pages()[0])
    environment = {"MUNIMENT_DATA": str(data), "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8"}
    archive, _ = init_archive(load_settings(environment=environment))
    with nginx(site) as base:
        capture(archive, f"{base}/page.html")
    archive.close()
    connection = sqlite3.connect(data / "catalog.sqlite", isolation_level=None)
    columns = [row[1] for row in connection.execute("pragma table_info(capture)")]
    row = dict(zip(columns, connection.execute("select * from capture").fetchone(), strict=True))
    record = json.loads(row["record_json"])
    insert = f"insert into capture values ({','.join('?' * len(columns))})"
    connection.execute("begin")
    for number in range(2, size + 1):
        record["id"] = row["id"] = str(RecordId("CA", Kind.CAPTURE, number))
        row["number"] = number
        row["statement_sha256"] = record["statement_sha256"] = f"{number:064x}"
        row["record_json"] = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
        row["record_sha256"] = sha256_hex(row["record_json"])
        connection.execute(insert, [row[column] for column in columns])
    connection.execute("commit")
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    return data


def _script(work: Path, name: str, size: int) -> Path:
    chooser = random.Random(7)
    ids = [str(RecordId("CA", Kind.CAPTURE, chooser.randint(1, size))) for _ in range(_ASKED)]
    path = work / f"{name}.lua"
    listed = ",".join(f'"{item}"' for item in ids)
    path.write_text(
        f"local ids = {{{listed}}}\nlocal at = 0\n"
        'wrk.headers["Accept"] = "application/json"\n'
        "request = function()\n at = at % #ids + 1\n"
        ' return wrk.format("GET", "/" .. ids[at])\nend\n'
    )
    return path


@contextlib.contextmanager
def _gunicorn(app: str, environment: dict[str, str]) -> Iterator[int]:
    port = free_port()
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-w", "2"),
            *("-k", "gthread", "--threads", "4", "--log-level", "error", app),
        ],
        cwd=_ROOT,
        env={**os.environ, **environment},
    )
    try:
        wait_for_port(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def _wrk(port: int, script: Path) -> float:
    done = subprocess.run(
        [
            *(tool("wrk"), "-t1", "-c16", "-d2s", "-s", str(script)),
            f"http://127.0.0.1:{port}",
        ],
        capture_output=True,
        check=True,
        text=True,
    )
    if "Non-2xx" in done.stdout:
        raise SystemExit(f"some answers were no success:\n{done.stdout}")
    found = re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)
    if found is None:
        raise SystemExit(f"wrk printed no rate:\n{done.stdout}")
    return float(found[1])
