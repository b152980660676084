# SPDX-License-Identifier: Apache-2.0
"""Cases D-01 to D-04: what the fetcher asks for, and under which identity it records it."""

import ipaddress
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.origin import Origin

from archive.clock import SystemClock
from archive.errors import MalformedUrl
from archive.fetching.http import FetchSettings, HttpFetcher
from archive.net.guard import AddressGuard
from archive.net.url import parse_capture_url


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as opened:
        yield opened


@pytest.fixture
def fetcher() -> Iterator[HttpFetcher]:
    guard = AddressGuard([ipaddress.ip_network("127.0.0.0/8")])
    with HttpFetcher(FetchSettings(), guard, SystemClock()) as opened:
        yield opened


def test_d01_escaped_slash_and_hash_are_three_documents(
    origin: Origin, fetcher: HttpFetcher
) -> None:
    paths = ["/doc/10.1%2Fx", "/doc/10.1/x", "/c%23v2"]
    for path in paths:
        origin.page(path, path)
    fetches = [fetcher.fetch(origin.url(path)) for path in paths]
    assert [fetch.body.decode() for fetch in fetches] == paths
    assert [fetch.url for fetch in fetches] == [origin.url(path) for path in paths]
    assert len({parse_capture_url(f"https://a.example{path}").href for path in paths}) == 3


def test_d02_escaped_percent_is_unchanged(origin: Origin, fetcher: HttpFetcher) -> None:
    url = "https://a.example/cmp/Dia%25"
    assert parse_capture_url(url).href == url
    assert fetcher.fetch(origin.url("/cmp/Dia%25")).final_url == origin.url("/cmp/Dia%25")
    assert origin.requests[0].startswith(b"GET /cmp/Dia%25 HTTP/1.1\r\n")


@given(st.text(alphabet="aA%25/2F3é #?&=.;:@\\", max_size=30))
def test_d02_identity_is_idempotent(path: str) -> None:
    try:
        once = parse_capture_url(f"https://a.example/{path}").href
    except MalformedUrl:
        return
    assert parse_capture_url(once).href == once


def test_d02_case_of_the_path_makes_two_documents(origin: Origin, fetcher: HttpFetcher) -> None:
    origin.page("/Terms", "upper")
    origin.page("/terms", "lower")
    upper, lower = (fetcher.fetch(origin.url(path)) for path in ("/Terms", "/terms"))
    assert (upper.body, lower.body) == (b"upper", b"lower")
    assert upper.url != lower.url


def test_d03_non_ascii_is_escaped_on_the_wire(origin: Origin, fetcher: HttpFetcher) -> None:
    fetch = fetcher.fetch(origin.url("/Bild_(1789–1858).jpg"))
    assert fetch.url == origin.url("/Bild_(1789%E2%80%931858).jpg")
    assert origin.requests[0].startswith(b"GET /Bild_(1789%E2%80%931858).jpg HTTP/1.1\r\n")
    assert origin.requests[0].isascii()


def test_d03_idn_and_punycode_are_one_document() -> None:
    typed = parse_capture_url("https://bücher.example/")
    assert typed == parse_capture_url("https://xn--bcher-kva.example/")
    assert typed.host_header == "xn--bcher-kva.example"


def test_d04_spaces_are_escaped(origin: Origin, fetcher: HttpFetcher) -> None:
    assert (
        parse_capture_url("https://a.example/My Policy.pdf").href
        == "https://a.example/My%20Policy.pdf"
    )
    origin.page("/My%20Policy.pdf", b"%PDF-", content_type="application/pdf")
    fetch = fetcher.fetch(origin.url("/My Policy.pdf"))
    assert (fetch.url, fetch.body) == (origin.url("/My%20Policy.pdf"), b"%PDF-")
