# SPDX-License-Identifier: Apache-2.0
"""Captures a second by jobs, with 1, 2 and 4 workers, against `capture_many` in one process.

The same pages from the same local server. A job's capture is asked for, taken from its queue by a
worker, recorded once for its request, and its result written down; `capture_many` only captures.
The jobs lie in SQLite, or where MUNIMENT_BENCH_JOBS_URL says.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from archive.bootstrap import init_archive, open_archive
from archive.services.capturing.capture import capture_many
from archive.services.context import Archive
from archive.services.jobs.requests import ask_for, find_job
from archive.settings import load_settings
from tests.bench.peers import nginx, ok_pages, show

_ROUNDS = 3
_WORKERS = (1, 2, 4)
_MAIN = "from archive.cli import main; main()"


def main(argv: list[str]) -> int:
    del argv
    with tempfile.TemporaryDirectory() as work:
        site = Path(work) / "site"
        site.mkdir()
        Path(work).chmod(0o755)
        pages = ok_pages()
        for number, page in enumerate(pages):
            (site / f"{number}.html").write_bytes(page)
        print(f"  site: {len(pages)} real pages, {sum(map(len, pages)) / 1e6:.1f} MB")
        with nginx(site) as base:
            _rounds(Path(work), [f"{base}/{number}.html" for number in range(len(pages))])
    return 0


def _rounds(work: Path, urls: list[str]) -> None:
    direct: list[float] = []
    batch: list[float] = []
    jobs: dict[int, list[float]] = {workers: [] for workers in _WORKERS}
    for number in range(_ROUNDS):
        direct.append(len(urls) / _directly(work / f"direct{number}", urls))
        batch.append(len(urls) / _by_jobs(work / f"batch{number}", urls, 1, is_batch=True))
        for workers, values in jobs.items():
            folder = work / f"jobs{number}-{workers}"
            values.append(len(urls) / _by_jobs(folder, urls, workers, is_batch=False))
    show("capture_many, one process", direct, direct, "pages/s", "base")
    show("one job for the batch, 1 worker", batch, direct, "pages/s", "")
    for workers, values in jobs.items():
        show(f"a job for each page, {workers} workers", values, direct, "pages/s", "")


def _environment(folder: Path) -> dict[str, str]:
    environment = {"MUNIMENT_DATA": str(folder), "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8"}
    url = os.environ.get("MUNIMENT_BENCH_JOBS_URL")
    return environment | ({"MUNIMENT_JOBS_URL": url} if url else {})


def _directly(folder: Path, urls: list[str]) -> float:
    archive, _ = init_archive(load_settings(environment=_environment(folder)))
    list(capture_many(archive, urls[:1]))  # what is loaded once is not what is measured
    begun = time.perf_counter()
    ids = {result.signed.look.capture_id for result in capture_many(archive, urls)}  # type: ignore[union-attr]
    taken = time.perf_counter() - begun
    archive.close()
    if len(ids) != len(urls):
        raise SystemExit("not every page was captured")
    return taken


def _by_jobs(folder: Path, urls: list[str], workers: int, *, is_batch: bool) -> float:
    environment = _environment(folder)
    archive, _ = init_archive(load_settings(environment=environment))
    archive.close()
    archive = open_archive(load_settings(environment=environment))
    given = {**os.environ, **environment}
    given.pop("MUNIMENT_BENCH_JOBS_URL", None)
    command = [sys.executable, "-c", _MAIN, "worker", "--quiet"]
    processes = [subprocess.Popen(command, env=given) for _ in range(workers)]
    try:
        # Each worker has had work before the time begins.
        _done(archive, [ask_for(archive, "capture", {"url": urls[0]}).id for _ in range(workers)])
        time.sleep(2)
        begun = time.perf_counter()
        if is_batch:
            wanted = [ask_for(archive, "capture-batch", {"urls": urls}).id]
        else:
            wanted = [ask_for(archive, "capture", {"url": url}).id for url in urls]
        _done(archive, wanted)
        taken = time.perf_counter() - begun
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
    archive.close()
    return taken


def _done(archive: Archive, wanted: list[str]) -> None:
    for job_id in wanted:
        while not (job := find_job(archive, job_id)).is_finished:
            time.sleep(0.02)
        if job.state != "done":
            raise SystemExit(f"a job ended as {job.state}: {job.problem}")
