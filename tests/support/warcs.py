# SPDX-License-Identifier: Apache-2.0
"""Foreign WARC and ARC files, built byte by byte, sound and otherwise."""

import gzip
import hashlib
import io
import uuid
from base64 import b32encode
from collections.abc import Sequence
from pathlib import Path

from archive.importing.base import Source

DATE = "2020-02-03T04:05:06Z"
PAGE = (
    b"<html><head><title>Terms</title></head><body><h1>Terms</h1>"
    + b"<p>We may share data with our partners, as these terms say in detail.</p>" * 12
    + b"</body></html>"
)


class Bytes:
    """Bytes in memory as a source of records."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self.size = len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)


def source(data: bytes) -> Source:
    return Bytes(data)


def record_id(number: int) -> str:
    return f"<urn:uuid:{uuid.UUID(int=number)}>"


def record(
    kind: str,
    block: bytes,
    fields: Sequence[tuple[str, str]] = (),
    *,
    number: int = 1,
    date: str = DATE,
    length: int | None = None,
) -> bytes:
    """One record, not compressed; `length` is what Content-Length says, right or not."""
    whole = [
        ("WARC-Type", kind),
        ("WARC-Record-ID", record_id(number)),
        ("WARC-Date", date),
        *fields,
        ("Content-Length", str(len(block) if length is None else length)),
    ]
    lines = ["WARC/1.0", *(f"{name}: {value}" for name, value in whole)]
    return "\r\n".join([*lines, "", ""]).encode() + block + b"\r\n\r\n"


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/html; charset=utf-8", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def response(
    url: str,
    block: bytes = http(PAGE),
    fields: Sequence[tuple[str, str]] = (),
    *,
    number: int = 1,
    date: str = DATE,
) -> bytes:
    target = ("WARC-Target-URI", url)
    return record("response", block, [target, *fields], number=number, date=date)


def sha1(data: bytes) -> str:
    return "sha1:" + b32encode(hashlib.sha1(data).digest()).decode()


def packed(*records: bytes) -> bytes:
    """A file with one gzip member for each record."""
    return b"".join(gzip.compress(item, mtime=0) for item in records)


def shared(*records: bytes) -> bytes:
    """A file that is one gzip member."""
    return gzip.compress(b"".join(records), mtime=0)


def arc_record(url: str, block: bytes, date: str = "20200203040506") -> bytes:
    return f"{url} 192.0.2.7 {date} text/html {len(block)}\n".encode() + block + b"\n"


def arc(*records: bytes) -> bytes:
    words = b"1 0 Test\nURL IP-address Archive-date Content-type Archive-length\n"
    return arc_record("filedesc://test.arc", words) + b"".join(records)


def site(count: int, *, start: int = 1, with_requests: bool = False) -> list[bytes]:
    """Responses of as many different pages."""
    records = []
    for number in range(start, start + count):
        body = PAGE.replace(b"Terms</h1>", b"Terms %d</h1>" % number)
        url = f"https://site.example/page/{number}"
        records.append(response(url, http(body), number=number))
        if with_requests:
            request = b"GET /page/%d HTTP/1.1\r\nHost: site.example\r\n\r\n" % number
            fields = [("WARC-Target-URI", url), ("WARC-Concurrent-To", record_id(number))]
            records.append(record("request", request, fields, number=100_000 + number))
    return records


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
