# SPDX-License-Identifier: Apache-2.0
"""Records out of WARC files on a server, by the ranges that a CDX or CDXJ index names."""

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.archives import audited, new_archive, rebuilt, settings_at, tables
from support.origin import Origin, Reply, response
from support.remote import WarcServer, broken, cut_off, partial_content, reset, too_many
from support.warcs import PAGE, http, packed, sha1, site
from support.warcs import response as warc_response

from archive.catalog.tables import cdx
from archive.errors import AddressRefused, InputError, MalformedCdx, MalformedUrl, RemoteRefused
from archive.importing import ranges
from archive.model.claim import Status
from archive.services.capturing.desk import Patience
from archive.services.context import Archive
from archive.services.imports import ask_remote
from archive.services.imports.file import ImportOptions
from archive.services.imports.gather import Gathered
from archive.services.imports.index import IndexOfWarcs, import_index
from archive.storage.layout import blob_key

GIVEN = ImportOptions("warcs.example")
RECORDS = site(3)
FILE = packed(*RECORDS)


@pytest.fixture
def archive(tmp_path: Path, database_setting: dict[str, str]) -> Iterator[Archive]:
    opened = new_archive(
        settings_at(
            tmp_path / "data",
            **database_setting,
            MUNIMENT_IMPORT_REQUESTS_PER_MINUTE="60000",
            MUNIMENT_CAPTURE_TIMEOUT_SECONDS="5",
        )
    )
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask_remote, "TRIES_LIMIT", 2)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as started:
        yield started


@pytest.fixture
def server(origin: Origin) -> WarcServer:
    made = WarcServer(origin)
    made.add("a/crawl.warc.gz", FILE)
    return made


def places(data: bytes, records: list[bytes]) -> list[tuple[int, int]]:
    """Offset and length of each member."""
    found, offset = [], 0
    for one in records:
        length = len(gzip.compress(one, mtime=0)) if data[:2] == b"\x1f\x8b" else len(one)
        found.append((offset, length))
        offset += length
    return found


def cdxj(
    *, name: str = "a/crawl.warc.gz", digests: bool = True, stamp: str = "20200203040506"
) -> bytes:
    lines = []
    for number, (offset, length) in enumerate(places(FILE, RECORDS), 1):
        members = {
            "url": f"https://site.example/page/{number}",
            "filename": name,
            "offset": str(offset),
            "length": str(length),
        }
        if digests:
            members["digest"] = sha1(PAGE.replace(b"Terms</h1>", b"Terms %d</h1>" % number))
        lines.append(f"example,site)/page/{number} {stamp} {json.dumps(members)}\n")
    return "".join(lines).encode()


def given(tmp_path: Path, data: bytes, server: WarcServer) -> IndexOfWarcs:
    path = tmp_path / "index.cdxj"
    path.write_bytes(data)
    return IndexOfWarcs(str(path), server.base)


def got(archive: Archive, what: IndexOfWarcs) -> Gathered:
    patience = Patience(5, threading.Event())
    return import_index(archive, what, GIVEN, lambda _done, _total: None, patience)


def rows(archive: Archive) -> list[sa.Row[tuple[object, ...]]]:
    with archive.database.reading() as connection:
        return list(connection.execute(sa.select(cdx).order_by(cdx.c.url)))


def codes(done: Gathered) -> list[tuple[str, Status]]:
    return [(one.code, one.status) for one in done.findings]


@pytest.mark.both_databases
def test_each_record_is_fetched_by_its_range_and_kept_as_it_lies_there(
    archive: Archive, server: WarcServer, tmp_path: Path
) -> None:
    done = got(archive, given(tmp_path, cdxj(), server))
    assert (done.wanted, done.known, done.taken, done.is_sound) == (3, 0, 3, True)
    assert server.ranges == places(FILE, RECORDS)
    (container,) = done.containers
    assert archive.store.get(blob_key(container)) == FILE
    assert [row.url for row in rows(archive)] == [
        f"https://site.example/page/{number}" for number in (1, 2, 3)
    ]
    assert audited(archive).damages == []
    before = tables(archive)
    rebuilt(archive)
    assert tables(archive) == before


def test_the_same_index_again_asks_for_nothing(
    archive: Archive, server: WarcServer, tmp_path: Path
) -> None:
    what = given(tmp_path, cdxj(), server)
    got(archive, what)
    server.ranges.clear()
    again = got(archive, what)
    assert (again.known, again.taken, server.ranges) == (3, 0, [])


def test_an_index_by_url_packed_and_in_the_old_form(
    archive: Archive, server: WarcServer, origin: Origin
) -> None:
    lines = [b" CDX N b a m s k r M S V g\n"]
    for number, (offset, length) in enumerate(places(FILE, RECORDS), 1):
        body = PAGE.replace(b"Terms</h1>", b"Terms %d</h1>" % number)
        lines.append(
            f"example,site)/page/{number} 20200203040506 https://site.example/page/{number} "
            f"text/html 200 {sha1(body).removeprefix('sha1:')} - - {length} {offset} "
            "a/crawl.warc.gz\n".encode()
        )
    origin.page("/index.cdx.gz", gzip.compress(b"".join(lines)), content_type=None)
    what = IndexOfWarcs(origin.url("/index.cdx.gz"), server.base)
    assert got(archive, what).is_sound


@pytest.mark.parametrize("name", ["given.warc.gz", "given.warc"])
def test_what_cdxj_indexer_writes_is_understood(
    archive: Archive, server: WarcServer, tmp_path: Path, name: str
) -> None:
    records = site(3, with_requests=True)
    path = tmp_path / name
    path.write_bytes(packed(*records) if name.endswith(".gz") else b"".join(records))
    server.add(name, path.read_bytes())
    indexer = Path(sys.executable).parent / "cdxj-indexer"
    lines = subprocess.run([indexer, path], check=True, capture_output=True).stdout
    done = got(archive, given(tmp_path, lines, server))
    assert (done.taken, done.is_sound) == (3, True)


def test_records_that_lie_there_plain_are_packed_byte_for_byte(
    archive: Archive, server: WarcServer, tmp_path: Path
) -> None:
    plain = b"".join(RECORDS)
    server.add("a/plain.warc", plain)
    lines = []
    for number, (offset, length) in enumerate(places(plain, RECORDS), 1):
        members = {
            "url": f"https://site.example/page/{number}",
            "filename": "a/plain.warc",
            "offset": offset,
            "length": length,
        }
        lines.append(f"x 20200203040506 {json.dumps(members)}\n")
    done = got(archive, given(tmp_path, "".join(lines).encode(), server))
    assert done.is_sound
    assert gzip.decompress(archive.store.get(blob_key(done.containers[0]))) == plain


def _whole_file(_right: bytes) -> bytes:
    return response(FILE, content_type="application/octet-stream")


def _endless_file(_right: bytes) -> bytes:
    return response(b"x" * 1_000_000, content_type="application/octet-stream")


def _other_range(_right: bytes) -> bytes:
    offset, length = places(FILE, RECORDS)[1]
    return partial_content(FILE, offset, offset + length - 1)


def _shifted(_right: bytes) -> bytes:
    _, length = places(FILE, RECORDS)[0]
    return partial_content(FILE, 1, length, f"bytes 0-{length - 1}/{len(FILE)}")


def _short(_right: bytes) -> bytes:
    _, length = places(FILE, RECORDS)[0]
    return partial_content(FILE, 0, length - 2, f"bytes 0-{length - 1}/{len(FILE)}")


def _unnamed(_right: bytes) -> bytes:
    _, length = places(FILE, RECORDS)[0]
    return response(FILE[:length], status="206 Partial Content")


def _named_twice(_right: bytes) -> bytes:
    _, length = places(FILE, RECORDS)[0]
    more = ("Content-Range", f"bytes 1-{length}/{len(FILE)}")
    return partial_content(FILE, 0, length - 1, None, more)


def _coded_on_the_way(right: bytes) -> bytes:
    """A compressing proxy: a coded body under the range of the plain one."""
    _, length = places(FILE, RECORDS)[0]
    body = gzip.compress(right.partition(b"\r\n\r\n")[2], mtime=0)
    named = {"Content-Range": f"bytes 0-{length - 1}/{len(FILE)}", "Content-Encoding": "gzip"}
    return response(body, status="206 Partial Content", headers=named)


def _gone(_right: bytes) -> bytes:
    return response(b"gone", status="404 Not Found")


def _unsatisfiable(_right: bytes) -> bytes:
    return response(b"", status="416 Range Not Satisfiable")


def _private(_right: bytes) -> bytes:
    return response(b"", status="307 Temporary Redirect", headers={"Location": "http://[::1]/"})


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (_whole_file, ranges.IGNORED),
        (_endless_file, ranges.IGNORED),
        (_other_range, ranges.OTHER),
        (_short, ranges.OTHER),
        (_unnamed, ranges.OTHER),
        (_named_twice, ranges.OTHER),
        (_coded_on_the_way, ranges.OTHER),
        (_shifted, ranges.NO_RECORD),
        (_gone, ranges.MISSING),
        (_unsatisfiable, ranges.MISSING),
        (_private, "ADDRESS_REFUSED"),
    ],
)
def test_what_is_not_the_range_is_told_and_not_taken(
    archive: Archive, server: WarcServer, tmp_path: Path, wrong: object, code: str
) -> None:
    server.instead(wrong)  # type: ignore[arg-type]
    done = got(archive, given(tmp_path, cdxj(), server))
    assert (done.taken, codes(done)) == (2, [(code, Status.FAIL)])
    assert done.findings[0].target.startswith(f"{server.base}a/crawl.warc.gz#bytes=0-")
    again = got(archive, given(tmp_path, cdxj(), server))
    assert (again.known, again.taken, again.is_sound) == (2, 1, True)


def test_a_server_that_calls_its_packed_files_coded_is_understood(
    archive: Archive, server: WarcServer, tmp_path: Path
) -> None:
    def named(right: bytes) -> bytes:
        return right.replace(b"Content-Range", b"Content-Encoding: x-gzip\r\nContent-Range", 1)

    server.instead(named, named, named)
    assert got(archive, given(tmp_path, cdxj(), server)).is_sound


def test_passing_trouble_is_tried_again(
    archive: Archive, server: WarcServer, tmp_path: Path
) -> None:
    server.instead(too_many(1), broken(), reset(), cut_off, Reply((b"HTTP/1.1 2",)))
    done = got(archive, given(tmp_path, cdxj(), server))
    # Three records, each tried twice at most; the 429 is no failure.
    assert done.taken + len(done.findings) == 3
    assert set(codes(done)) <= {("REMOTE_UNAVAILABLE", Status.UNKNOWN)}
    assert got(archive, given(tmp_path, cdxj(), server)).is_sound


def test_a_record_of_another_url_or_time_is_not_taken(
    archive: Archive, server: WarcServer, tmp_path: Path
) -> None:
    late = got(archive, given(tmp_path, cdxj(stamp="20200203040507"), server))
    assert (late.taken, set(codes(late))) == (0, {(ranges.OTHER_RECORD, Status.FAIL)})
    data = cdxj().replace(b"page/1", b"page/2", 2)
    other = got(archive, given(tmp_path, data, server))
    assert (other.taken, codes(other)) == (2, [(ranges.OTHER_RECORD, Status.FAIL)])


def test_a_false_digest_in_the_index_is_told_and_the_record_taken(
    archive: Archive, server: WarcServer, tmp_path: Path
) -> None:
    data = cdxj().replace(
        sha1(PAGE.replace(b"Terms</h1>", b"Terms 1</h1>")).encode(), sha1(b"x").encode()
    )
    done = got(archive, given(tmp_path, data, server))
    assert (done.taken, codes(done)) == (3, [(ranges.DIGEST, Status.FAIL)])
    assert got(archive, given(tmp_path, data, server)).known == 3


def test_tools_that_digest_the_chunks_too_are_understood(
    archive: Archive, origin: Origin, tmp_path: Path
) -> None:
    chunks = b"5\r\nhello\r\n0\r\n\r\n"
    block = http(chunks, "Transfer-Encoding: chunked")
    data = packed(warc_response("https://site.example/c", block))
    server = WarcServer(origin)
    server.add("c.warc.gz", data)
    for text in (chunks, b"hello"):
        members = {
            "url": "https://site.example/c",
            "filename": "c.warc.gz",
            "offset": 0,
            "length": len(data),
            "digest": sha1(text),
        }
        line = f"x 20200203040506 {json.dumps(members)}\n".encode()
        assert got(archive, given(tmp_path, line, server)).is_sound


@pytest.mark.parametrize(
    ("index", "warcs", "error"),
    [
        ("http://10.0.0.1/index.cdx", "http://127.0.0.1:9/w/", AddressRefused),
        ("/nowhere/index.cdx", "http://127.0.0.1:9/w/", InputError),
        ("INDEX", "http://127.0.0.1:9/w", MalformedUrl),
        ("INDEX", "ftp://127.0.0.1/w/", MalformedUrl),
        ("INDEX", "http://127.0.0.1:9/w/?x=/", MalformedUrl),
    ],
)
def test_bad_places_are_refused(
    archive: Archive, tmp_path: Path, index: str, warcs: str, error: type[Exception]
) -> None:
    path = tmp_path / "index.cdxj"
    path.write_bytes(cdxj())
    with pytest.raises(error):
        got(archive, IndexOfWarcs(str(path) if index == "INDEX" else index, warcs))


def test_an_index_that_contradicts_itself_is_refused(
    archive: Archive, server: WarcServer, tmp_path: Path
) -> None:
    lines = cdxj().splitlines(keepends=True)
    other = lines[0].replace(b'"length": "', b'"length": "1')
    with pytest.raises(InputError, match="line 4"):
        got(archive, given(tmp_path, b"".join(lines) + other, server))
    with pytest.raises(MalformedCdx):
        got(archive, given(tmp_path, b"<html>no index</html>", server))
    assert server.ranges == []


def test_an_index_that_is_not_there_is_refused(archive: Archive, origin: Origin) -> None:
    with pytest.raises(RemoteRefused):
        got(archive, IndexOfWarcs(origin.url("/index"), origin.url("/w/")))
