# SPDX-License-Identifier: Apache-2.0
"""Cases D-05 to D-08 and D-12: hard responses, kept as they came.

D-07 (h2 status lines and pseudo headers) cannot arise in a capture: only HTTP/1.1 is offered, and
tests/unit/test_fetch_tls.py shows it. A head that says `HTTP/2`, as other archives' files hold, is
still read.
"""

import datetime as dt
import functools
import gzip
import hashlib
import ipaddress
import json
import pathlib
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator

import brotli
import pytest
import zstandard
from support.origin import Authority, Origin, chunked

from archive.clock import FixedClock, SystemClock
from archive.fetching.http import FetchSettings, HttpFetcher
from archive.fetching.outcome import classify
from archive.model.fetch import FetchEnd
from archive.model.outcome import OutcomeKind
from archive.net.codings import parse_head
from archive.net.guard import AddressGuard
from archive.text import recipes

F2 = b"<html><body><p>We may share data.</p></body></html>"
F2_SHA256 = "91b51d51a48c702dd99e59513b6f17d87def072a5568bd2064d83b45e61dbc4c"
OK = b"HTTP/1.1 200 OK\r\n"
MEBIBYTE = 1024 * 1024


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as opened:
        yield opened


@pytest.fixture
def fetcher() -> Iterator[HttpFetcher]:
    guard = AddressGuard([ipaddress.ip_network("127.0.0.0/8")])
    with HttpFetcher(FetchSettings(), guard, SystemClock()) as opened:
        yield opened


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "compress", "gzip, br"])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_d05_plain_body_labelled_as_coded_is_kept(
    origin: Origin, fetcher: HttpFetcher, coding: str, *, is_chunked: bool
) -> None:
    framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(F2)}"
    head = OK + f"Content-Encoding: {coding}\r\n{framing}\r\n\r\n".encode()
    origin.add("/x", head, chunked(F2[:20], F2[20:]) if is_chunked else F2)
    fetch = fetcher.fetch(origin.url("/x"))
    assert fetch.end is FetchEnd.COMPLETE
    assert fetch.coding_flaw == "content-encoding-mismatch"
    assert len(fetch.body) == 51
    assert hashlib.sha256(fetch.body).hexdigest() == F2_SHA256
    assert fetch.last is not None
    assert fetch.last.payload == F2


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", gzip.compress(F2, mtime=0)),
        ("x-gzip", gzip.compress(F2, mtime=0)),
        ("deflate", zlib.compress(F2)),
        ("br", brotli.compress(F2)),
        ("zstd", zstandard.ZstdCompressor().compress(F2)),
        ("br, gzip", gzip.compress(brotli.compress(F2), mtime=0)),
    ],
)
def test_d05_a_coded_body_is_decoded_and_kept_as_received(
    origin: Origin, fetcher: HttpFetcher, coding: str, coded: bytes
) -> None:
    origin.page("/x", coded, headers={"Content-Encoding": coding})
    fetch = fetcher.fetch(origin.url("/x"))
    assert (fetch.body, fetch.coding_flaw) == (F2, None)
    assert fetch.codings == tuple(coding.replace("x-", "").split(", "))
    assert fetch.last is not None
    assert fetch.last.payload == fetch.last.response_body == coded


def test_d06_header_block_is_kept_byte_exact(origin: Origin, fetcher: HttpFetcher) -> None:
    head = (
        "HTTP/1.1 404 Artículo no encontrado\r\n".encode()
        + b"Set-Cookie: \xb3\xd2=1\r\n"
        + b'Content-Disposition: attachment; filename="d\xe2\x80\x99essai.pdf"\r\n'
        + b"x-MIXED-case:\tv \r\nContent-Length: 51\r\n\r\n"
    )
    origin.add("/x", head, F2)
    last = fetcher.fetch(origin.url("/x")).last
    assert last is not None
    assert hashlib.sha256(last.response_head).digest() == hashlib.sha256(head).digest()
    assert last.status == 404
    assert last.header("set-cookie") == "\xb3\xd2=1"
    disposition = last.header("content-disposition")
    assert disposition is not None
    assert disposition.encode("latin-1").decode() == 'attachment; filename="d’essai.pdf"'
    assert parse_head(head).reason.encode("latin-1").decode() == "Artículo no encontrado"


def test_d07_an_h2_status_line_is_read() -> None:
    head = parse_head(b"HTTP/2 200\r\ncontent-type: text/html\r\n\r\n")
    assert (head.version, head.status, head.reason) == ("HTTP/2", 200, "")


def test_d07_h2_is_not_negotiated() -> None:
    authority = Authority()
    context = authority.server_context()
    context.set_alpn_protocols(["h2"])
    guard = AddressGuard([ipaddress.ip_network("127.0.0.0/8")])
    with (
        Origin(tls=context) as origin,
        HttpFetcher(
            FetchSettings(), guard, SystemClock(), tls_context=authority.client_context()
        ) as fetcher,
    ):
        origin.page("/x", F2)
        last = fetcher.fetch(origin.url("/x")).last
    assert last is not None
    assert last.response_head.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("-5", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 86_400),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("9" * 400, 86_400),
        ("2.5", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_d08_a_valid_retry_after_is_capped_and_an_invalid_one_is_none(
    origin: Origin, status: str, value: str, seconds: int | None
) -> None:
    origin.page("/x", "slow down", status=status, headers={"Retry-After": value})
    guard = AddressGuard([ipaddress.ip_network("127.0.0.0/8")])
    # The case's date lies in the future only for as long as the clock stands before it.
    clock = FixedClock(dt.datetime(2026, 3, 6, 20, 0, 36, tzinfo=dt.UTC))
    with HttpFetcher(FetchSettings(), guard, clock) as fetcher:
        fetch = fetcher.fetch(origin.url("/x"))
    assert fetch.last is not None
    assert fetch.last.header("retry-after") == value
    outcome = classify(fetch, recipes.run("text/1", fetch.body, "text/html"))
    assert outcome.kind is OutcomeKind.RATE_LIMITED
    assert outcome.retry_after_seconds == seconds
    wish = () if seconds is None else (f"retry-after:{seconds}",)
    assert outcome.signals == (f"status:{status[:3]}", *wish)


def zeros_coded_by(compress: Callable[[bytes], bytes], finish: Callable[[], bytes]) -> bytes:
    """One GiB of zeros."""
    piece = bytes(16 * MEBIBYTE)
    return b"".join(compress(piece) for _ in range(64)) + finish()


@functools.cache
def bomb(kind: str) -> tuple[str, bytes]:
    if kind == "zstd":
        frame = zstandard.ZstdCompressor(level=1).compressobj()
        return "zstd", zeros_coded_by(frame.compress, frame.flush)
    if kind == "br":
        stream = brotli.Compressor(quality=1)
        return "br", zeros_coded_by(stream.process, stream.finish)
    window_bits = {"deflate": zlib.MAX_WBITS, "bare": -zlib.MAX_WBITS}.get(kind, 31)
    deflate = zlib.compressobj(1, zlib.DEFLATED, window_bits)
    coded = zeros_coded_by(deflate.compress, deflate.flush)
    if kind == "nested":
        return "gzip, gzip", gzip.compress(coded)
    return ("gzip" if kind == "gzip" else "deflate"), coded


FETCH_UNDER_LIMITS = """
import ipaddress, json, pathlib, resource, sys
from archive.clock import SystemClock
from archive.fetching.http import FetchSettings, HttpFetcher
from archive.net.guard import AddressGuard

def status(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))

url, cap, ratio = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
settings = FetchSettings(decoded_bytes_limit=cap, decoding_ratio_limit=ratio)
guard = AddressGuard([ipaddress.ip_network("127.0.0.0/8")])
room = cap + 64 * 1024 * 1024
before = status("VmRSS")
resource.setrlimit(resource.RLIMIT_AS, (status("VmSize") + room, status("VmSize") + room))
with HttpFetcher(settings, guard, SystemClock()) as fetcher:
    fetch = fetcher.fetch(url)
print(json.dumps({
    "end": fetch.end, "detail": fetch.detail, "flaw": fetch.coding_flaw,
    "is_payload": fetch.body == fetch.last.payload, "grown": status("VmHWM") - before, "room": room,
}))
"""


@pytest.mark.skipif(not pathlib.Path("/proc/self/status").exists(), reason="measures by /proc")
@pytest.mark.parametrize("kind", ["gzip", "deflate", "bare", "br", "zstd", "nested"])
@pytest.mark.parametrize("ratio", [200, 10**9], ids=["ratio", "cap"])
def test_d12_bombs_are_refused_under_a_memory_limit(origin: Origin, kind: str, ratio: int) -> None:
    coding, coded = bomb(kind)
    origin.page("/x", coded, headers={"Content-Encoding": coding})
    arguments = [origin.url("/x"), str(96 * MEBIBYTE), str(ratio)]
    ended = subprocess.run(
        [sys.executable, "-c", FETCH_UNDER_LIMITS, *arguments],
        check=True,
        capture_output=True,
        timeout=120,
    )
    report = json.loads(ended.stdout)
    print(kind, len(coded), report)
    assert report["end"] == "too-large"
    assert report["is_payload"]
    assert report["flaw"] == "content-encoding-not-undone"
    assert report["grown"] < report["room"]


def test_d12_the_wire_limit_holds_without_a_content_length(origin: Origin) -> None:
    guard = AddressGuard([ipaddress.ip_network("127.0.0.0/8")])
    origin.add("/x", OK + b"\r\n", bytes(2 * MEBIBYTE))
    settings = FetchSettings(wire_bytes_limit=MEBIBYTE)
    with HttpFetcher(settings, guard, SystemClock()) as fetcher:
        fetch = fetcher.fetch(origin.url("/x"))
    assert fetch.end is FetchEnd.TOO_LARGE
    assert len(fetch.body) <= MEBIBYTE
