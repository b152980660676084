# SPDX-License-Identifier: Apache-2.0
"""The fetcher over TLS: who is trusted, what is recorded, and which protocol is spoken."""

import datetime as dt
import hashlib
import ipaddress
import socket
import ssl
from collections.abc import Iterator, Sequence

import pytest
from support.origin import Authority, Origin, Reset, Stall

from archive.clock import SystemClock
from archive.fetching.http import FetchSettings, HttpFetcher
from archive.model.fetch import FetchEnd
from archive.net.connection import client_tls_context
from archive.net.deadline import Deadline
from archive.net.guard import AddressGuard

GUARD = AddressGuard([ipaddress.ip_network("127.0.0.0/8")])
SETTINGS = FetchSettings(
    total_timeout_seconds=5, connect_timeout_seconds=0.5, read_timeout_seconds=1
)
OK = b"HTTP/1.1 200 OK\r\n"


class LoopbackResolver:
    """Every name under .example is 127.0.0.1."""

    def resolve(self, host: str, deadline: Deadline) -> Sequence[str]:
        deadline.seconds_left()
        return ["127.0.0.1"] if host.endswith(".example") else []


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def fetcher(authority: Authority) -> Iterator[HttpFetcher]:
    with HttpFetcher(
        SETTINGS,
        GUARD,
        SystemClock(),
        resolver=LoopbackResolver(),
        tls_context=authority.client_context(),
    ) as opened:
        yield opened


def test_the_leaf_certificate_is_recorded(authority: Authority, fetcher: HttpFetcher) -> None:
    with Origin(tls=authority.server_context("a.example")) as origin:
        origin.page("/x", "terms")
        fetch = fetcher.fetch(origin.url("/x", host="a.example"))
        with socket.create_connection(("127.0.0.1", origin.port)) as plain:
            context = authority.client_context()
            with context.wrap_socket(plain, server_hostname="a.example") as secured:
                leaf = secured.getpeercert(binary_form=True)
    assert fetch.end is FetchEnd.COMPLETE
    assert fetch.last is not None
    assert leaf is not None
    assert fetch.last.tls_leaf_sha256 == hashlib.sha256(leaf).hexdigest()


def test_connections_are_used_again(authority: Authority, fetcher: HttpFetcher) -> None:
    with Origin(tls=authority.server_context()) as origin:
        origin.page("/x", "terms")
        for _ in range(3):
            assert fetcher.fetch(origin.url("/x")).body == b"terms"
        assert origin.connection_count == 1


def test_a_certificate_for_another_host_is_refused(
    authority: Authority, fetcher: HttpFetcher
) -> None:
    with Origin(tls=authority.server_context("b.example")) as origin:
        fetch = fetcher.fetch(origin.url("/x", host="a.example"))
    assert (fetch.end, fetch.exchanges) == (FetchEnd.TLS_FAILED, ())
    assert "a.example" in fetch.detail
    assert origin.requests == []


def test_an_expired_certificate_is_refused(authority: Authority, fetcher: HttpFetcher) -> None:
    context = authority.server_context("a.example", lifetime=dt.timedelta(hours=-1))
    with Origin(tls=context) as origin:
        fetch = fetcher.fetch(origin.url("/x", host="a.example"))
    assert fetch.end is FetchEnd.TLS_FAILED
    assert "expired" in fetch.detail


def test_an_unknown_authority_is_refused(fetcher: HttpFetcher) -> None:
    with Origin(tls=Authority().server_context("a.example")) as origin:
        assert fetcher.fetch(origin.url("/x", host="a.example")).end is FetchEnd.TLS_FAILED


def test_a_server_without_tls_is_refused(fetcher: HttpFetcher) -> None:
    with Origin() as origin:
        url = origin.url("/x").replace("http:", "https:")
        # The origin waits for the end of a request that is none, so the handshake times out.
        assert fetcher.fetch(url).end in {FetchEnd.TLS_FAILED, FetchEnd.TIMEOUT}


def test_a_close_without_close_notify_is_no_end(authority: Authority, fetcher: HttpFetcher) -> None:
    # RFC 9112 9.8: without it an attacker could cut the text short.
    with Origin(tls=authority.server_context()) as origin:
        origin.add("/cut", OK + b"\r\n", b"we may share", Reset())
        origin.add("/whole", OK + b"\r\n", b"we may share nothing")
        assert fetcher.fetch(origin.url("/cut")).end is FetchEnd.TRUNCATED
        assert fetcher.fetch(origin.url("/whole")).end is FetchEnd.COMPLETE


def test_a_stalled_response_times_out(authority: Authority, fetcher: HttpFetcher) -> None:
    with Origin(tls=authority.server_context()) as origin:
        origin.add("/x", OK, Stall())
        assert fetcher.fetch(origin.url("/x")).end is FetchEnd.TIMEOUT


def test_only_http1_is_offered(authority: Authority, fetcher: HttpFetcher) -> None:
    context = authority.server_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    chosen: list[str | None] = []

    class Noting(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002
            super().do_handshake(block)
            chosen.append(self.selected_alpn_protocol())

    context.sslsocket_class = Noting
    with Origin(tls=context) as origin:
        assert fetcher.fetch(origin.url("/x")).end is FetchEnd.COMPLETE
    assert chosen == ["http/1.1"]


def test_the_default_context_checks_names_and_chains() -> None:
    context = client_tls_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
