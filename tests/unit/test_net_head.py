# SPDX-License-Identifier: Apache-2.0
"""Response heads as real servers send them, and the framing that follows from them."""

import pytest

from archive.errors import MalformedEvidence
from archive.net.failures import MalformedResponse
from archive.net.framing import BodyEnd, Framing, body_framing, keeps_alive
from archive.net.head import (
    HEAD_BYTES_LIMIT,
    HEADER_LINES_LIMIT,
    find_head_end,
    header_values,
    list_members,
    parse_head,
)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ("HTTP/1.1", 200, "OK")),
        (b"HTTP/1.1 200 OK", ("HTTP/1.1", 200, "OK")),
        (b"HTTP/1.0 404 Not  Found \n\n", ("HTTP/1.0", 404, "Not  Found")),
        (b"HTTP/1.1 200\r\n\r\n", ("HTTP/1.1", 200, "")),
        (b"HTTP/1.1 200 \r\n\r\n", ("HTTP/1.1", 200, "")),
        (b"HTTP/2 200\r\n\r\n", ("HTTP/2", 200, "")),
        (b"HTTP/1.1 999 \xff\r\n\r\n", ("HTTP/1.1", 999, "\xff")),
    ],
)
def test_status_lines(head: bytes, expected: tuple[str, int, str]) -> None:
    parsed = parse_head(head)
    assert (parsed.version, parsed.status, parsed.reason) == expected


@pytest.mark.parametrize(
    ("lines", "headers"),
    [
        pytest.param(b"A: b\r\nA:c\r\n", (("A", "b"), ("A", "c")), id="repeated"),
        pytest.param(b"A: b\r\n\t c\r\n  d\r\n", (("A", "b c d"),), id="folded"),
        pytest.param(b" c\r\nA: b\r\n", (("A", "b"),), id="fold-of-nothing"),
        pytest.param(b"A : b\r\n", (("A", "b"),), id="blank-before-colon"),
        pytest.param(b"A:\r\nB: x:y\r\n", (("A", ""), ("B", "x:y")), id="empty-and-colon"),
        pytest.param(b"junk\r\n folded junk\r\n: v\r\nA: b\r\n", (("A", "b"),), id="no-name"),
        pytest.param(b"A: b\rc\r\n", (("A", "b c"),), id="bare-cr"),
        pytest.param(b"A: b\nC: d\n", (("A", "b"), ("C", "d")), id="bare-lf"),
        pytest.param(b"A: \xe2\x80\x99\xb3\r\n", (("A", "\xe2\x80\x99\xb3"),), id="any-byte"),
    ],
)
def test_header_lines(lines: bytes, headers: tuple[tuple[str, str], ...]) -> None:
    assert parse_head(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n").headers == headers


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="html"),
        pytest.param(b"SSH-2.0-x\r\n\r\n", id="ssh"),
        pytest.param(b"HTTP/1.1 OK\r\n\r\n", id="no-status"),
        pytest.param(b"HTTP/1.1 20 OK\r\n\r\n", id="two-digits"),
        pytest.param(b"HTTP/1.1 2000 OK\r\n\r\n", id="four-digits"),
        pytest.param(b"HTTP/1.1 099 OK\r\n\r\n", id="below-100"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", id="nul"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nA: b\r\n", id="after-the-blank-line"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"A:b\r\n" * HEADER_LINES_LIMIT, id="many-lines"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA:" + b"b" * HEAD_BYTES_LIMIT, id="too-long"),
    ],
)
def test_what_is_no_head(head: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        parse_head(head)


def test_values_compare_names_without_case_and_lists_are_split() -> None:
    headers = (("X-A", "1"), ("x-a", " Two ,, three"))
    assert header_values(headers, "X-a") == ("1", " Two ,, three")
    assert list_members(headers, "x-a") == ("1", "two", "three")


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n", b"\n\r\n", b"\r\n\n"])
def test_the_head_ends_at_its_blank_line(end: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nA: b" + end
    assert find_head_end(head + b"body\n\nbody") == len(head)
    assert find_head_end(head[:-1]) is None


@pytest.mark.parametrize(
    ("head", "framing"),
    [
        (b"200 OK\r\nContent-Length: 5", Framing(BodyEnd.LENGTH, 5)),
        (b"200 OK\r\nContent-Length: 5, 5\r\ncontent-length: 5", Framing(BodyEnd.LENGTH, 5)),
        (b"200 OK\r\nTransfer-Encoding: Chunked", Framing(BodyEnd.LAST_CHUNK)),
        (b"200 OK\r\nTransfer-Encoding: identity", Framing(BodyEnd.CLOSE)),
        (b"200 OK", Framing(BodyEnd.CLOSE)),
        (b"204 No Content\r\nContent-Length: 5", Framing(BodyEnd.LENGTH, 0)),
        (b"304 Not Modified\r\nTransfer-Encoding: chunked", Framing(BodyEnd.LENGTH, 0)),
    ],
)
def test_framing(head: bytes, framing: Framing) -> None:
    assert body_framing(parse_head(b"HTTP/1.1 " + head)) == framing


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(b"Content-Length: 5\r\nTransfer-Encoding: chunked", id="length-and-chunks"),
        pytest.param(b"Content-Length: 5\r\nContent-Length: 6", id="two-lengths"),
        pytest.param(b"Content-Length: 5, 6", id="two-lengths-in-a-list"),
        pytest.param(b"Content-Length: +5", id="sign"),
        pytest.param(b"Content-Length: -5", id="negative"),
        pytest.param(b"Content-Length: 5 5", id="blank"),
        pytest.param(b"Content-Length:", id="empty"),
        pytest.param(b"Content-Length: 0x5", id="hex"),
        pytest.param(b"Content-Length: " + b"9" * 400, id="huge"),
        pytest.param(b"Content-Length: \xb2", id="superscript"),
        pytest.param(b"Transfer-Encoding: gzip, chunked", id="gzip-then-chunks"),
        pytest.param(b"Transfer-Encoding: chunked, chunked", id="chunked-twice"),
        pytest.param(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", id="unknown"),
    ],
)
def test_framing_with_two_readings_is_malformed(lines: bytes) -> None:
    with pytest.raises(MalformedResponse):
        body_framing(parse_head(b"HTTP/1.1 200 OK\r\n" + lines))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"HTTP/1.1 200 OK", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close", False),
        (b"HTTP/1.1 200 OK\r\nConnection: upgrade, close", False),
        (b"HTTP/1.0 200 OK", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive", True),
    ],
)
def test_keep_alive(head: bytes, expected: bool) -> None:  # noqa: FBT001
    assert keeps_alive(parse_head(head)) is expected
