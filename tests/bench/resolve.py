# SPDX-License-Identifier: Apache-2.0
"""`GET /{id}` as JSON at 10^3 and 10^6 records, on SQLite and on PostgreSQL, against a bare Flask
route on the same server, and beside a Flask route that selects the record and nothing else.

gunicorn gthread, 2 workers of 4 threads; wrk with 16 connections asks for random IDs. Rows are
copies of a real record under other IDs. PostgreSQL runs on the same machine, with fsync off, which
reads do not notice. Needs nginx, wrk and postgresql from Debian. RESOLVE_SIZES names two
other sizes, as `1000 20000`.
"""

import contextlib
import os
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from archive.ids import Kind, RecordId
from tests.bench._records import copy_to_postgres, fill_sqlite
from tests.bench.peers import ROUNDS, free_port, show, tool, wait_for_port
from tests.support.postgres import debian_server

_ROOT = Path(__file__).parents[2]
_WANTED = os.environ.get("RESOLVE_SIZES", "").split()
_SIZES = {size: int(size) for size in _WANTED} or {"10^3": 1_000, "10^6": 1_000_000}
_SMALL, _LARGE = _SIZES
_ASKED = 20_000
_BASE = "bare Flask route (base)"
# Counted, and never too much.
_UNLIMITED = {"MUNIMENT_LIMITS_READS_PER_MINUTE": str(10**9)}
_BUDGETS = {
    "JSON, SQLite, 10^6": "budget 0.8, stretch 1.2",
    "JSON, PostgreSQL, 10^6": "budget 0.5",
}


def main(argv: list[str]) -> int:
    del argv
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.chmod(0o755)
        server = stack.enter_context(debian_server())
        print(f"  PostgreSQL {server.major}, SQLite {sqlite3.sqlite_version}", flush=True)
        places = {}
        for size, count in _SIZES.items():
            data, url = work / size, server.new_database()
            fill_sqlite(data, count)
            copy_to_postgres(data, url)
            places["SQLite", size] = {"MUNIMENT_DATA": str(data)}
            places["PostgreSQL", size] = {"MUNIMENT_DATA": str(data), "MUNIMENT_DATABASE_URL": url}
        scripts = {size: _script(work, size, count) for size, count in _SIZES.items()}
        ports = {_BASE: stack.enter_context(_gunicorn("tests.bench.bare:create_app()", {}))}
        for (kind, size), environment in places.items():
            name = f"GET /{{id}} JSON, {kind}, {size} records"
            app = "api.app:create_app()"
            ports[name] = stack.enter_context(_gunicorn(app, {**environment, **_UNLIMITED}))
            name = f"bare select in Flask, {kind}, {size}"
            plain = environment.get("MUNIMENT_DATABASE_URL", "").replace("+psycopg", "")
            bare = {"BARE_DATABASE": plain or f"{environment['MUNIMENT_DATA']}/catalog.sqlite"}
            app = "tests.bench.bare:create_selecting_app()"
            ports[name] = stack.enter_context(_gunicorn(app, bare))
        rows: dict[str, list[float]] = {name: [] for name in ports}
        for _ in range(ROUNDS):
            for name, port in ports.items():
                rows[name].append(_wrk(port, scripts[_LARGE if _LARGE in name else _SMALL]))
        _print(rows)
    return 0


def _print(rows: dict[str, list[float]]) -> None:
    for name, values in rows.items():
        budget = next((told for told_of, told in _BUDGETS.items() if told_of in name), "")
        show(name, values, rows[_BASE], "req/s", budget)
    for kind in ("SQLite", "PostgreSQL"):
        small, large = (rows[f"GET /{{id}} JSON, {kind}, {size} records"] for size in _SIZES)
        select = rows[f"bare select in Flask, {kind}, {_LARGE}"]
        budget = "budget 0.85, stretch 0.95"
        show(f"{kind}: {_LARGE} against {_SMALL}", large, small, "req/s", budget)
        show(f"{kind}: {_LARGE} against the bare select", large, select, "req/s", "")


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
