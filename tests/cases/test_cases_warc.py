# SPDX-License-Identifier: Apache-2.0
"""Cases of other archives' bug trackers that concern WARC records; each test is named by its id."""

import datetime as dt
import gzip
import hashlib
import io
import re
import time
from collections.abc import Callable

import pytest

from archive.errors import MalformedTime, MalformedWarc
from archive.model.fetch import Exchange
from archive.warc.dates import read_warc_date
from archive.warc.flaws import check_record
from archive.warc.http import http_parts
from archive.warc.read import read_record, read_records
from archive.warc.write import ContainerWriter

AT = dt.datetime(2026, 3, 6, 20, 0, 36, 123456, dt.UTC)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
PAGE = b"<p>terms</p>\n" * 100


def container(
    url: str = "https://a.example/", head: bytes = HEAD, page: bytes = PAGE, times: int = 3
) -> bytes:
    writer = ContainerWriter()
    request = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
    seen = Exchange(url, AT, AT, "192.0.2.7", None, request, head, page, page, 200, ())
    for _ in range(times):
        writer.response(seen)
    return writer.finish()


def unpacked(data: bytes) -> bytes:
    return b"".join(gzip.decompress(data[r.offset :][: r.length]) for r in read_records(data))


def test_d04_a_raw_space_is_not_written_and_is_named_when_read() -> None:
    with pytest.raises(MalformedWarc, match="My Policy"):
        container(url="https://a.example/My Policy.pdf")
    (record,) = read_records(container(url="https://a.example/My%20Policy.pdf", times=1))
    assert record.target_uri == "https://a.example/My%20Policy.pdf"
    foreign = unpacked(container(url="https://a.example/My_Policy.pdf", times=1))
    (record,) = read_records(foreign.replace(b"My_Policy", b"My Policy"))
    assert record.target_uri == "https://a.example/My Policy.pdf"
    assert [flaw.code for flaw in check_record(record)] == ["WARC_TARGET_URI"]


D06_HEADS = [
    b"HTTP/1.1 200 OK\r\nSet-Cookie: \xb3\xd2=1\r\n\r\n",
    b'HTTP/1.1 200 OK\r\nContent-Disposition: a; filename="d\xe2\x80\x99essai.pdf"\r\n\r\n',
    b"HTTP/1.1 404 Art\xc3\xadculo no encontrado\r\n\r\n",
    b"HTTP/1.1 404 Art\xedculo no encontrado\r\nX: \xff\x80\r\n\r\n",
    b"HTTP/1.1  200  \r\nContent-type:text/html\r\nX-Odd :  y \r\nno colon\r\n\r\n",
]


@pytest.mark.parametrize("head", D06_HEADS)
def test_d06_the_header_block_is_kept_byte_for_byte(head: bytes) -> None:
    data = container(head=head, times=1)
    (record,) = read_records(data)
    parts = http_parts(record)
    assert hashlib.sha256(parts.head).digest() == hashlib.sha256(head).digest()
    assert parts.payload == PAGE
    for name, value in parts.headers:
        assert name.encode("latin-1") in head
        assert value.encode("latin-1") in head
    from fastwarc.warc import ArchiveIterator as FastIterator
    from warcio.archiveiterator import ArchiveIterator

    warcio = next(ArchiveIterator(io.BytesIO(data), no_record_parse=True))
    assert warcio.raw_stream.read() == head + PAGE
    fastwarc = next(iter(FastIterator(io.BytesIO(data), parse_http=False)))
    assert fastwarc.reader.read() == head + PAGE


@pytest.mark.parametrize("missing", [1, 7, 8, 9, 20, 100])
def test_d15_a_truncated_last_member_is_refused_by_record_and_offset(missing: int) -> None:
    data = container()
    *_, last = read_records(data)
    with pytest.raises(MalformedWarc, match=f"record 3 at offset {last.offset}: ") as refused:
        list(read_records(data[:-missing]))
    assert "ends early" in str(refused.value)
    with pytest.raises(MalformedWarc, match="ends early"):
        read_record(data[last.offset : -missing])


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("2026-03-06T20:00:36.123456789Z", "fraction"),
        ("2026-03-06T20:00:36.1Z", "fraction"),
        ("2026-03-06T20:00:36Z", "second"),
        ("2026-03", "month"),
    ],
)
def test_d16_dates_of_any_precision_are_read_with_it(text: str, precision: str) -> None:
    record = unpacked(container(times=1))
    (read,) = read_records(re.sub(rb"(WARC-Date: )\S+", rb"\g<1>" + text.encode(), record))
    assert read.date == text
    assert not check_record(read)
    date = read_warc_date(read.date)
    assert (date.raw, date.precision) == (text, precision)
    stamp = "20260301000000" if precision == "month" else "20260306200036"
    assert date.cdx_stamp() == stamp


def test_d16_an_offset_is_refused_by_name() -> None:
    record = unpacked(container(times=1))
    shifted = re.sub(rb"(WARC-Date: )\S+", rb"\g<1>2026-03-06T20:00:36+02:00", record)
    (read,) = read_records(shifted)
    (flaw,) = check_record(read)
    assert flaw.code == "WARC_DATE"
    assert "offset" in flaw.detail
    with pytest.raises(MalformedTime, match="offset"):
        read_warc_date("2026-03-06T20:00:36+02:00")


def with_wrong_length(record: bytes, difference: int) -> bytes:
    def other(match: re.Match[bytes]) -> bytes:
        return b"\r\nContent-Length: %d\r\n" % (int(match[1]) + difference)

    return re.sub(rb"\r\nContent-Length: (\d+)\r\n", other, record, count=1)


@pytest.mark.parametrize("store", [lambda record: record, gzip.compress], ids=["plain", "packed"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda record: with_wrong_length(record, -1),
        lambda record: with_wrong_length(record, 1),
        lambda record: record[:-2],
        lambda record: record[:-4],
    ],
    ids=["length-1", "length+1", "one line end missing", "blank line missing"],
)
def test_d17_a_wrong_length_ends_at_once_with_record_and_offset(
    damage: Callable[[bytes], bytes], store: Callable[[bytes], bytes]
) -> None:
    record = unpacked(container(times=1))
    good = store(record)
    began = time.monotonic()
    records = read_records(good + store(damage(record)) + good * 500)
    assert next(records).block == HEAD + PAGE
    with pytest.raises(MalformedWarc, match=f"record 2 at offset {len(good)}: "):
        next(records)
    assert next(records, None) is None
    assert time.monotonic() - began < 5


def test_d48_leap_seconds() -> None:
    date = read_warc_date("2016-12-31T23:59:60Z")
    assert date.raw == "2016-12-31T23:59:60Z"
    assert date != read_warc_date("2016-12-31T23:59:59Z")
    assert date.start > read_warc_date("2016-12-31T23:59:59Z").start
    with pytest.raises(MalformedTime, match="leap second"):
        read_warc_date("2026-03-06T00:00:60Z")


def test_header_injection_through_the_server_reaches_no_warc_field() -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nX: y\rWARC-Type: request\nWARC-Target-URI: https://b.example/\r\n\r\n"
    )
    page = b"\r\n\r\nWARC/1.1\r\nWARC-Type: response\r\nContent-Length: 0\r\n\r\n\r\n\r\n"
    data = container(head=head, page=page, times=2)
    for records in (read_records(data), read_records(unpacked(data))):
        assert [(record.type, record.target_uri, record.block) for record in records] == [
            ("response", "https://a.example/", head + page)
        ] * 2
