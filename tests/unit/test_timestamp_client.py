# SPDX-License-Identifier: Apache-2.0
"""The client of timestamp authorities, against servers in good and bad moods."""

import re
from collections.abc import Callable, Iterator

import pytest
from support.archives import closed_port
from support.authorities import Holder, TimestampAuthority, Wish, issued, now, root
from support.origin import Authority as TlsAuthority
from support.origin import Drip, Endless, Origin, Reply, Reset, Stall, Wait, response
from support.tokens import rejection

from archive.errors import MalformedUrl, TimestampRefused, TimestampUnavailable
from archive.proofs.timestamp import Expected, PinnedAuthority, TokenFiles, judge_token
from archive.timestamping.rfc3161 import RESPONSE_BYTES_LIMIT, ClientSettings, Rfc3161Client

MESSAGE = b"the bytes of an envelope"
REPLY = "application/timestamp-reply"
Answering = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def anchor() -> Holder:
    return root("Root")


@pytest.fixture(scope="module")
def openssl(anchor: Holder, tmp_path_factory: pytest.TempPathFactory) -> TimestampAuthority:
    signer = issued(Wish("Signer", for_timestamps=True), anchor)
    return TimestampAuthority(tmp_path_factory.mktemp("tsa"), signer, "")


@pytest.fixture
def server() -> Iterator[Origin]:
    with Origin() as origin:
        yield origin


def client(seconds: float = 10.0) -> Rfc3161Client:
    return Rfc3161Client(ClientSettings("Muniment/test (archive; ops@example.org)", seconds))


def answering(openssl: TimestampAuthority, kind: str = REPLY) -> Answering:
    def answer(request: bytes) -> bytes:
        return response(openssl.reply(request.partition(b"\r\n\r\n")[2]), content_type=kind)

    return answer


@pytest.mark.parametrize("is_strong", [False, True])
def test_answer_of_a_real_authority_is_a_good_token(
    server: Origin, openssl: TimestampAuthority, anchor: Holder, *, is_strong: bool
) -> None:
    server.answer("/tsa", answering(openssl, "Application/Timestamp-Reply; charset=binary"))
    answer = client().ask(server.url("/tsa"), MESSAGE, is_strong=is_strong)
    expected = Expected(MESSAGE, now(), now(), nonce=answer.nonce)
    authority = PinnedAuthority("own", (anchor.certificate,))
    assert judge_token(TokenFiles(answer.response), authority, expected).is_good
    [request] = server.requests
    head, _, query = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /tsa HTTP/1.1\r\n")
    assert b"User-Agent: Muniment/test (archive; ops@example.org)\r\n" in head
    assert b"Content-Type: application/timestamp-query\r\n" in head
    assert f"Content-Length: {len(query)}\r\n".encode() in head


def test_each_question_has_a_nonce_of_its_own(server: Origin, openssl: TimestampAuthority) -> None:
    server.answer("/tsa", answering(openssl))
    nonces = {client().ask(server.url("/tsa"), MESSAGE).nonce for _ in range(3)}
    assert len(nonces) == 3
    assert 0 not in nonces


def test_authority_over_tls_must_prove_its_name(openssl: TimestampAuthority) -> None:
    tls = TlsAuthority()
    settings = ClientSettings("Muniment/test", 10.0)
    with Origin(tls=tls.server_context()) as server:
        server.answer("/tsa", answering(openssl))
        trusting = Rfc3161Client(settings, tls_context=tls.client_context())
        assert trusting.ask(server.url("/tsa"), MESSAGE).response
        with pytest.raises(TimestampUnavailable, match="certificate"):
            Rfc3161Client(settings).ask(server.url("/tsa"), MESSAGE)


BAD_ANSWERS = {
    "html": response(b"<p>Welcome</p>", content_type="text/html"),
    "no type": response(b"0\x03", content_type=None),
    "two types": response(b"0\x03", content_type=REPLY, headers={"Content-Type": "text/html"}),
    "not found": response(b"", status="404 Not Found"),
    "forbidden": response(b"", status="403 Forbidden"),
    "redirect": response(b"", status="302 Found", headers={"Location": "/other"}),
    "created": response(b"0\x03", status="201 Created", content_type=REPLY),
    "rejection": response(rejection(), content_type=REPLY),
    "no http": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "huge by its own word": (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\n"
        b"Content-Length: 99999999\r\n\r\n"
    ),
}
PASSING = {
    "server error": response(b"", status="500 Internal Server Error"),
    "busy": response(b"", status="503 Service Unavailable"),
    "too many": response(b"", status="429 Too Many Requests"),
    "cut": b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\n"
    b"Content-Length: 900\r\n\r\nhalf",
    "nothing": b"",
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_definite_answer_that_is_no_token_is_a_refusal(server: Origin, name: str) -> None:
    server.add("/tsa", BAD_ANSWERS[name])
    with pytest.raises(TimestampRefused) as caught:
        client().ask(server.url("/tsa"), MESSAGE)
    assert (caught.value.code, str(caught.value)[:9]) == ("TIMESTAMP_REFUSED", "127.0.0.1")
    assert len(server.requests) == 1, "no redirect is followed"


@pytest.mark.parametrize("name", PASSING)
def test_authority_that_fails_in_passing_may_be_asked_again(server: Origin, name: str) -> None:
    server.add("/tsa", PASSING[name])
    with pytest.raises(TimestampUnavailable) as caught:
        client().ask(server.url("/tsa"), MESSAGE)
    assert caught.value.code == "TIMESTAMP_UNAVAILABLE"


def test_huge_answer_is_cut_off_and_refused(server: Origin) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\n\r\n"
    server.add("/tsa", head, Endless())
    with pytest.raises(TimestampRefused, match=str(RESPONSE_BYTES_LIMIT)):
        client().ask(server.url("/tsa"), MESSAGE)


def test_what_is_no_response_is_handed_on_for_the_judge_to_name(server: Origin) -> None:
    server.add("/tsa", response(b"no DER at all", content_type=REPLY))
    answer = client().ask(server.url("/tsa"), MESSAGE)
    expected = Expected(MESSAGE, now())
    verdict = judge_token(TokenFiles(answer.response), PinnedAuthority("own", ()), expected)
    assert verdict.code == "TS_UNPARSEABLE"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\n\r\n"


@pytest.mark.parametrize(
    "steps",
    [
        (Stall(),),
        (HEAD, Stall()),
        (Drip(HEAD + b"0" * 1000, 0.05),),
        (Wait(30), HEAD),
        (Reset(),),
    ],
    ids=["silent", "stalls", "drips", "slow", "resets"],
)
def test_authority_that_does_not_answer_in_time_costs_no_more_than_that(
    server: Origin, steps: tuple[object, ...]
) -> None:
    server.answer("/tsa", lambda _request: Reply(steps))  # type: ignore[arg-type]
    with pytest.raises(TimestampUnavailable):
        client(0.5).ask(server.url("/tsa"), MESSAGE)


def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(TimestampUnavailable):
        client().ask(f"http://127.0.0.1:{closed_port()}/tsa", MESSAGE)


@pytest.mark.parametrize("url", ["ftp://tsa.example/", "http://user:secret@tsa.example/"])
def test_url_that_cannot_be_asked_is_named_without_its_secret(url: str) -> None:
    with pytest.raises(MalformedUrl) as caught:
        client().ask(url, MESSAGE)
    assert not re.search("secret", str(caught.value))
