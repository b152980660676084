# SPDX-License-Identifier: Apache-2.0
"""What other archives write: link-format, TimeMaps, indexes, dates; each fault by its name."""

import datetime as dt
import gzip
import json

import pytest

from archive.errors import MalformedCdx, MalformedTime, MalformedTimeMap
from archive.importing.cdx import CdxLine, read_cdx
from archive.importing.link_format import Link, read_links
from archive.importing.memento import original_head, raw_url
from archive.importing.timemap import Memento, TimeMap, read_timemap
from archive.model.fetch import Exchange
from archive.net.head import parse_head
from archive.net.http_date import parse_http_date

AT = "http://other.example/timemap/link/https://site.example/"
MOMENT = dt.datetime(2020, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
WRITTEN = "Mon, 03 Feb 2020 04:05:06 GMT"
IMPOSSIBLE = "Mon, 31 Feb 2020 04:05:06 GMT"
OTHER_DAY = "Tue, 03 Feb 2020 04:05:06 GMT"
MEMENTO = "http://other.example/web/20200203040506/https://site.example/"


def test_links_are_read_as_they_are_written() -> None:
    text = (
        ' <https://a.example/x,y;z>;rel="original",\r\n\t<b> ; REL = none;title*=UTF-8, '
        '<http://c.example/>; rel="memento first"; title="a \\"b\\", c" ,'
    )
    with pytest.raises(MalformedTimeMap):
        list(read_links(text))  # blanks around `=` are in no grammar
    assert list(read_links(text.replace("REL = none", "REL=None;flag"))) == [
        Link("https://a.example/x,y;z", {"rel": "original"}),
        Link("b", {"rel": "None", "flag": "", "title*": "UTF-8"}),
        Link("http://c.example/", {"rel": "memento first", "title": 'a "b", c'}),
    ]
    assert list(read_links("")) == []


@pytest.mark.parametrize(
    "text",
    ["a", "<", "<>", "<a b>", "<a", "<a> <b>", "<a>,,<b>", ",<a>", '<a>; b="', "<a>; b=c; B=d",
     "<a>;", "<!doctype html>", '<a>; b="\n"'],
)  # fmt: skip
def test_what_is_no_link_format_is_refused(text: str) -> None:
    with pytest.raises(MalformedTimeMap):
        list(read_links(text))


def test_a_timemap_in_either_form_says_the_same() -> None:
    links = (
        f'<https://site.example/>; rel="original", <{AT}>; rel="self", '
        f'<{AT}?page=2>; rel="timemap"; type="application/link-format", '
        f'<http://other.example/>; rel="timegate", <{MEMENTO}>; rel="memento first last"; '
        f'datetime="{WRITTEN}", <{MEMENTO}>; rel="memento"; datetime="{WRITTEN}"'
    )
    value = {
        "original_uri": "https://site.example/",
        "self": AT,
        "mementos": {"list": [{"datetime": "2020-02-03T04:05:06Z", "uri": MEMENTO}]},
        "pages": {"next": {"uri": f"{AT}?page=2"}},
    }
    expected = TimeMap("https://site.example/", (Memento(MEMENTO, MOMENT),), (f"{AT}?page=2",))
    assert read_timemap(links.encode(), AT) == expected
    assert read_timemap(json.dumps(value).encode(), AT) == expected
    relative = links.replace(MEMENTO, "/web/20200203040506/https://site.example/")
    assert read_timemap(relative.encode(), AT) == expected


def test_what_stands_beyond_ascii_is_escaped_as_browsers_do() -> None:
    text = f'<https://s.example/>; rel="original", </ü/й>; rel="memento"; datetime="{WRITTEN}"'
    (memento,) = read_timemap(text.encode(), AT).mementos
    assert memento.url == "http://other.example/%C3%BC/%D0%B9"


NO_TIMEMAPS = {
    "nothing": b"",
    "HTML": b"<!DOCTYPE html><html><body>Not here</body></html>",
    "bare HTML": b"<html>",
    "another encoding": b'<http://a.example/\xff>; rel="original"',
    "two originals": b'<http://a.example/>; rel="original", <http://b.example/>; rel="original"',
    "no time": b'<http://a.example/>; rel="memento"',
    "an impossible time": f'<{MEMENTO}>; rel="memento"; datetime="{IMPOSSIBLE}"'.encode(),
    "another weekday": f'<{MEMENTO}>; rel="memento"; datetime="{OTHER_DAY}"'.encode(),
    "two times": (
        f'<{MEMENTO}>; rel="memento"; datetime="{WRITTEN}", <{MEMENTO}>; rel="memento"; '
        f'datetime="Tue, 04 Feb 2020 04:05:06 GMT"'
    ).encode(),
    "no web address": f'<ftp://a.example/>; rel="memento"; datetime="{WRITTEN}"'.encode(),
    "credentials": f'<http://u:p@a.example/>; rel="memento"; datetime="{WRITTEN}"'.encode(),
    "a control character": f'<http://a.example/\x07>; rel="memento"; datetime="{WRITTEN}"'.encode(),
    "a list": b"[]",
    "another object": b'{"error": "slow down"}',
    "no list": b'{"mementos": {"list": {}}}',
    "no objects": b'{"mementos": {"list": ["http://a.example/"]}}',
    "no URL": b'{"mementos": {"list": [{"datetime": "2020-02-03T04:05:06Z"}]}}',
    "a day": b'{"mementos": {"list": [{"datetime": "2020-02-03", "uri": "http://a.example/"}]}}',
    "no zone": b'{"mementos": {"list": [{"datetime": "2020-02-03T04:05:06", "uri": "http://a.example/"}]}}',
    "a key twice": b'{"mementos": {}, "mementos": {}}',
    "a tail": b'{"mementos": {}} x',
}


@pytest.mark.parametrize("name", NO_TIMEMAPS)
def test_what_is_no_timemap_is_refused(name: str) -> None:
    with pytest.raises(MalformedTimeMap):
        read_timemap(NO_TIMEMAPS[name], AT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mon, 3 Feb 2020 04:05:06 GMT",
        "Mon, 03 Feb 2020 04:05:06 +0000",
        "mon, 03 feb 2020 04:05:06 gmt",
        "Monday, 03-Feb-20 04:05:06 GMT",
        "Mon Feb  3 04:05:06 2020",
        "Mon, 03 Feb 2020 24:00:00 GMT",
        "Mon, 03 Feb 2020 04:05:60 GMT",
        "Mon, 03 Fev 2020 04:05:06 GMT",
        f"{WRITTEN} ",
        IMPOSSIBLE,
        OTHER_DAY,
    ],
)
def test_a_date_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedTime):
        parse_http_date(text)


def test_a_date_is_read() -> None:
    assert parse_http_date(WRITTEN) == MOMENT


DIGEST = "3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"
OLD = (
    "example,site)/ 20200203040506 https://site.example/ text/html 200 "
    f"{DIGEST} - - 512 1024 a/b.warc.gz"
)


def cdxj(**members: object) -> bytes:
    whole = {
        "url": "https://site.example/",
        "filename": "a/b.warc.gz",
        "offset": "1024",
        "length": 512,
        "digest": f"sha1:{DIGEST}",
        **members,
    }
    kept = {name: value for name, value in whole.items() if value is not None}
    return f"example,site)/ 20200203040506 {json.dumps(kept)}\n".encode()


def line(number: int = 1, digest: str | None = f"sha1:{DIGEST}") -> CdxLine:
    return CdxLine(
        number, "20200203040506", "https://site.example/", digest, "a/b.warc.gz", 1024, 512
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (OLD.encode(), line()),
        (f" CDX N b a m s k r M S V g\n{OLD}\r\n".encode(), line(2)),
        (cdxj(), line()),
        (cdxj(digest=DIGEST, mime="text/html", status=200), line()),
        (cdxj(digest=None), line(digest=None)),
        (cdxj(digest="-"), line(digest=None)),
        (cdxj(digest="sha256:" + "ab" * 32), line(digest="sha256:" + "ab" * 32)),
        (cdxj().replace(b"20200203040506", b"20200203040506123"), line()),
        (gzip.compress(cdxj()[:50], mtime=0) + gzip.compress(cdxj()[50:], mtime=0), line()),
        (
            b" CDX b V S g a\n20200203040506 1024 512 a/b.warc.gz https://site.example/\n",
            line(2, digest=None),
        ),
    ],
)
def test_an_index_is_read(data: bytes, expected: CdxLine) -> None:
    assert list(read_cdx([data])) == [expected]


BAD_INDEXES = {
    "nothing": b"",
    "HTML": b"<!DOCTYPE html>\n<html></html>\n",
    "an empty line": cdxj() + b"\n" + cdxj(),
    "a header without lengths": b" CDX N b a m s k r V g\n",
    "a header with a letter twice": b" CDX N b a m s k r M S V g g\n",
    "a header with another letter": b" CDX N b a m s k r M S V g W\n",
    "a field too few": OLD.replace(" - -", " -").encode(),
    "a field too many": f"{OLD} x".encode(),
    "two blanks": OLD.replace(" 200 ", "  200 ").encode(),
    "a time of another length": OLD.replace("20200203040506", "2020020304").encode(),
    "no offset": cdxj(offset=None),
    "an offset that is none": cdxj(offset="0x10"),
    "a negative offset": cdxj(offset=-1),
    "an offset with a zero in front": cdxj(offset="010"),
    "an offset in fractions": cdxj(offset=1.5),
    "no length": cdxj(length=None),
    "a length of nothing": cdxj(length=0),
    "no URL": cdxj(url=None),
    "a URL with a blank": cdxj(url="https://site.example/a b"),
    "another digest": cdxj(digest="md5:" + "ab" * 16),
    "a digest that is none": cdxj(digest="sha1:ABC"),
    "a path upwards": cdxj(filename="../b.warc.gz"),
    "an absolute path": cdxj(filename="/b.warc.gz"),
    "a URL as a path": cdxj(filename="http://b.example/b.warc.gz"),
    "a hidden path upwards": cdxj(filename="a/%2E%2e/b"),
    "a query": cdxj(filename="b.warc.gz?x"),
    "an object in a member": cdxj(filename={"a": 1}),
    "no object": b"example,site)/ 20200203040506 []\n",
    "a key twice": b'x 20200203040506 {"url": "a", "url": "b"}\n',
    "another encoding": OLD.encode().replace(b"a/b", b"a/\xff"),
    "a cut gzip file": gzip.compress(cdxj(), mtime=0)[:-9],
    "damage in a gzip file": gzip.compress(cdxj(), mtime=0)[:12] + b"\xff" * 30,
    "bytes behind a gzip file": gzip.compress(cdxj(), mtime=0) + b"x",
}


@pytest.mark.parametrize("name", BAD_INDEXES)
def test_a_bad_index_is_refused(name: str) -> None:
    with pytest.raises(MalformedCdx):
        list(read_cdx([BAD_INDEXES[name]]))


def test_the_line_of_a_fault_is_named() -> None:
    with pytest.raises(MalformedCdx, match="line 2"):
        list(read_cdx([cdxj() + cdxj(length=None)]))


@pytest.mark.parametrize(
    ("url", "raw"),
    [
        (MEMENTO, "http://other.example/web/20200203040506id_/https://site.example/"),
        (
            "http://o.example/t/20200203040506mp_/http://a.example/20190101000000/http://b/",
            "http://o.example/t/20200203040506id_/http://a.example/20190101000000/http://b/",
        ),
        (
            "http://o.example/t/20200203040506id_/http:/a.example/",
            "http://o.example/t/20200203040506id_/http:/a.example/",
        ),
        ("http://o.example/memento/20200203040506/", None),
        ("http://o.example/web/2020/http://a.example/", None),
    ],
)
def test_where_the_bytes_are_served_as_received(url: str, raw: str | None) -> None:
    assert raw_url(url) == raw


def head(*lines: str) -> list[bytes]:
    """The lines of the original's head, of an answer with these header lines."""
    text = "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode("latin-1")
    parsed = parse_head(text)
    answer = Exchange(
        url=MEMENTO,
        requested_at=MOMENT,
        received_at=MOMENT,
        remote_address=None,
        tls_leaf_sha256=None,
        request=b"",
        response_head=text,
        response_body=b"",
        payload=b"",
        status=parsed.status,
        headers=parsed.headers,
    )
    return original_head(answer).split(b"\r\n")[1:-2]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Server: other", "Memento-Datetime: x"], []),
        (
            ["X-Archive-Orig-Server: a", "X-ARCHIVE-ORIG-Set-Cookie: b"],
            [b"Server: a", b"Set-Cookie: b"],
        ),
        (["Content-Type: text/html"], [b"Content-Type: text/html"]),
        (
            ["Content-Type: text/html", "X-Archive-Orig-Content-Type: text/plain"],
            [b"Content-Type: text/plain"],
        ),
        (["X-Archive-Orig-Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], []),
        (["X-Archive-Orig-Content-Length: 5"], [b"Content-Length: 5"]),
        # The other archive undid the coding: neither it nor the length is true of these bytes.
        (["X-Archive-Orig-Content-Length: 5", "X-Archive-Orig-Content-Encoding: gzip"], []),
        (
            [
                "X-Archive-Orig-Content-Length: 5",
                "X-Archive-Orig-Content-Encoding: gzip",
                "Content-Encoding: gzip",
            ],
            [b"Content-Length: 5", b"Content-Encoding: gzip"],
        ),
        (["X-Archive-Orig-: x", "X-Archive-Orig: y"], []),
        (["X-Archive-Orig-Name: \xe9"], [b"Name: \xe9"]),
    ],
)
def test_the_head_of_the_original(lines: list[str], expected: list[bytes]) -> None:
    assert head(*lines) == expected
