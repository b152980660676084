# SPDX-License-Identifier: Apache-2.0
"""`muniment import` against `cdxj-indexer`, on one core and on two; and memory by file size.

Three files, all of real records repeated under changing URIs: a crawl of many small answers
(iana.org, 2.5 kB a record as stored), and pages of policies (36 kB a record) with the digests of
block and payload that warcio writes, and without any. cdxj-indexer stores nothing, syncs nothing,
signs nothing and takes no digest that a record states already; the import stores the file, checks
every claimed digest, takes SHA-256 and SHA-1 of every payload, and is durable (file store with
fsync, SQLite in WAL mode with synchronous=FULL) and signed group by group.

`python -m tests.bench importing`; megabytes of each file in BENCH_MEGABYTES (default 200, as
the measured floor has).
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from archive.bootstrap import init_archive
from archive.digests import sha1_base32
from archive.settings import load_settings
from archive.warc.members import compress_member
from archive.warc.read import WarcRecord, read_records
from tests.bench.peers import ROUNDS, data_folder, ok_pages, show

MEGABYTE = 1_000_000
MEMORY_MEGABYTES = (200, 2_000)
_HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
    "Date: Mon, 03 Mar 2025 20:00:00 GMT\r\nContent-Length: {}\r\n\r\n"
)
_REQUEST = b"GET /terms HTTP/1.1\r\nHost: policies.example\r\nUser-Agent: bench\r\n\r\n"
_IMPORT = (
    "import resource, sys; from archive.cli import cli;"
    "cli.main(sys.argv[1:], standalone_mode=False);"
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
)


def main(argv: list[str]) -> int:
    """Print megabytes a second of both, their ratios, and the memory that an import takes."""
    del argv
    megabytes = int(os.environ.get("BENCH_MEGABYTES", "200"))
    with tempfile.TemporaryDirectory() as work:
        files = {
            "crawl of small answers": _crawl,
            "pages": _pages,
            "pages, no digests stated": _pages_without_digests,
        }
        for name, records in files.items():
            path = Path(work) / "given.warc.gz"
            count = write_file(path, megabytes * MEGABYTE, records)
            _compare(name, path, count)
            path.unlink()
        _measure_memory(Path(work))
    return 0


def write_file(path: Path, size: int, records: Callable[[int], Iterator[bytes]]) -> int:
    """Fill a file with records to at least `size` bytes; how many there are."""
    count, turn = 0, 0
    with path.open("wb") as file:
        while file.tell() < size:
            for record in records(turn):
                file.write(compress_member(record))
                count += 1
            turn += 1
    return count


def _crawl(turn: int) -> Iterator[bytes]:
    for record in read_records((data_folder() / "warc/pywb/iana.warc.gz").read_bytes()):
        yield _renamed(record, turn)


def _renamed(record: WarcRecord, turn: int) -> bytes:
    lines = [record.version]
    for name, value in record.headers:
        is_target = name.lower() == "warc-target-uri"
        changed = f"{value}{'&' if '?' in value else '?'}turn={turn}" if is_target else value
        lines.append(f"{name}: {changed}")
    return "\r\n".join([*lines, "", ""]).encode() + record.block + b"\r\n\r\n"


def _pages(turn: int) -> Iterator[bytes]:
    return _policy_pages(turn, has_digests=True)


def _pages_without_digests(turn: int) -> Iterator[bytes]:
    return _policy_pages(turn, has_digests=False)


def _policy_pages(turn: int, *, has_digests: bool) -> Iterator[bytes]:
    for number, body in enumerate(ok_pages()):
        url = f"https://policies{number % 9}.example/terms/{number}?turn={turn}"
        name = f"<urn:uuid:{uuid.UUID(int=(turn << 32) + number)}>"
        block = _HEAD.format(len(body)).encode() + body
        stated = [("WARC-Record-ID", name)]
        if has_digests:
            stated.append(("WARC-Payload-Digest", f"sha1:{sha1_base32(body)}"))
            stated.append(("WARC-Block-Digest", f"sha1:{sha1_base32(block)}"))
        yield _record("response", stated, url, block)
        other = f"<urn:uuid:{uuid.UUID(int=(1 << 96) + (turn << 32) + number)}>"
        named = [("WARC-Record-ID", other), ("WARC-Concurrent-To", name)]
        yield _record("request", named, url, _REQUEST)


def _record(kind: str, fields: list[tuple[str, str]], url: str, block: bytes) -> bytes:
    whole = [
        ("WARC-Type", kind),
        *fields,
        ("WARC-Date", "2025-03-03T20:00:00Z"),
        ("WARC-Target-URI", url),
        ("Content-Type", f"application/http;msgtype={kind}"),
        ("Content-Length", str(len(block))),
    ]
    lines = ["WARC/1.0", *(f"{name}: {value}" for name, value in whole)]
    return "\r\n".join([*lines, "", ""]).encode() + block + b"\r\n\r\n"


def _compare(name: str, path: Path, records: int) -> None:
    size = path.stat().st_size / MEGABYTE
    print(f"  {name}: {size:.0f} MB, {records} records")
    figures: dict[str, list[float]] = {"peer": [], "one": [], "two": []}
    for _ in range(ROUNDS):
        figures["peer"].append(size / _peer(path))
        figures["one"].append(size / _import(path, 1, core=0)[0])
        figures["two"].append(size / _import(path, 2, core=None)[0])
    base = figures["peer"]
    show("cdxj-indexer, one core", base, base, "MB/s", "")
    show("muniment import, one core", figures["one"], base, "MB/s", "budget 1.1")
    show("muniment import --workers 2, two cores", figures["two"], base, "MB/s", "budget 2.0")


def _peer(path: Path) -> float:
    indexer = Path(sys.executable).parent / "cdxj-indexer"
    if not indexer.exists():
        sys.exit("the bench needs cdxj-indexer: install the test extra")
    begun = time.perf_counter()
    subprocess.run(
        [str(indexer), str(path), "-o", os.devnull], check=True, preexec_fn=lambda: _pin(0)
    )
    return time.perf_counter() - begun


def _import(path: Path, workers: int, core: int | None) -> tuple[float, float]:
    """Seconds and megabytes of resident memory, of the command as a process, start included."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        archive, _ = init_archive(load_settings(environment={"MUNIMENT_DATA": str(data)}))
        archive.close()
        begun = time.perf_counter()
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                _IMPORT,
                *("--data", str(data), "import", "--workers", str(workers), str(path)),
            ],
            check=False,
            capture_output=True,
            text=True,
            preexec_fn=lambda: _pin(core),
        )
        elapsed = time.perf_counter() - begun
        if done.returncode or "imported" not in done.stdout:
            sys.exit(f"the import said: {done.stdout}{done.stderr}")
        shutil.rmtree(data)
    return elapsed, int(done.stderr.splitlines()[-1]) * 1024 / MEGABYTE


def _pin(core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})


def _measure_memory(work: Path) -> None:
    print("  memory of an import, one process (peak resident set)")
    peaks = []
    for megabytes in MEMORY_MEGABYTES:
        path = work / "memory.warc.gz"
        write_file(path, megabytes * MEGABYTE, _pages)
        _, peak = _import(path, 1, core=None)
        peaks.append(peak)
        print(f"    {megabytes:5} MB file: {peak:6.1f} MB")
        path.unlink()
    slope = (peaks[-1] - peaks[0]) / (MEMORY_MEGABYTES[-1] - MEMORY_MEGABYTES[0])
    print(f"    slope: {slope * 1000:.2f} kB for each MB of file")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main(sys.argv[1:]))
