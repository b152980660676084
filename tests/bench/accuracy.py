# SPDX-License-Identifier: Apache-2.0
"""Scores the outcome classifier and the text recipe on real policy pages.

Run `python -m tests.bench accuracy [folder]`. The folder is MUNIMENT_TEST_DATA, else
../shared/data beside the repository. Exit code 1 when a page is judged wrongly, 2 without data.
"""

import contextlib
import gzip
import ipaddress
import json
import os
import pathlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from archive.clock import SystemClock
from archive.fetching.http import FetchSettings, HttpFetcher
from archive.fetching.outcome import classify
from archive.model.fetch import Fetch
from archive.model.outcome import Outcome, OutcomeKind
from archive.model.text import Extraction
from archive.net.guard import AddressGuard
from archive.text import recipes

KINDS_OF_STATE = {
    "ok": {OutcomeKind.OK},
    "error-page": {OutcomeKind.ERROR_PAGE, OutcomeKind.SOFT_404},
    "empty": {OutcomeKind.EMPTY, OutcomeKind.SCRIPT_SHELL},
    "redirect-stub": {OutcomeKind.REDIRECT_STUB},
    "blocked": {OutcomeKind.BLOCKED, OutcomeKind.CONSENT_WALL},
}
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Page:
    """One labelled capture of the data set."""

    document: str
    file: str
    state: str
    url: str
    visible_chars: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was made of one page."""

    page: Page
    extraction: Extraction
    outcome: Outcome
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether a citable page is ok and another one is refused."""
        return self.outcome.is_ok == (self.page.state == "ok")

    @property
    def has_right_kind(self) -> bool:
        """Whether the refusal also has the right name."""
        return self.outcome.kind in KINDS_OF_STATE[self.page.state]


def policies_folder(argument: str | None = None) -> pathlib.Path:
    """Where the labelled policies should lie."""
    default = pathlib.Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
    return pathlib.Path(argument or os.environ.get("MUNIMENT_TEST_DATA") or default) / "policies"


def pages(folder: pathlib.Path) -> Iterator[Page]:
    """All labelled captures, by document and time."""
    for labels in sorted(folder.glob("*/labels.json")):
        for row in json.loads(labels.read_text("utf-8"))["captures"]:
            path = labels.parent / row["file"]
            body = path.read_bytes()
            yield Page(
                document=labels.parent.name,
                file=row["file"],
                state=row["state"],
                url=row["original_url"],
                visible_chars=row["visible_chars"],
                body=gzip.decompress(body) if path.suffix == ".gz" else body,
            )


@contextlib.contextmanager
def served(bodies: Sequence[bytes]) -> Iterator[str]:
    """The address of a loopback server that has the bodies under `/0`, `/1` and so on."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = bodies[int(self.path[1:])]
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def judge_all(wanted: Sequence[Page], rounds: int = 1) -> list[Judgement]:
    """Fetches, extracts and classifies each page; its time is the best of the rounds."""
    guard = AddressGuard((ipaddress.ip_network("127.0.0.0/8"),))
    settings = FetchSettings(user_agent="Muniment accuracy bench")
    with (
        served([page.body for page in wanted]) as base,
        HttpFetcher(settings, guard, SystemClock()) as fetcher,
    ):
        return [
            _judge(page, fetcher.fetch(f"{base}/{number}"), rounds)
            for number, page in enumerate(wanted)
        ]


def _judge(page: Page, fetch: Fetch, rounds: int) -> Judgement:
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        extraction = recipes.run(recipes.latest(), fetch.body, "text/html")
        best = min(best, time.perf_counter() - start)
    return Judgement(page, extraction, classify(fetch, extraction), best)


def main(argv: list[str]) -> int:
    """Prints the score and every miss."""
    folder = policies_folder(argv[0] if argv else None)
    judgements = judge_all(list(pages(folder)), _ROUNDS) if folder.is_dir() else []
    if not judgements:
        print(f"accuracy: no labelled pages under {folder}; set MUNIMENT_TEST_DATA")
        return 2
    for document in sorted({each.page.document for each in judgements}):
        _print_document(document, [each for each in judgements if each.page.document == document])
    misses = [each for each in judgements if not each.is_right]
    for each in misses:
        _print_miss("MISS", each)
    misnamed = [each for each in judgements if each.is_right and not each.has_right_kind]
    for each in misnamed:
        _print_miss("misnamed", each)
    _print_total(judgements, len(misses), len(misnamed))
    return 1 if misses else 0


def _print_document(document: str, rows: list[Judgement]) -> None:
    ok = sum(each.outcome.is_ok for each in rows)
    size = sum(len(each.page.body) for each in rows)
    chars = sum(len(each.extraction.text) for each in rows)
    visible = sum(each.page.visible_chars for each in rows)
    print(
        f"{document:28} ok {ok:3}  refused {len(rows) - ok:2}  text {chars:7} chars"
        f" ({_ratio(chars, visible)} of visible)  {_per_mb(rows, size):5.1f} ms/MB"
    )


def _print_miss(word: str, each: Judgement) -> None:
    page, outcome = each.page, each.outcome
    print(
        f"{word}: {page.document}/{page.file} expected {page.state}, got {outcome.kind}:"
        f" {outcome.reason} {' '.join(outcome.signals)}"
    )


def _print_total(rows: list[Judgement], misses: int, misnamed: int) -> None:
    size = sum(len(each.page.body) for each in rows)
    times = sorted(each.seconds * 1000 for each in rows)
    print(
        f"text: {size / 1e6:.1f} MB, {_per_mb(rows, size):.2f} ms/MB, per page median"
        f" {times[len(times) // 2]:.2f} ms, most {times[-1]:.2f} ms (best of {_ROUNDS})"
    )
    refused_ok = sum(each.page.state == "ok" and not each.outcome.is_ok for each in rows)
    print(
        f"accuracy: {len(rows) - misses} of {len(rows)} right; ok pages refused {refused_ok},"
        f" other pages minted {misses - refused_ok}, refusals misnamed {misnamed}"
    )


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


def _per_mb(rows: list[Judgement], size: int) -> float:
    return sum(each.seconds for each in rows) * 1000 / max(size / 1e6, 1e-9)
