# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.proof.kills`: a thousand captures while processes are killed at random.

Captures are asked for by the API, with an idempotency key each, while web, worker and (where it is
this run's own) database processes get `kill -9` again and again. At the end there must be as many
complete captures and distinct IDs as were asked for: none lost, none double, all sound.

By default everything lies in SQLite files and a folder. Elsewhere: `--postgres jobs|all` starts a
PostgreSQL for the jobs, or for the catalogue too, and kills it as well; `--seaweed` starts an S3
server (and does not kill it); `--database-url`, `--jobs-url`, `--store-url` and `--store-endpoint`
name servers that are there (and are not killed either).
"""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import sqlalchemy as sa  # noqa: E402 - the path of the tests' own helpers comes first
from support.archives import page  # noqa: E402
from support.origin import Origin  # noqa: E402
from support.postgres import Cluster, debian_cluster  # noqa: E402
from support.s3_keys import make_bucket  # noqa: E402
from support.seaweed import running_server  # noqa: E402
from support.working import MAIN  # noqa: E402

from archive.bootstrap import init_archive, open_archive  # noqa: E402
from archive.catalog import log  # noqa: E402
from archive.catalog.tables import capture, ops_request, ops_reservation  # noqa: E402
from archive.errors import CatalogUnavailable, MunimentError  # noqa: E402
from archive.jobs.base import Job  # noqa: E402
from archive.proofs.checkpoint import SignedCheckpoint  # noqa: E402
from archive.proofs.log_layout import CHECKPOINTS  # noqa: E402
from archive.proofs.merkle import root_of  # noqa: E402
from archive.services.context import Archive  # noqa: E402
from archive.services.log.publishing import publish_log  # noqa: E402
from archive.services.upkeep.audit import AuditOptions, audit  # noqa: E402
from archive.settings import Settings, load_settings  # noqa: E402

_CLIENTS = 8
_PATIENCE_SECONDS = 600
_START_SECONDS = 5
_PAGE = 500


class Program:
    """A process that is started again each time that it is killed."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        self.name = name
        self._arguments = arguments
        self._environment = {**os.environ, **environment}
        self._log = (Path(environment["MUNIMENT_DATA"]).parent / f"{name}.log").open("ab")
        self._lock = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", MAIN, *self._arguments],
            cwd=ROOT,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def revive(self) -> None:
        """Start it again when it ended by itself."""
        with self._lock:
            if self._process.poll() is not None:
                self._start()

    def kill(self) -> None:
        """kill -9 of it and its children, and start it again."""
        with self._lock:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._start()

    def end(self) -> int:
        """Tell it to end; its exit code."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            return self._process.wait(90)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            return self._process.wait()
        finally:
            self._log.close()


class Killer:
    """Kills one of its victims at random, until it is stopped.

    A program that ends by itself, since its database was away when it began, is started again, as
    the service manager of a machine does.
    """

    def __init__(
        self,
        seed: int,
        programs: Sequence[Program],
        deeds: dict[str, Callable[[], None]],
        pause: float,
    ) -> None:
        self._programs = programs
        self._random = random.Random(seed)
        self._deeds = deeds
        self._pause = pause
        self._ended = threading.Event()
        self.counts: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self._random.uniform(0.3, 1.7) * self._pause):
            name = self._random.choice(sorted(self._deeds))
            self._deeds[name]()
            for item in self._programs:
                item.revive()
            self.counts[name.partition(" ")[0]] += 1

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()


def ask_for(port: int, key: str, number: int, url: str) -> None:
    """Ask for this URL until somebody says that it is accepted, or done already."""
    end = time.monotonic() + _PATIENCE_SECONDS
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Idempotency-Key": f"page-{number}",
    }
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("POST", "/api/v1/captures", json.dumps({"url": url}), headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status in {201, 202}:
                return
            # What another process is still at is asked for again, as its answer says.
            is_under_way = answer.status == 409 and b"IDEMPOTENCY_IN_PROGRESS" in body
            if answer.status < 500 and not is_under_way:
                raise SystemExit(f"refused: {answer.status} {body!r}")
        except (OSError, http.client.HTTPException, ValueError):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise SystemExit("the web never accepted a capture")


def every_job(archive: Archive) -> list[Job]:
    """Every job that there is."""
    found: list[Job] = []
    while more := archive.jobs.recent([], _PAGE, found[-1].id if found else None):
        found += more
    return found


def count_unfinished(archive: Archive) -> int | None:
    """How many jobs are not finished; None while the database is away."""
    try:
        return sum(not job.is_finished for job in every_job(archive))
    except MunimentError:
        return None


@contextlib.contextmanager
def postgres(wanted: str) -> Iterator[Cluster | None]:
    if wanted == "none":
        yield None
        return
    with debian_cluster() as cluster:
        yield cluster


@contextlib.contextmanager
def seaweed(*, is_wanted: bool) -> Iterator[dict[str, str]]:
    """The settings of a store in a new bucket of a new S3 server, or none."""
    if not is_wanted:
        yield {}
        return
    with running_server() as endpoint:
        bucket = make_bucket(endpoint)
        yield {"MUNIMENT_STORE_URL": f"s3://{bucket}/", "MUNIMENT_STORE_ENDPOINT": endpoint}


def environment_of(options: argparse.Namespace, work: Path) -> dict[str, str]:
    environment = {
        "MUNIMENT_DATA": str(work / "data"),
        "MUNIMENT_NETWORK_ALLOW": "127.0.0.0/8",
        "MUNIMENT_JOBS_BEAT_SECONDS": "1",
        "MUNIMENT_JOBS_SLOTS": str(options.slots),
        "MUNIMENT_LIMITS_WRITES_PER_MINUTE": "1000000",
    }
    given = {
        "MUNIMENT_DATABASE_URL": options.database_url,
        "MUNIMENT_JOBS_URL": options.jobs_url,
        "MUNIMENT_STORE_URL": options.store_url,
        "MUNIMENT_STORE_ENDPOINT": options.store_endpoint,
    }
    return environment | {name: value for name, value in given.items() if value}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captures", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--pause", type=float, default=1.5, help="mean seconds between kills")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--postgres", choices=["none", "jobs", "all"], default="none")
    parser.add_argument("--seaweed", action="store_true")
    parser.add_argument("--database-url", default="")
    parser.add_argument("--jobs-url", default="")
    parser.add_argument("--store-url", default="")
    parser.add_argument("--store-endpoint", default="")
    options = parser.parse_args(argv)
    with (
        tempfile.TemporaryDirectory() as work,
        postgres(options.postgres) as cluster,
        seaweed(is_wanted=options.seaweed) as store,
    ):
        environment = environment_of(options, Path(work)) | store
        if cluster is not None:
            environment["MUNIMENT_JOBS_URL"] = cluster.new_database()
            if options.postgres == "all":
                environment["MUNIMENT_DATABASE_URL"] = environment["MUNIMENT_JOBS_URL"]
        return _prove(options, environment, cluster)


def _prove(
    options: argparse.Namespace, environment: dict[str, str], cluster: Cluster | None
) -> int:
    settings = load_settings(environment=environment)
    archive, made = init_archive(settings)
    archive.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Origin() as origin:
        for number in range(options.captures):
            origin.page(f"/{number}", page(f"This is page number {number}."))
        urls = [origin.url(f"/{number}") for number in range(options.captures)]
        programs = [
            Program(f"worker {n}", ["worker", "--quiet"], environment)
            for n in range(options.workers)
        ]
        web = ["serve", "--port", str(port), "--no-worker", "--quiet"]
        programs.append(Program("web", web, environment))
        deeds: dict[str, Callable[[], None]] = {item.name: item.kill for item in programs}
        if cluster is not None:
            deeds["database process"] = lambda: _quietly(cluster.kill_backend)
            deeds["server of the database"] = lambda: _restart(cluster)
        began = time.monotonic()
        killer = Killer(options.seed, programs, deeds, options.pause)
        try:
            with ThreadPoolExecutor(_CLIENTS) as pool:
                key = made.api_key or ""
                list(pool.map(lambda item: ask_for(port, key, *item), enumerate(urls)))
            _wait(settings, programs)
        finally:
            killer.stop()
            seconds = time.monotonic() - began
            # What was begun again a moment ago does not yet know what TERM means.
            time.sleep(_START_SECONDS)
            exits = [item.end() for item in programs]
    return _judged(settings, urls, (killer.counts, seconds, options.seed, exits))


def _wait(settings: Settings, programs: list[Program]) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    archive = _opened(settings)
    try:
        while (left := count_unfinished(archive)) != 0:
            if time.monotonic() > end:
                raise SystemExit(f"{left} jobs were never finished")
            for item in programs:
                item.revive()
            time.sleep(0.5)
    finally:
        archive.close()


def _opened(settings: Settings) -> Archive:
    """The archive, as soon as its database is there."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return open_archive(settings)
        except CatalogUnavailable:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _quietly(deed: Callable[[], object]) -> None:
    # The victim may have died, or the server be on its way up, at this very moment.
    with contextlib.suppress(OSError, RuntimeError, ValueError, IndexError):
        deed()


def _restart(cluster: Cluster) -> None:
    _quietly(cluster.kill)
    cluster.start()


@dataclass(frozen=True)
class LogVerdict:
    """What the log is like, by its rows and published notes, hashed here leaf by leaf."""

    entries: int
    checkpoints: int
    gaps: int
    unlogged: int
    differing: int
    pending: int

    @property
    def is_sound(self) -> bool:
        """Whether there is one history, whole and published to its end."""
        wrong = self.gaps or self.unlogged or self.differing or self.pending
        return bool(self.entries and self.checkpoints and not wrong)


def log_verdict(archive: Archive) -> LogVerdict:
    """The sequence has no gap, every statement is in it, and every checkpoint is of its head."""
    with archive.database.reading() as connection:
        head = log.log_head_of(connection)
        assert head is not None
        rows = log.rows_between(connection, 0, head.appended + 1000)
        unlogged = len(log.unlogged(connection))
    leaves = [hashlib.sha256(b"\0" + entry).digest() for _, _, entry in rows]
    notes = [archive.store.get(item.key) for item in archive.store.list(CHECKPOINTS)]
    heads = [SignedCheckpoint.from_bytes(note).head for note in notes]
    return LogVerdict(
        entries=len(rows),
        checkpoints=len(heads),
        gaps=sum(row[0] != index for index, row in enumerate(rows)),
        unlogged=unlogged,
        differing=sum(root_of(leaves[: item.size]) != item.root for item in heads),
        pending=head.appended - head.published,
    )


def _judged(
    settings: Settings,
    urls: list[str],
    run: tuple[Counter[str], float, int, list[int]],
) -> int:
    counts, seconds, seed, exits = run
    archive = open_archive(settings)
    try:
        jobs = every_job(archive)
        ids = [job.result["record"]["id"] for job in jobs if job.result]
        with archive.database.reading() as connection:
            listed = connection.execute(sa.select(capture.c.id, capture.c.url)).all()
            is_open = ops_reservation.c.is_void == 0
            waiting = sa.select(sa.func.count()).select_from(ops_reservation).where(is_open)
            still_open = connection.execute(waiting).scalar()
            claims = ops_request.c.record.is_(None)
            unsettled = connection.execute(
                sa.select(sa.func.count()).select_from(ops_request).where(claims)
            ).scalar()
            voids = connection.execute(
                sa.select(sa.func.count()).select_from(ops_reservation).where(~is_open)
            ).scalar()
        # What a killed process logged the next one publishes.
        publish_log(archive)
        logged = log_verdict(archive)
        report = audit(archive, lambda _done, _total: None, AuditOptions("deep", None, 2))
    finally:
        archive.close()
    states = Counter(job.state.value for job in jobs)
    doubles = len(listed) - len({row.url for row in listed})
    lost = len(set(urls) - {row.url for row in listed})
    print(f"  seed {seed}, {seconds:.0f} s, {len(urls) / seconds:.1f} captures/s")
    print(f"  killed: {', '.join(f'{name} {count}x' for name, count in sorted(counts.items()))}")
    print(f"  asked for {len(urls)}, jobs {len(jobs)}: {dict(states)}")
    runs, starts = sum(job.run + 1 for job in jobs), max(job.starts for job in jobs)
    print(f"  runs {runs}, most starts of one run {starts}, exit codes at the end {exits}")
    print(f"  captures {len(listed)}, distinct IDs {len(set(ids))}, lost {lost}, double {doubles}")
    print(f"  void numbers {voids}, reservations open {still_open}, requests open {unsettled}")
    print(
        f"  log: {logged.entries} entries, {logged.checkpoints} checkpoints; gaps {logged.gaps}, "
        f"unlogged {logged.unlogged}, roots by brute force that differ {logged.differing}"
    )
    print(f"  audit (deep): {report.records} records, {len(report.damages)} not sound")
    is_proven = (
        len(jobs) == len(listed) == len(set(ids)) == len(urls)
        and {str(row.id) for row in listed} == set(ids)
        and states == {"done": len(urls)}
        and not (lost or doubles or still_open or unsettled or report.damages or any(exits))
        and logged.is_sound
    )
    print("  PROVEN" if is_proven else "  NOT PROVEN")
    return 0 if is_proven else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
