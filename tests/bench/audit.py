# SPDX-License-Identifier: Apache-2.0
"""The audit's hashing against `openssl dgst -sha256`, the deep check against `warcio check`.

Both read the same containers: captures of the real pages, copied until there are enough. openssl
and warcio check no signature, no inventory and no text.
"""

import contextlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from archive.bootstrap import init_archive
from archive.catalog.evidence import every_container
from archive.model.claim import Status
from archive.services.capturing.capture import capture_many
from archive.services.context import Archive
from archive.services.recovery.reading_all import hash_blobs, records_findings
from archive.services.trust import keyset_chain
from archive.services.upkeep.audit import AuditOptions, audit, kept_records
from archive.settings import load_settings
from archive.storage.layout import blob_key
from tests.bench.peers import ROUNDS, nginx, ok_pages, seconds, show, tool

_COPIES = 16
_BAD = {Status.FAIL, Status.UNKNOWN}
_PARTS = frozenset({"object.digest", "warc.records", "body.from_warc"})


def main(argv: list[str]) -> int:
    del argv
    with tempfile.TemporaryDirectory() as work:
        archive = _filled(Path(work))
        with archive.database.reading() as connection:
            sizes = every_container(connection)
        blobs = [(blob_key(sha256), size) for sha256, size in sorted(sizes.items())]
        total = sum(size for _, size in blobs)
        files = [str(Path(work) / "data" / "store" / key) for key, _ in blobs]
        print(f"  {len(blobs)} containers, {total / 1e6:.1f} MB stored")
        _hashing(archive, blobs, files, total / 1e6)
        _deep(archive, files)
        archive.close()
    return 0


def _filled(work: Path) -> Archive:
    site = work / "site"
    site.mkdir()
    work.chmod(0o755)
    pages = ok_pages()
    names = []
    for copy in range(_COPIES):
        for number, page in enumerate(pages):
            # Each copy differs in its last bytes, so that none is a revisit.
            names.append(f"{copy}-{number}.html")
            (site / names[-1]).write_bytes(page + f"<!-- {copy} -->".encode())
    environment = {"MUNIMENT_DATA": str(work / "data"), "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8"}
    archive, _ = init_archive(load_settings(environment=environment))
    with nginx(site) as base:
        list(capture_many(archive, [f"{base}/{name}" for name in names]))
    return archive


def _hashing(
    archive: Archive, blobs: list[tuple[str, int]], files: list[str], megabytes: float
) -> None:
    openssl = tool("openssl")
    halves = (files[::2], files[1::2])
    rows: dict[str, list[float]] = {}

    def measure(name: str, deed: Callable[[], object]) -> None:
        rows.setdefault(name, []).append(megabytes / seconds(deed))

    def two_openssl() -> None:
        running = [
            subprocess.Popen([openssl, "dgst", "-sha256", *half], stdout=subprocess.DEVNULL)
            for half in halves
        ]
        for process in running:
            process.wait()

    for _ in range(ROUNDS):
        measure(
            "openssl dgst -sha256 (base)",
            lambda: subprocess.run(
                [openssl, "dgst", "-sha256", *files], stdout=subprocess.DEVNULL, check=True
            ),
        )
        measure("openssl dgst -sha256, 2 processes", two_openssl)
        measure(
            "audit: hash every blob, 1 worker", lambda: list(hash_blobs(archive.store, blobs, 1))
        )
        measure(
            "audit: hash every blob, 2 workers", lambda: list(hash_blobs(archive.store, blobs, 2))
        )
    base = rows["openssl dgst -sha256 (base)"]
    budgets = {
        "audit: hash every blob, 1 worker": "budget 0.9, stretch 1",
        "audit: hash every blob, 2 workers": "budget 1.8, stretch 2",
    }
    for name, values in rows.items():
        show(name, values, base, "MB/s", budgets.get(name, ""))


def run_warcio(warcio: str, files: list[str]) -> None:
    done = subprocess.run([warcio, "check", *files], stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SystemExit("warcio check found something wrong")


def _deep(archive: Archive, files: list[str]) -> None:
    warcio = str(Path(sys.executable).with_name("warcio"))
    records = len(files)
    rows: dict[str, list[float]] = {}
    chain, kept = keyset_chain(archive), kept_records(archive)

    def run_audit(level: str, workers: int) -> None:
        report = audit(archive, lambda _done, _total: None, AuditOptions(level, None, workers))
        if report.damages:
            raise SystemExit(f"the audit found damage: {report.damages[:3]}")

    def run_parts(workers: int) -> None:
        answers = records_findings(archive, chain, kept, _PARTS, workers)
        if any(finding.status in _BAD for _, findings in answers for finding in findings):
            raise SystemExit("a part is damaged")

    for _ in range(ROUNDS):
        with contextlib.redirect_stdout(io.StringIO()):
            for name, deed in (
                (
                    "warcio check (base)",
                    lambda: run_warcio(warcio, files),
                ),
                ("every part re-hashed, 1 worker", lambda: run_parts(1)),
                ("every part re-hashed, 2 workers", lambda: run_parts(2)),
                ("audit, 2 workers (every signature)", lambda: run_audit("plain", 2)),
                ("audit --level deep, 1 worker", lambda: run_audit("deep", 1)),
                ("audit --level deep, 2 workers", lambda: run_audit("deep", 2)),
                ("audit --level full, 2 workers (texts too)", lambda: run_audit("full", 2)),
            ):
                rows.setdefault(name, []).append(records / seconds(deed))
    base = rows["warcio check (base)"]
    for name, values in rows.items():
        budget = "budget 4, stretch 5" if name == "every part re-hashed, 2 workers" else ""
        show(name, values, base, "WARCs/s", budget)
    print("  ours also verifies every signature, and the plain level every blob's digest first")
