# SPDX-License-Identifier: Apache-2.0
"""The fetcher against a real origin: what it sends, keeps, follows, refuses and survives."""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator, Sequence

import pytest
from support.origin import Drip, Endless, Origin, Reply, Reset, Stall, Step, Wait, chunked, response

from archive.clock import FixedClock, SystemClock
from archive.errors import AddressRefused, MalformedUrl, SettingsError
from archive.fetching.http import FetchSettings, HttpFetcher
from archive.model.fetch import Fetch, FetchEnd
from archive.net.deadline import Deadline
from archive.net.failures import Unresolved
from archive.net.guard import AddressGuard

LOOPBACK = AddressGuard([ipaddress.ip_network("127.0.0.0/8")])
OK = b"HTTP/1.1 200 OK\r\n"
QUICK = FetchSettings(
    total_timeout_seconds=5,
    connect_timeout_seconds=2,
    read_timeout_seconds=0.3,
    wire_bytes_limit=1_000_000,
    decoded_bytes_limit=2_000_000,
    redirect_limit=3,
)


class FixedResolver:
    """Answers each look-up with the next of its answers, and counts them."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def resolve(self, host: str, deadline: Deadline) -> Sequence[str]:
        deadline.seconds_left()
        self.asked.append(host)
        if not self.answers:
            raise Unresolved(f"the host name {host} has no address")
        return self.answers.pop(0)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as opened:
        yield opened


@pytest.fixture
def fetcher() -> Iterator[HttpFetcher]:
    with HttpFetcher(QUICK, LOOPBACK, SystemClock()) as opened:
        yield opened


def test_request_and_response_are_kept_byte_for_byte(origin: Origin, fetcher: HttpFetcher) -> None:
    head = b"HTTP/1.1 200 Fine \r\nx-Odd :  a\r\n b\r\nCONTENT-length: 5\n\r\n"
    origin.add("/a%20b?q=1", head, b"terms")
    fetch = fetcher.fetch(origin.url("/a b?q=1#part"))
    assert fetch.end is FetchEnd.COMPLETE
    exchange = fetch.exchanges[0]
    assert exchange.response_head == head
    assert exchange.response_body == exchange.payload == fetch.body == b"terms"
    assert exchange.headers == (("x-Odd", "a b"), ("CONTENT-length", "5"))
    assert exchange.status == 200
    assert exchange.remote_address == "127.0.0.1"
    assert exchange.tls_leaf_sha256 is None
    assert fetch.url == fetch.final_url == exchange.url == origin.url("/a%20b?q=1")
    assert origin.requests == [exchange.request]


def test_the_request_says_who_asks_and_for_what(origin: Origin) -> None:
    settings = FetchSettings(user_agent="Muniment (ops@a.example)", accept_language="de, en;q=0.5")
    with HttpFetcher(settings, LOOPBACK, SystemClock()) as fetcher:
        fetcher.fetch(origin.url("/x"))
    assert origin.requests[0].decode().split("\r\n") == [
        "GET /x HTTP/1.1",
        f"Host: 127.0.0.1:{origin.port}",
        "User-Agent: Muniment (ops@a.example)",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Language: de, en;q=0.5",
        "Accept-Encoding: identity",
        "Connection: keep-alive",
        "",
        "",
    ]


@pytest.mark.parametrize("value", ["", "a\r\nX: y", "naïve", "a\0b"])
def test_settings_cannot_inject_headers(value: str) -> None:
    with pytest.raises(SettingsError, match=r"fetch\.user_agent"):
        FetchSettings(user_agent=value)


@pytest.mark.parametrize(
    ("steps", "payload"),
    [
        pytest.param((OK + b"\r\n", b"to the ", b"close"), b"to the close", id="until-close"),
        pytest.param((b"HTTP/1.0 200 OK\r\n\r\nold",), b"old", id="http-1.0"),
        pytest.param((OK + b"Content-Length: 0\r\n\r\n",), b"", id="empty"),
        pytest.param((OK + b"Content-Length: 3, 3\r\n\r\nabc",), b"abc", id="equal-lengths"),
        pytest.param((OK + b"Content-Length: 3\r\n\r\nabcdef",), b"abc", id="surplus"),
        pytest.param((b"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n",), b"", id="no-content"),
        pytest.param(
            (OK + b"Transfer-Encoding: chunked\r\n\r\n", chunked(b"a" * 70_000, b"b")),
            b"a" * 70_000 + b"b",
            id="chunked",
        ),
        pytest.param((Drip(OK + b"Content-Length: 2\r\n\r\nab", 0.001),), b"ab", id="byte-by-byte"),
        pytest.param(
            (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", Wait(0.05),
             b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nab"),
            b"ab",
            id="interim",
        ),
    ],
)  # fmt: skip
def test_complete_responses(
    origin: Origin, fetcher: HttpFetcher, steps: tuple[Step, ...], payload: bytes
) -> None:
    origin.add("/x", *steps)
    fetch = fetcher.fetch(origin.url("/x"))
    assert (fetch.end, fetch.body, fetch.coding_flaw) == (FetchEnd.COMPLETE, payload, None)
    assert fetch.last is not None
    assert fetch.last.response_head.startswith(b"HTTP/1.")
    assert b"103" not in fetch.last.response_head


def test_chunks_are_kept_as_received(origin: Origin, fetcher: HttpFetcher) -> None:
    body = b"3;x=y\r\nabc\r\n0\r\nTrailer: t\r\n\r\n"
    origin.add("/x", OK + b"Transfer-Encoding: chunked\r\n\r\n" + body + b"surplus")
    fetch = fetcher.fetch(origin.url("/x"))
    assert fetch.last is not None
    assert fetch.last.response_body == body
    assert fetch.last.payload == b"abc"


@pytest.mark.parametrize(
    ("steps", "end", "body"),
    [
        pytest.param(
            (OK + b"Content-Length: 9\r\n\r\nhalf",), FetchEnd.TRUNCATED, b"half", id="short"
        ),
        pytest.param(
            (OK + b"Content-Length: 9\r\n\r\nhalf", Wait(0.05), Reset()),
            FetchEnd.TRUNCATED,
            b"half",
            id="reset",
        ),
        pytest.param(
            (OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",),
            FetchEnd.TRUNCATED,
            b"half",
            id="no-last-chunk",
        ),
        pytest.param((b"HTTP/1.1 200 OK\r\nConte",), FetchEnd.TRUNCATED, b"", id="half-a-head"),
        pytest.param((), FetchEnd.UNREACHABLE, b"", id="closed-at-once"),
        pytest.param((Reset(),), FetchEnd.UNREACHABLE, b"", id="reset-at-once"),
        pytest.param((Stall(),), FetchEnd.TIMEOUT, b"", id="silent"),
        pytest.param(
            (OK + b"Content-Length: 9\r\n\r\nhalf", Stall()), FetchEnd.TIMEOUT, b"half", id="stall"
        ),
        pytest.param((b"SSH-2.0-x\r\n", Stall()), FetchEnd.MALFORMED_RESPONSE, b"", id="ssh"),
        pytest.param((b"<html>",), FetchEnd.MALFORMED_RESPONSE, b"", id="http-0.9"),
        pytest.param((b"HTTP/1.1 OK\r\n\r\n",), FetchEnd.MALFORMED_RESPONSE, b"", id="no-status"),
        pytest.param(
            (b"HTTP/1.1 101 Switching\r\n\r\n",), FetchEnd.MALFORMED_RESPONSE, b"", id="switching"
        ),
        pytest.param(
            (OK + b"A: " + b"x" * 300_000 + b"\r\n\r\n",),
            FetchEnd.MALFORMED_RESPONSE,
            b"",
            id="huge-head",
        ),
        pytest.param(
            (b"HTTP/1.1 103 Early\r\nA: " + b"x" * 90_000 + b"\r\n\r\n",) * 3 + (Stall(),),
            FetchEnd.MALFORMED_RESPONSE,
            b"",
            id="endless-interim",
        ),
        pytest.param(
            (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",),
            FetchEnd.MALFORMED_RESPONSE,
            b"",
            id="two-lengths",
        ),
        pytest.param(
            (OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"a"),),
            FetchEnd.MALFORMED_RESPONSE,
            b"",
            id="length-and-chunks",
        ),
        pytest.param(
            (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n",),
            FetchEnd.MALFORMED_RESPONSE,
            b"ab",
            id="bad-chunk",
        ),
        pytest.param(
            (OK + b"Content-Length: 1000001\r\n\r\n",), FetchEnd.TOO_LARGE, b"", id="too-long"
        ),
    ],
)
def test_broken_responses_end_by_kind_and_keep_their_bytes(
    origin: Origin, fetcher: HttpFetcher, steps: tuple[Step, ...], end: FetchEnd, body: bytes
) -> None:
    origin.add("/x", *steps)
    fetch = fetcher.fetch(origin.url("/x"))
    assert (fetch.end, fetch.body) == (end, body)
    assert fetch.detail
    assert "\n" not in fetch.detail
    assert len(fetch.exchanges) == 1
    assert fetch.exchanges[0].request == origin.requests[0]
    assert fetch.exchanges[0].payload == body
    assert set(body) <= set(fetch.exchanges[0].response_body)


def test_a_head_that_broke_off_is_kept(origin: Origin, fetcher: HttpFetcher) -> None:
    origin.add("/x", b"HTTP/1.1 200 OK\r\nConte")
    last = fetcher.fetch(origin.url("/x")).last
    assert last is not None
    assert (last.response_head, last.status) == (b"HTTP/1.1 200 OK\r\nConte", None)


@pytest.mark.parametrize("framing", [b"", b"Transfer-Encoding: chunked\r\n"])
def test_an_endless_body_stops_at_the_limit(
    origin: Origin, fetcher: HttpFetcher, framing: bytes
) -> None:
    piece = chunked(b"0" * 60_000).removesuffix(b"0\r\n\r\n") if framing else b"0" * 60_000
    origin.add("/x", OK + framing + b"\r\n", Endless(piece))
    fetch = fetcher.fetch(origin.url("/x"))
    assert fetch.end is FetchEnd.TOO_LARGE
    assert 900_000 < len(fetch.body) <= QUICK.wire_bytes_limit


def test_a_body_may_fill_the_limit_exactly(origin: Origin, fetcher: HttpFetcher) -> None:
    head = OK + b"\r\n"
    origin.add("/x", head, b"x" * (QUICK.wire_bytes_limit - len(head)))
    assert fetcher.fetch(origin.url("/x")).end is FetchEnd.COMPLETE
    origin.add("/x", head, b"x" * (QUICK.wire_bytes_limit - len(head) + 1))
    assert fetcher.fetch(origin.url("/x")).end is FetchEnd.TOO_LARGE


def test_redirect_hops_share_the_limit(origin: Origin, fetcher: HttpFetcher) -> None:
    origin.add("/a", b"HTTP/1.1 302 F\r\nLocation: /b\r\n\r\n", b"x" * 600_000)
    origin.add("/b", OK + b"\r\n", b"x" * 600_000)
    fetch = fetcher.fetch(origin.url("/a"))
    assert (fetch.end, len(fetch.exchanges)) == (FetchEnd.TOO_LARGE, 2)


def test_a_slow_drip_cannot_outlast_the_whole_fetch(origin: Origin) -> None:
    settings = FetchSettings(total_timeout_seconds=0.4, read_timeout_seconds=0.3)
    origin.add("/x", Drip(OK + b"A: " + b"x" * 1000, 0.05))
    started = time.monotonic()
    with HttpFetcher(settings, LOOPBACK, SystemClock()) as fetcher:
        fetch = fetcher.fetch(origin.url("/x"))
    assert fetch.end is FetchEnd.TIMEOUT
    assert "0.4 seconds" in fetch.detail
    assert time.monotonic() - started < 2


def test_nobody_listens(fetcher: HttpFetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fetch = fetcher.fetch(f"http://127.0.0.1:{port}/")
    assert (fetch.end, fetch.exchanges, fetch.last) == (FetchEnd.UNREACHABLE, (), None)


def test_no_such_host() -> None:
    with HttpFetcher(QUICK, LOOPBACK, SystemClock(), resolver=FixedResolver()) as fetcher:
        fetch = fetcher.fetch("http://nowhere.example/")
    assert fetch.end is FetchEnd.UNRESOLVED
    assert "nowhere.example" in fetch.detail


def test_times_come_from_the_clock(origin: Origin) -> None:
    clock = FixedClock(SystemClock().now())
    with HttpFetcher(QUICK, LOOPBACK, clock) as fetcher:
        last = fetcher.fetch(origin.url("/x")).last
    assert last is not None
    assert last.requested_at == last.received_at == clock.at


def test_proxy_variables_are_ignored(
    origin: Origin, fetcher: HttpFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    assert fetcher.fetch(origin.url("/x")).end is FetchEnd.COMPLETE


def redirects(fetch: Fetch, origin: Origin) -> list[str]:
    return [exchange.url.removeprefix(origin.url("")) for exchange in fetch.exchanges]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_and_each_hop_kept(
    origin: Origin, fetcher: HttpFetcher, status: int
) -> None:
    origin.redirect("/dir/a", "../b?x#frag", status=f"{status} Moved")
    origin.page("/b?x", "terms")
    fetch = fetcher.fetch(origin.url("/dir/a"))
    assert (fetch.end, fetch.body) == (FetchEnd.COMPLETE, b"terms")
    assert redirects(fetch, origin) == ["/dir/a", "/b?x"]
    assert fetch.url == origin.url("/dir/a")
    assert fetch.final_url == origin.url("/b?x")
    assert all(b"frag" not in request for request in origin.requests)


@pytest.mark.parametrize(
    ("head", "target"),
    [
        (b"Location: /b\xc3\xbccher", "/b%C3%BCcher"),
        (b"Location: /b\xfccher", "/b%FCcher"),
        (b"Location: /My Policy.pdf", "/My%20Policy.pdf"),
        (b"Location: /first\r\nLocation: /second", "/first"),
    ],
)
def test_locations_as_servers_write_them(
    origin: Origin, fetcher: HttpFetcher, head: bytes, target: str
) -> None:
    origin.add("/a", b"HTTP/1.1 302 F\r\nContent-Length: 0\r\n" + head + b"\r\n\r\n")
    origin.page(target, "terms")
    fetch = fetcher.fetch(origin.url("/a"))
    assert (redirects(fetch, origin), fetch.body) == (["/a", target], b"terms")


@pytest.mark.parametrize("raw", [b"302 F\r\nLocation:", b"302 F", b"300 M\r\nLocation: /b", b"201 C\r\nLocation: /b"])  # fmt: skip  # noqa: E501
def test_responses_that_lead_nowhere(origin: Origin, fetcher: HttpFetcher, raw: bytes) -> None:
    origin.add("/a", b"HTTP/1.1 " + raw + b"\r\nContent-Length: 4\r\n\r\nstub")
    fetch = fetcher.fetch(origin.url("/a"))
    assert (fetch.end, fetch.body, len(fetch.exchanges)) == (FetchEnd.COMPLETE, b"stub", 1)


def test_circles_and_chains_without_end(origin: Origin, fetcher: HttpFetcher) -> None:
    origin.redirect("/a", "/b")
    origin.redirect("/b", "/a#again")
    circle = fetcher.fetch(origin.url("/a"))
    assert circle.end is FetchEnd.TOO_MANY_REDIRECTS
    assert redirects(circle, origin) == ["/a", "/b"]
    for number in range(6):
        origin.redirect(f"/{number}", f"/{number + 1}")
    chain = fetcher.fetch(origin.url("/0"))
    assert chain.end is FetchEnd.TOO_MANY_REDIRECTS
    assert redirects(chain, origin) == ["/0", "/1", "/2", "/3"]
    origin.page("/3", "terms")
    assert fetcher.fetch(origin.url("/0")).end is FetchEnd.COMPLETE


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1.nip.example:1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://0xa9fea9fe/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "http://alice:hunter2@a.example/",
        "http://[/",
    ],
)
def test_refused_redirects_keep_the_hops_so_far(origin: Origin, location: str) -> None:
    origin.redirect("/a", location)
    resolver = FixedResolver(["10.0.0.1", "192.168.0.1"])
    with HttpFetcher(QUICK, LOOPBACK, SystemClock(), resolver=resolver) as fetcher:
        fetch = fetcher.fetch(origin.url("/a"))
    assert fetch.end is FetchEnd.REDIRECT_REFUSED
    assert redirects(fetch, origin) == ["/a"]
    assert "hunter2" not in fetch.detail
    assert "alice" not in fetch.detail


def test_a_redirect_into_loopback_is_refused(origin: Origin) -> None:
    guard = AddressGuard([ipaddress.ip_network("127.0.0.1/32")])
    with Origin(host="127.0.0.2") as inside:
        inside.page("/secret", "secret")
        origin.redirect("/a", inside.url("/secret"))
        with HttpFetcher(QUICK, guard, SystemClock()) as fetcher:
            fetch = fetcher.fetch(origin.url("/a"))
        assert fetch.end is FetchEnd.REDIRECT_REFUSED
        assert "loopback" in fetch.detail
        assert inside.connection_count == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/",
        "http://127.1/", "http://127。0。0。1/", "http://[::1]/", "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://0/",
        "http://169.254.169.254/latest/meta-data/", "http://8.8.8.8:22/",
    ],
)  # fmt: skip
def test_refused_addresses_raise_before_anything_is_sent(url: str) -> None:
    with (
        HttpFetcher(QUICK, AddressGuard(), SystemClock(), resolver=FixedResolver()) as fetcher,
        pytest.raises(AddressRefused),
    ):
        fetcher.fetch(url)


def test_credentials_raise_and_are_not_repeated(origin: Origin, fetcher: HttpFetcher) -> None:
    with pytest.raises(MalformedUrl) as caught:
        fetcher.fetch(f"http://alice:hunter2@127.0.0.1:{origin.port}/")
    assert "hunter2" not in repr(caught.value)
    assert origin.requests == []


def test_an_answer_that_changes_is_not_asked_for_twice(origin: Origin) -> None:
    # DNS rebinding: the vetted answer is the one connected to.
    resolver = FixedResolver(["127.0.0.1"], ["10.0.0.1"])
    with HttpFetcher(QUICK, LOOPBACK, SystemClock(), resolver=resolver) as fetcher:
        fetch = fetcher.fetch(origin.url("/x", host="rebind.example"))
    assert resolver.asked == ["rebind.example"]
    assert fetch.last is not None
    assert fetch.last.remote_address == "127.0.0.1"
    assert f"Host: rebind.example:{origin.port}".encode() in fetch.last.request


def test_each_new_connection_is_vetted_anew(origin: Origin) -> None:
    origin.add("/a", b"HTTP/1.1 302 F\r\nLocation: /b\r\nConnection: close\r\n\r\n")
    resolver = FixedResolver(["127.0.0.1"], ["10.0.0.1"])
    with HttpFetcher(QUICK, LOOPBACK, SystemClock(), resolver=resolver) as fetcher:
        fetch = fetcher.fetch(origin.url("/a", host="rebind.example"))
    assert (fetch.end, len(fetch.exchanges)) == (FetchEnd.REDIRECT_REFUSED, 1)


def test_the_next_address_is_tried_when_one_does_not_answer(origin: Origin) -> None:
    guard = AddressGuard([ipaddress.ip_network("::1"), ipaddress.ip_network("127.0.0.1")])
    resolver = FixedResolver(["::1", "10.0.0.1", "127.0.0.1"])
    with HttpFetcher(QUICK, guard, SystemClock(), resolver=resolver) as fetcher:
        fetch = fetcher.fetch(origin.url("/x", host="two.example"))
    assert fetch.last is not None
    assert fetch.last.remote_address == "127.0.0.1"


def test_connections_are_used_again(origin: Origin, fetcher: HttpFetcher) -> None:
    origin.page("/x", "terms")
    for _ in range(5):
        assert fetcher.fetch(origin.url("/x")).body == b"terms"
    assert origin.connection_count == 1
    fetcher.close()
    fetcher.fetch(origin.url("/x"))
    assert origin.connection_count == 2


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((response(b"a") + b"HTTP/1.1 200 OK\r\n\r\ninjected",), id="surplus"),
        pytest.param((response(b"a", headers={"Connection": "close"}), Wait(0.1)), id="close"),
        pytest.param((response(b"a"), Wait(0.05), b"HTTP/1.1 408 Late\r\n\r\n"), id="unasked"),
    ],
)
def test_connections_that_cannot_be_trusted_are_not_used_again(
    origin: Origin, fetcher: HttpFetcher, steps: tuple[Step, ...]
) -> None:
    origin.add("/a", *steps, keep_alive=True)
    origin.page("/b", "terms")
    assert fetcher.fetch(origin.url("/a")).body == b"a"
    time.sleep(0.15)
    assert fetcher.fetch(origin.url("/b")).body == b"terms"
    assert origin.connection_count == 2


def test_a_connection_closed_just_as_it_is_used_again_is_replaced_once(
    origin: Origin, fetcher: HttpFetcher
) -> None:
    answers = [Reply((response(b"one"),), keep_alive=True), Reply(()), Reply((response(b"two"),))]
    origin.answer("/x", lambda _: answers.pop(0))
    assert fetcher.fetch(origin.url("/x")).body == b"one"
    fetch = fetcher.fetch(origin.url("/x"))
    assert (fetch.body, len(fetch.exchanges)) == (b"two", 1)
    assert origin.connection_count == 2


def test_a_new_connection_closed_without_an_answer_is_not_tried_again(
    origin: Origin, fetcher: HttpFetcher
) -> None:
    origin.add("/x")
    assert fetcher.fetch(origin.url("/x")).end is FetchEnd.UNREACHABLE
    assert len(origin.requests) == 1


def test_a_forgotten_fetcher_leaks_no_socket(origin: Origin) -> None:
    origin.page("/x", "terms")
    HttpFetcher(QUICK, LOOPBACK, SystemClock()).fetch(origin.url("/x"))


def test_a_partial_coded_body_is_kept_as_it_came(origin: Origin, fetcher: HttpFetcher) -> None:
    origin.add("/x", OK + b"Content-Encoding: gzip\r\nContent-Length: 99\r\n\r\n\x1f\x8b\x08")
    fetch = fetcher.fetch(origin.url("/x"))
    assert (fetch.end, fetch.body) == (FetchEnd.TRUNCATED, b"\x1f\x8b\x08")
    assert fetch.coding_flaw == "content-encoding-not-undone"


def test_tls_context_is_made_when_first_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> ssl.SSLContext:
        raise AssertionError

    monkeypatch.setattr(ssl, "create_default_context", fail)
    HttpFetcher(QUICK, LOOPBACK, SystemClock()).close()
