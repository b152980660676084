# SPDX-License-Identifier: Apache-2.0
"""Captures a second against `wget --warc-file` on the same loopback site of real pages.

wget compresses and hashes (SHA-1) and neither syncs, signs, extracts text nor keeps a catalogue;
ours is durable, signed and catalogued with its text before it counts.
"""

import multiprocessing
import subprocess
import tempfile
import time
from pathlib import Path

from archive.bootstrap import init_archive, open_archive
from archive.services.capturing.capture import Recorded, capture_many
from archive.settings import load_settings
from tests.bench.peers import ROUNDS, nginx, ok_pages, show, tool


def main(argv: list[str]) -> int:
    del argv
    with tempfile.TemporaryDirectory() as work:
        site = Path(work) / "site"
        site.mkdir()
        Path(work).chmod(0o755)
        pages = ok_pages()
        for number, page in enumerate(pages):
            (site / f"{number}.html").write_bytes(page)
        version = subprocess.run([tool("wget"), "--version"], capture_output=True, check=True)
        print(f"  site: {len(pages)} real pages, {sum(map(len, pages)) / 1e6:.1f} MB; base:")
        print(f"  {version.stdout.decode().splitlines()[0]} (no fsync, no signature, no text)")
        with nginx(site) as base:
            urls = [f"{base}/{number}.html" for number in range(len(pages))]
            _rounds(Path(work), urls)
    return 0


def _rounds(work: Path, urls: list[str]) -> None:
    wget, one, two = [], [], []
    for number in range(ROUNDS):
        wget.append(len(urls) / _wget(work / f"wget{number}", urls))
        one.append(len(urls) / _ours(work / f"one{number}", urls, workers=1))
        two.append(len(urls) / _ours(work / f"two{number}", urls, workers=2))
    show("wget --warc-file (gzip)", wget, wget, "pages/s", "base")
    show(
        "capture, durable + signed + text, 1 worker", one, wget, "pages/s", "budget 2.0, stretch 3"
    )
    show(
        "capture, durable + signed + text, 2 workers", two, wget, "pages/s", "budget 3.5, stretch 4"
    )


def _wget(folder: Path, urls: list[str]) -> float:
    folder.mkdir()
    (folder / "urls").write_text("\n".join(urls))
    command = [tool("wget"), "-q", "--warc-file=out", "-O", "/dev/null", "-i", "urls"]
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True)
    return time.perf_counter() - begun


def _ours(folder: Path, urls: list[str], workers: int) -> float:
    environment = {"MUNIMENT_DATA": str(folder), "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8"}
    archive, _ = init_archive(load_settings(environment=environment))
    archive.close()
    context = multiprocessing.get_context("spawn")
    barrier, spans = context.Barrier(workers), context.Queue()
    processes = [
        context.Process(target=_work, args=(environment, urls[index::workers], barrier, spans))
        for index in range(workers)
    ]
    for process in processes:
        process.start()
    times = [spans.get() for _ in processes]
    for process in processes:
        process.join()
    return max(end for _, end in times) - min(begun for begun, _ in times)


def _work(environment: dict[str, str], urls: list[str], barrier, spans) -> None:  # noqa: ANN001
    archive = open_archive(load_settings(environment=environment))
    list(capture_many(archive, urls[:1]))  # what is loaded once is not what is measured
    barrier.wait()
    begun = time.monotonic()
    results = list(capture_many(archive, urls))
    end = time.monotonic()
    missed = [
        item
        for item in results
        if not isinstance(item, Recorded) or not item.signed.look.capture_id
    ]
    if missed:
        raise SystemExit(f"{len(missed)} pages were not captured")
    archive.close()
    spans.put((begun, end))
