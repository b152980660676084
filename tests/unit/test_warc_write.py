# SPDX-License-Identifier: Apache-2.0
"""What the container writer writes, our reader, warcio and fastwarc read, byte for byte."""

import dataclasses
import datetime as dt
import hashlib
import io
import itertools
import pathlib
import subprocess
import sys
import zlib
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import MalformedWarc
from archive.model.fetch import Exchange
from archive.warc import members, write
from archive.warc.flaws import examine_record
from archive.warc.http import http_parts
from archive.warc.read import read_record, read_records
from archive.warc.write import ContainerWriter, RevisitTarget, Truncation, random_record_id

AT = dt.datetime(2026, 3, 6, 20, 0, 36, 123456, dt.UTC)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_BODY = b"2\r\nte\r\n3;x=y\r\nrms\r\n0\r\nX: y\r\n\r\n"
PAGE = b"<p>terms</p>\n" * 500


def exchange(**changes: object) -> Exchange:
    plain = Exchange(
        url="https://a.example/terms?x=1&y=[2]|{3}",
        requested_at=AT,
        received_at=AT + dt.timedelta(seconds=1),
        remote_address="192.0.2.7",
        tls_leaf_sha256=None,
        request=b"GET /terms HTTP/1.1\r\nHost: a.example\r\n\r\n",
        response_head=HEAD,
        response_body=PAGE,
        payload=PAGE,
        status=200,
        headers=(("Content-Type", "text/html"),),
    )
    return dataclasses.replace(plain, **changes)


def numbered_ids() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"<urn:uuid:00000000-0000-4000-8000-{next(numbers):012x}>"


def whole_capture(seen: Exchange) -> tuple[bytes, list[write.WrittenRecord]]:
    writer = ContainerWriter(numbered_ids())
    response = writer.response(seen)
    records = [
        response,
        writer.request(seen, response.record_id, salt=bytes(range(32))),
        writer.metadata(seen.url, response.record_id, b'{"agent":"test"}', AT),
        writer.conversion(seen.url, response.record_id, "terms §1".encode(), AT),
        writer.revisit(seen, revisit_target(response.record_id, seen)),
    ]
    return writer.finish(), records


def revisit_target(record_id: str, seen: Exchange) -> RevisitTarget:
    return RevisitTarget(
        record_id, seen.url, "2026-03-06T20:00:36.123456Z", hashlib.sha256(seen.payload).hexdigest()
    )


def expected_blocks(seen: Exchange) -> list[bytes]:
    return [
        seen.response_head + seen.response_body,
        seen.request,
        b'{"agent":"test"}',
        "terms §1".encode(),
        seen.response_head,
    ]


def read_with_warcio(container: bytes) -> list[SimpleNamespace]:
    from warcio.archiveiterator import ArchiveIterator

    records = []
    iterator = ArchiveIterator(io.BytesIO(container), no_record_parse=True)
    for record in iterator:
        block = record.raw_stream.read()
        records.append(
            SimpleNamespace(
                type=record.rec_type,
                headers=record.rec_headers.headers,
                block=block,
                offset=iterator.get_record_offset(),
            )
        )
    return records


def read_with_fastwarc(container: bytes) -> list[SimpleNamespace]:
    from fastwarc.warc import ArchiveIterator

    return [
        SimpleNamespace(
            type=dict(record.headers)["WARC-Type"],
            headers=list(record.headers),
            is_intact=record.verify_block_digest(consume=False),
            block=record.reader.read(),
        )
        for record in ArchiveIterator(io.BytesIO(container), parse_http=False)
    ]


def run_tool(arguments: list[str], file: pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments, str(file)], capture_output=True, text=True, check=False
    )


def test_every_record_type_is_read_back_by_three_readers() -> None:
    seen = exchange()
    container, written = whole_capture(seen)
    blocks = expected_blocks(seen)
    ours = list(read_records(container))
    warcio = read_with_warcio(container)
    fastwarc = read_with_fastwarc(container)
    types = ["response", "request", "metadata", "conversion", "revisit"]
    for records in (written, ours, warcio, fastwarc):
        assert [record.type for record in records] == types
    for records in (ours, warcio, fastwarc):
        assert [record.block for record in records] == blocks
    assert [record.headers for record in ours] == [tuple(record.headers) for record in warcio]
    assert [list(record.headers) for record in ours] == [record.headers for record in fastwarc]
    assert all(record.is_intact for record in fastwarc)
    assert [record.offset for record in written] == [record.offset for record in warcio]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"response_body": b"", "payload": b""},
        {"response_head": CHUNKED_HEAD, "response_body": CHUNKED_BODY, "payload": b"terms"},
        {
            "response_head": b"HTTP/1.1 304 Not Modified\r\n\r\n",
            "response_body": b"",
            "payload": b"",
        },
    ],
    ids=["plain", "empty", "chunked", "not-modified"],
)
def test_the_checkers_of_warcio_and_fastwarc_pass_it(
    changes: dict[str, object], tmp_path: pathlib.Path
) -> None:
    container, written = whole_capture(exchange(**changes))
    file = tmp_path / "capture.warc.gz"
    file.write_bytes(container)
    warcio = run_tool(["warcio.cli", "check", "-v"], file)
    assert warcio.returncode == 0, warcio.stdout + warcio.stderr
    assert warcio.stdout.count("digest pass") == 4
    fastwarc = run_tool(["fastwarc.cli", "check", "-q"], file)
    assert fastwarc.returncode == 0, fastwarc.stdout + fastwarc.stderr
    # With -p it compares the payload digest of a revisit with the body that a revisit leaves off.
    file.write_bytes(container[: written[-1].offset])
    fastwarc = run_tool(["fastwarc.cli", "check", "-p", "-q"], file)
    assert fastwarc.returncode == 0, fastwarc.stdout + fastwarc.stderr


def test_the_checkers_of_warcio_and_fastwarc_do_compare_our_spelling(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = exchange()
    monkeypatch.setitem(vars(forged), "payload_sha256", hashlib.sha256(b"other").hexdigest())
    writer = ContainerWriter(numbered_ids())
    writer.response(forged)
    file = tmp_path / "wrong.warc.gz"
    file.write_bytes(writer.finish())
    assert run_tool(["warcio.cli", "check"], file).returncode == 1
    assert run_tool(["fastwarc.cli", "check", "-p", "-q"], file).returncode == 1


def test_warcio_indexes_date_and_status(tmp_path: pathlib.Path) -> None:
    from warcio.timeutils import iso_date_to_timestamp

    container, _ = whole_capture(exchange())
    (first, *_) = read_with_warcio(container)
    date = dict(first.headers)["WARC-Date"]
    assert date == "2026-03-06T20:00:36.123456Z"
    assert iso_date_to_timestamp(date) == "20260306200036"
    file = tmp_path / "capture.warc.gz"
    file.write_bytes(container)
    index = run_tool(["warcio.cli", "index", "-f", "warc-type,http:status"], file)
    assert index.stdout.splitlines()[0] == '{"warc-type": "response", "http:status": "200"}'


def test_each_written_record_is_one_range_read() -> None:
    container, written = whole_capture(exchange())
    blocks = expected_blocks(exchange())
    for record, block in zip(written, blocks, strict=True):
        stored = container[record.offset : record.offset + record.length]
        assert hashlib.sha256(stored).hexdigest() == record.sha256
        read = read_record(stored)
        assert (read.record_id, read.type, read.block) == (record.record_id, record.type, block)
        assert not examine_record(read).flaws
    assert written[-1].offset + written[-1].length == len(container)


def test_request_carries_salt_and_no_payload_digest() -> None:
    container, _ = whole_capture(exchange())
    response, request, metadata, conversion, revisit = read_records(container)
    assert request.header(write.SALT_HEADER) == bytes(range(32)).hex()
    assert request.header("WARC-Payload-Digest") is None
    assert request.header("WARC-Concurrent-To") == response.record_id
    assert metadata.header("WARC-Concurrent-To") == response.record_id
    assert conversion.header("WARC-Refers-To") == response.record_id
    assert response.header(write.SALT_HEADER) is None
    assert {record.header("WARC-Date") for record in (response, request, revisit)} == {
        "2026-03-06T20:00:36.123456Z"
    }


def test_chunked_response_states_no_payload_digest_and_keeps_its_chunks() -> None:
    writer = ContainerWriter(numbered_ids())
    writer.response(
        exchange(response_head=CHUNKED_HEAD, response_body=CHUNKED_BODY, payload=b"terms")
    )
    (record,) = read_records(writer.finish())
    assert record.block == CHUNKED_HEAD + CHUNKED_BODY
    assert record.header("WARC-Payload-Digest") is None
    assert http_parts(record).payload == b"terms"


def test_revisit_names_what_it_leans_on() -> None:
    seen = exchange()
    container, written = whole_capture(seen)
    revisit = list(read_records(container))[-1]
    assert revisit.block == HEAD
    assert revisit.header("WARC-Profile") == write.IDENTICAL_PAYLOAD
    assert revisit.header("WARC-Truncated") == "length"
    assert revisit.header("WARC-Refers-To") == written[0].record_id
    assert revisit.header("WARC-Refers-To-Target-URI") == seen.url
    assert revisit.header("WARC-Refers-To-Date") == "2026-03-06T20:00:36.123456Z"
    digest = hashlib.sha256(PAGE).hexdigest()
    assert revisit.header("WARC-Payload-Digest") == f"sha256:{digest}"
    assert http_parts(revisit).status == 200


def test_a_revisit_that_is_none_is_refused() -> None:
    writer = ContainerWriter(numbered_ids())
    target = revisit_target(random_record_id(), exchange(payload=PAGE + b" "))
    with pytest.raises(MalformedWarc, match="differs"):
        writer.revisit(exchange(), target)
    target = dataclasses.replace(revisit_target(random_record_id(), exchange()), date="yesterday")
    with pytest.raises(MalformedWarc, match="no WARC date"):
        writer.revisit(exchange(), target)


def test_truncation_is_stated() -> None:
    writer = ContainerWriter()
    writer.response(exchange(), truncated=Truncation.DISCONNECT)
    (record,) = read_records(writer.finish())
    assert record.header("WARC-Truncated") == "disconnect"


def test_equal_input_gives_equal_bytes() -> None:
    first, _ = whole_capture(exchange())
    second, _ = whole_capture(exchange())
    assert first == second
    assert first[4:8] == bytes(4)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/x\r\nWARC-Type: response",
        "https://a.example/x\nWARC-Type: response",
        "https://a.example/x\rWARC-Type: response",
        "https://a.example/My Policy.pdf",
        "https://a.example/\t",
        "https://a.example/\0",
        "https://a.example/ü",
        "https://a.example/\x85",
        "https://a.example/\u2028",
        "<https://a.example/>",
        'https://a.example/"',
        "//a.example/",
        "",
    ],
)
def test_a_target_that_is_no_uri_is_refused(url: str) -> None:
    writer = ContainerWriter()
    seen = exchange(url=url)
    for add in (
        lambda: writer.response(seen),
        lambda: writer.request(seen, None),
        lambda: writer.metadata(url, None, b"{}", AT),
        lambda: writer.conversion(url, random_record_id(), b"text", AT),
        lambda: writer.revisit(
            exchange(),
            dataclasses.replace(revisit_target(random_record_id(), exchange()), target_uri=url),
        ),
    ):
        with pytest.raises(MalformedWarc, match="no URI"):
            add()
    with pytest.raises(MalformedWarc, match="at least one record"):
        writer.finish()


INJECTIONS = ["x\r\ny: z", "x\ny", "x\ry", "x\0", "x\x7f", "x\x1b[2J", "é", "\ud800"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_value_can_carry_a_line_end_or_a_foreign_character(text: str) -> None:
    writer = ContainerWriter()
    with pytest.raises(MalformedWarc, match="Content-Type"):
        writer.metadata("https://a.example/", None, b"{}", AT, media_type=text)
    with pytest.raises(MalformedWarc, match="record ID"):
        writer.request(exchange(), concurrent_to=text)
    with pytest.raises(MalformedWarc, match="IP address"):
        writer.response(exchange(remote_address=text))
    with pytest.raises(MalformedWarc, match="record ID"):
        ContainerWriter(lambda: text).response(exchange())


def test_record_ids_are_used_once() -> None:
    record_id = random_record_id()
    writer = ContainerWriter(lambda: record_id)
    writer.response(exchange())
    with pytest.raises(MalformedWarc, match="used twice"):
        writer.request(exchange(), None)
    assert len(list(read_records(writer.finish()))) == 1


@pytest.mark.parametrize(
    "head", [b"", b"ICY 200 OK\r\n\r\n", b"<html>", b"http/1.1 200 OK\r\n\r\n"]
)
def test_what_is_no_http_response_is_refused(head: bytes) -> None:
    with pytest.raises(MalformedWarc, match="no HTTP status line"):
        ContainerWriter().response(exchange(response_head=head))


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(MalformedWarc, match="without a zone"):
        ContainerWriter().response(exchange(requested_at=AT.replace(tzinfo=None)))


@pytest.mark.parametrize(
    ("address", "stated"),
    [(None, None), ("2001:DB8::1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1")],
)
def test_the_remote_address_is_stated_in_its_one_form(
    address: str | None, stated: str | None
) -> None:
    writer = ContainerWriter()
    writer.response(exchange(remote_address=address))
    (record,) = read_records(writer.finish())
    assert record.header("WARC-IP-Address") == stated


@pytest.mark.parametrize("opening", [members.ZLIB, members.FASTEST], ids=["zlib", "fastest"])
@pytest.mark.parametrize("packing", [members.ZLIB, members.FASTEST], ids=["zlib", "fastest"])
@pytest.mark.parametrize("most", [100, 65536, 1 << 30])
def test_either_deflation_opens_what_the_other_packed_piece_by_piece(
    packing: members.Deflation, opening: members.Deflation, most: int
) -> None:
    data = bytes(range(256)) * 400 + PAGE
    packed = members.compress_member(data, packing)
    assert packed[:2] == members.GZIP_MAGIC
    assert packed[4:8] == bytes(4)
    assert zlib.decompress(packed, wbits=31) == data
    reader = members.MemberReader(memoryview(b"before" + packed + b"after"), 6, opening)
    pieces = []
    while not reader.is_finished:
        pieces.append(reader.read(most))
        assert len(pieces[-1]) <= most
    assert b"".join(pieces) == data
    assert reader.end == 6 + len(packed)


def test_zlib_stands_in_where_isal_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "find_spec", lambda _: None)
    assert members._fastest().name == "zlib"


@given(
    head_rest=st.binary(max_size=200).map(
        lambda data: data.replace(b"\n", b" ").replace(b"\0", b"")
    ),
    body=st.binary(max_size=5000),
    request=st.binary(max_size=300),
    text=st.text(max_size=300),
)
def test_any_bytes_survive_the_round_trip(
    head_rest: bytes, body: bytes, request: bytes, text: str
) -> None:
    head = b"HTTP/1.1 200 OK\r\nX: " + head_rest.replace(b"\r", b"") + b"\r\n\r\n"
    seen = exchange(response_head=head, response_body=body, payload=body, request=request)
    writer = ContainerWriter(numbered_ids())
    response = writer.response(seen)
    writer.request(seen, response.record_id)
    writer.conversion(seen.url, response.record_id, text.encode("utf-8", "surrogatepass"), AT)
    container = writer.finish()
    blocks = [head + body, request, text.encode("utf-8", "surrogatepass")]
    records = list(read_records(container))
    assert [record.block for record in records] == blocks
    assert [record.block for record in read_with_warcio(container)] == blocks
    assert [record.block for record in read_with_fastwarc(container)] == blocks
    parts = http_parts(records[0])
    assert (parts.head, parts.body, parts.payload) == (head, body, body)
    for record in records:
        assert not examine_record(record).flaws
        assert not examine_record(record).unknown
