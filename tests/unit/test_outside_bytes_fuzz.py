# SPDX-License-Identifier: Apache-2.0
"""Every reader of outside bytes: whatever comes, it answers or refuses by its own error, in time.

Random bytes seldom get far, so most of what is tried is sound input with something changed.
"""

import datetime as dt
import gzip
import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.packages import PAGES, URL, Given, Package, page_list
from support.warcs import PAGE, arc, arc_record, http, packed, response, shared, site, source
from support.zips import Entry, with_descriptor, zip_of

from archive.errors import (
    InputError,
    MalformedCdx,
    MalformedPackage,
    MalformedTime,
    MalformedTimeMap,
    MalformedZip,
)
from archive.importing.base import Begin
from archive.importing.cdx import CdxLine, read_cdx
from archive.importing.datapackage import read_datapackage
from archive.importing.forms import READ_IN_PLACE, form_of
from archive.importing.index import index_source
from archive.importing.link_format import read_links
from archive.importing.memento import GivenMemento, judge_memento, raw_url
from archive.importing.page_file import read_pages
from archive.importing.ranges import GivenRecord, judge_range
from archive.importing.repack import repack
from archive.importing.timemap import Memento, read_timemap
from archive.importing.wacz import read_wacz
from archive.model.claim import Finding
from archive.model.fetch import Exchange
from archive.net.head import parse_head
from archive.net.http_date import parse_http_date
from archive.proofs.wacz_auth import WaczTrust
from archive.proofs.zip_file import open_zip, read_entry

SECONDS = 10  # far above what any of these takes; what is not in proportion takes minutes
LIGHT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
AT = "http://other.example/timemap/link/https://site.example/"
NOW = dt.datetime(2026, 11, 27, tzinfo=dt.UTC)

LINKS = (
    b'<https://site.example/>; rel="original",\n'
    b'<http://other.example/timemap/2>; rel="timemap"; type="application/link-format",\n'
    b'<http://other.example/web/20200203040506/https://site.example/>; rel="first memento"; '
    b'datetime="Mon, 03 Feb 2020 04:05:06 GMT",\n'
)
JSON_TIMEMAP = json.dumps(
    {
        "original_uri": "https://site.example/",
        "mementos": {
            "list": [{"datetime": "2020-02-03T04:05:06Z", "uri": ["http://other.example/1"]}],
            "first": {},
        },
        "pages": {"next": {"uri": "http://other.example/2"}},
        "timemap_index": [{"uri": "http://other.example/3"}],
    }
).encode()
CDX = (
    b" CDX N b a m s k r M S V g\n"
    b"example,site)/ 20200203040506 https://site.example/ text/html 200 "
    b"3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ - - 512 1024 a/b.warc.gz\n"
)
CDXJ = (
    b'example,site)/ 20200203040506 {"url": "https://site.example/", "filename": "a.warc.gz", '
    b'"offset": "0", "length": 512, "digest": "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"}\n'
)
ZIP = zip_of([Entry(b"a/b", b"one"), with_descriptor(Entry(b"c", b"two" * 99, method=8))], zip64={})
WACZ = Package().zipped()
WARCS = {
    "warc": b"".join(site(3, with_requests=True)),
    "warc.gz": packed(*site(3)),
    "warc.gz-shared": shared(*site(3)),
    "arc": arc(arc_record("https://site.example/", http(PAGE))),
}


def changed(data: st.DataObject, whole: bytes) -> bytes:
    """The input with a few pieces overwritten, cut out, doubled, or put in elsewhere."""
    made = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(made)))
        end = min(len(made), start + data.draw(st.integers(0, 40)))
        deed = data.draw(st.sampled_from(["flip", "write", "cut", "double", "move", "end"]))
        if deed == "flip" and start < len(made):
            made[start] ^= 1 << data.draw(st.integers(0, 7))
        elif deed == "write":
            made[start:end] = data.draw(st.binary(max_size=40))
        elif deed == "cut":
            del made[start:end]
        elif deed == "double":
            made[end:end] = made[start:end]
        elif deed == "move":
            piece = made[start:end]
            place = data.draw(st.integers(0, len(made)))
            made[place:place] = piece
        elif deed == "end":
            del made[start:]
    return bytes(made)


def refused_or_read(read: Callable[[], Any], *errors: type[Exception]) -> Any:
    """What was read, or None when it was refused by one of these errors."""
    begun = time.process_time()
    try:
        return read()
    except errors:
        return None
    finally:
        assert time.process_time() - begun < SECONDS


def unzipped(data: bytes) -> dict[str, bytes]:
    file = Given(data)
    return {entry.name: b"".join(read_entry(file, entry)) for entry in open_zip(file)}


@LIGHT
@given(st.data())
def test_zip_files(data: st.DataObject) -> None:
    made = changed(data, ZIP)
    found = refused_or_read(lambda: unzipped(made), MalformedZip)
    # Only times, versions and permissions may differ without anybody noticing.
    assert found is None or set(found.values()) == {b"one", b"two" * 99}


@given(st.binary(max_size=200))
def test_bytes_that_are_no_zip_file(data: bytes) -> None:
    refused_or_read(lambda: unzipped(data), MalformedZip)


@LIGHT
@given(st.data())
def test_wacz_files(data: st.DataObject) -> None:
    made = changed(data, WACZ)
    found = refused_or_read(lambda: read_wacz(Given(made), WaczTrust()), MalformedZip)
    if found is not None:
        assert found.findings
        assert len({one.claim for one in found.findings}) == 2


@LIGHT
@given(st.data(), st.sampled_from(["datapackage.json", "datapackage-digest.json", PAGES]))
def test_the_json_parts_of_a_wacz(data: st.DataObject, name: str) -> None:
    package = Package()
    entries = package.entries()
    entries[name] = changed(data, entries[name])
    made = zip_of([Entry(path.encode(), content) for path, content in entries.items()])
    found = read_wacz(Given(made), WaczTrust())
    is_same = entries[name] == package.entries()[name]
    assert found.hash_ok == is_same or name == "datapackage-digest.json"


@given(st.binary(max_size=300))
def test_datapackages_and_page_lists(data: bytes) -> None:
    refused_or_read(lambda: read_datapackage(data), MalformedPackage)
    refused_or_read(lambda: list(read_pages(iter([data]))), MalformedPackage)


@LIGHT
@given(st.data())
def test_page_lists_in_any_pieces(data: st.DataObject) -> None:
    made = changed(data, page_list(URL, URL + "?2"))
    whole = refused_or_read(lambda: list(read_pages(iter([made]))), MalformedPackage)
    pieces = refused_or_read(lambda: list(read_pages(cut(data, made))), MalformedPackage)
    assert pieces == whole


def cut(data: st.DataObject, whole: bytes) -> Iterator[bytes]:
    """The bytes in pieces of any size."""
    place = 0
    while place < len(whole):
        size = data.draw(st.integers(1, 60))
        yield whole[place : place + size]
        place += size


@LIGHT
@given(st.data(), st.sampled_from([LINKS, JSON_TIMEMAP]))
def test_timemaps(data: st.DataObject, whole: bytes) -> None:
    made = changed(data, whole)
    found = refused_or_read(lambda: read_timemap(made, AT), MalformedTimeMap)
    if found is not None:
        assert all(one.url.startswith(("http://", "https://")) for one in found.mementos)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: b"<" + text.encode()))
def test_bytes_that_are_no_timemap(data: bytes) -> None:
    refused_or_read(lambda: read_timemap(data, AT), MalformedTimeMap)


@given(st.text(alphabet='<>;,="\\ abré\n', max_size=80))
def test_links(text: str) -> None:
    refused_or_read(lambda: list(read_links(text)), MalformedTimeMap)


HARD = {
    "blanks": "<a>" + " " * 500_000 + "x",
    "parameters without an end": "<a>" + ";a" * 200_000,
    "an open quote": '<a>; b="' + "x" * 500_000,
    "backslashes": '<a>; b="' + "\\\\" * 250_000,
    "an open target": "<" + "x" * 500_000,
    "commas": "<a>" + "," * 500_000,
    "many short links": "<a>," * 200_000,
}


@pytest.mark.parametrize("name", HARD)
def test_hard_links_take_time_in_proportion(name: str) -> None:
    refused_or_read(lambda: list(read_links(HARD[name])), MalformedTimeMap)


@LIGHT
@given(st.data(), st.sampled_from([CDX, CDXJ, CDX * 2, gzip.compress(CDX, mtime=0)]))
def test_indexes(data: st.DataObject, whole: bytes) -> None:
    made = changed(data, whole)
    found = refused_or_read(lambda: list(read_cdx([made])), MalformedCdx)
    pieces = refused_or_read(lambda: list(read_cdx(cut(data, made))), MalformedCdx)
    assert pieces == found
    for line in found or ():
        segments = line.filename.split("/")
        assert not {"", ".", ".."} & set(segments)
        assert line.length > 0


@given(st.binary(max_size=200))
def test_bytes_that_are_no_index(data: bytes) -> None:
    refused_or_read(lambda: list(read_cdx([data])), MalformedCdx)


@pytest.mark.parametrize(
    "data",
    [
        b"x" * (1 << 20),
        b"\n" * (1 << 20),
        gzip.compress(b"", mtime=0) * 50_000,
        gzip.compress(b"x" * (8 << 20), mtime=0),
        b"x y {" + b'"a":{' * 10_000,
    ],
    ids=["a line without an end", "empty lines", "empty members", "a packed line", "nesting"],
)
def test_hard_indexes_take_time_in_proportion(data: bytes) -> None:
    pieces = [data[place : place + (1 << 20)] for place in range(0, len(data), 1 << 20)]
    refused_or_read(lambda: list(read_cdx(pieces)), MalformedCdx)


@pytest.mark.parametrize(
    "name",
    ["../a", "a/../b", "/a", "a//b", ".", "http://b.example/x", "a%2e%2e/b", "a?b", "a#b", "a\\b"],
)
def test_a_file_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(MalformedCdx):
        list(read_cdx([CDXJ.replace(b"a.warc.gz", name.encode("unicode_escape"))]))


@LIGHT
@given(st.data(), st.sampled_from(sorted(WARCS)))
def test_warc_and_arc_files(data: st.DataObject, form: str) -> None:
    made = changed(data, WARCS[form])

    def read() -> int:
        found = form_of(source(made))
        if found == "wacz":
            return 0
        if found in READ_IN_PLACE:
            return len(list(index_source(source(made), Begin(), len(made))))
        out = io.BytesIO()
        repack(source(made), found, "ab" * 32, out)
        size = out.tell()
        return len(list(index_source(source(out.getvalue()), Begin(), size)))

    refused_or_read(read, InputError)


@given(st.binary(max_size=400))
def test_bytes_behind_a_warc_start(data: bytes) -> None:
    for start in (b"WARC/1.0\r\n", b"filedesc://", gzip.compress(b"WARC/1.0\r\n", mtime=0)):
        made = start + data
        form = refused_or_read(lambda made=made: form_of(source(made)), InputError)
        if form in READ_IN_PLACE:
            list(index_source(source(made), Begin(), len(made)))


@given(st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} .*"))
def test_dates_of_http(text: str) -> None:
    refused_or_read(lambda: parse_http_date(text), MalformedTime)


def exchange(head: bytes, payload: bytes) -> Exchange:
    parsed = parse_head(head)
    return Exchange(
        url="http://other.example/web/20200203040506id_/https://site.example/",
        requested_at=NOW,
        received_at=NOW,
        remote_address="192.0.2.1",
        tls_leaf_sha256=None,
        request=b"GET / HTTP/1.1\r\n\r\n",
        response_head=head,
        response_body=payload,
        payload=payload,
        status=parsed.status,
        headers=parsed.headers,
    )


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "Memento-Datetime",
                "Link",
                "Content-Encoding",
                "Content-Range",
                "X-Archive-Orig-",
                "X-Archive-Orig-Content-Length",
                "X-Archive-Orig-Transfer-Encoding",
                "Location",
            ]
        ),
        st.sampled_from(
            [
                "Mon, 03 Feb 2020 04:05:06 GMT",
                '<https://site.example/>; rel="original"',
                '<https://[>; rel="original"',
                "gzip",
                "bytes 0-9/10",
                "bytes 0-0/1",
                "chunked",
            ]
        )
        | st.text(
            alphabet=st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"),
            max_size=30,
        ),
    ),
    max_size=6,
)


@LIGHT
@given(HEADERS, st.sampled_from([200, 206, 301, 404]), st.binary(max_size=60))
def test_answers_of_other_archives(
    headers: list[tuple[str, str]], status: int, payload: bytes
) -> None:
    lines = [f"HTTP/1.1 {status} Fine", *(f"{name}: {value}" for name, value in headers), "", ""]
    answer = exchange("\r\n".join(lines).encode("latin-1"), payload)
    wanted = Memento(
        "http://other.example/web/20200203040506/https://site.example/",
        dt.datetime(2020, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
    )
    ids = iter(f"<urn:uuid:00000000-0000-4000-8000-{number:012}>" for number in range(9))
    found = judge_memento(wanted, "https://site.example/", answer, lambda: next(ids))
    assert isinstance(found, Finding | GivenMemento)
    if isinstance(found, GivenMemento):
        data = found.records
        (group,) = index_source(source(data), Begin(), len(data))
        assert [row.url for row in group.rows] == ["https://site.example/"]
        assert {flaw.code for flaw in group.flaws} <= {"BODY_UNDECODABLE"}
    line = CdxLine(1, "20200203040506", "https://site.example/", None, "a", 0, 10)
    assert isinstance(judge_range(line, "x", answer), Finding | GivenRecord)


@LIGHT
@given(st.data())
def test_ranges_of_changed_records(data: st.DataObject) -> None:
    payload = changed(data, packed(response("https://site.example/")))
    stated = f"bytes 0-{max(0, len(payload) - 1)}/{len(payload)}"
    head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: {stated}\r\n\r\n".encode()
    line = CdxLine(1, "20200203040506", "https://site.example/", None, "a", 0, len(payload))
    found = judge_range(line, "x", exchange(head, payload))
    if isinstance(found, GivenRecord):
        (group,) = index_source(source(found.member), Begin(), len(found.member))
        assert len(group.rows) == 1


@given(st.text(max_size=100))
def test_names_of_raw_mementos(text: str) -> None:
    found = raw_url(f"http://a.example/web/20200203040506{text}")
    assert found is None or "id_/http" in found
