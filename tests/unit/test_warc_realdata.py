# SPDX-License-Identifier: Apache-2.0
"""WARC files of other tools: the good ones read whole, the bad ones named (data/README.md)."""

import io
import os
import pathlib

import pytest

from archive.errors import MalformedWarc
from archive.warc.flaws import examine_record
from archive.warc.http import http_parts
from archive.warc.read import WarcRecord, read_record, read_records

pytestmark = pytest.mark.realdata

FOLDER = pathlib.Path(os.environ.get("MUNIMENT_TEST_DATA", "../shared/data")) / "warc"

GOOD = {
    "warcio/example.warc": 6,
    "warcio/example.warc.gz": 6,
    "warcio/post-test.warc.gz": 6,
    "warcio/example-resource.warc.gz": 3,
    "warcio/example-iana.org-chunked.warc": 3,
    "warcio/example-wget-bad-target-uri.warc.gz": 6,
    "pywb/example.warc.gz": 6,
    "pywb/example2.warc.gz": 3,
    "pywb/example-wget-1-14.warc.gz": 6,
    "pywb/example-wpull.warc.gz": 4,
    "pywb/httpbin-resource.warc.gz": 1,
    "pywb/iana.warc.gz": 343,
    "pywb/dupes.warc.gz": 25,
    "py-wacz/example-collection.warc": 4,
    "py-wacz/example-resource.warc.gz": 3,
    "py-wacz/example-warcinfo-metadata.warc": 4,
    "jwarc/cc.warc.gz": 1,
}
REFUSED = {
    "warcio/example-bad-non-chunked.warc.gz": (1, 0, "one gzip member holds several records"),
    "warcio/example-bad.warc.gz.bad": (1, 0, "one gzip member holds several records"),
    "warcio/example.arc": (1, 0, "neither a gzip member nor WARC/"),
    "warcio/example.arc.gz": (1, 0, "begins with b'filedesc"),
    "warcio/example-space-in-url.arc": (1, 0, "neither a gzip member nor WARC/"),
    "warcio/bad.arc": (1, 0, "neither a gzip member nor WARC/"),
    "pywb/example.warc": (5, 4061, "wrong Content-Length"),
    "pywb/example-extra.warc": (3, 2701, "wrong Content-Length"),
}
FLAWED = {
    "warcio/example-digest.warc": ["WARC_PAYLOAD_DIGEST"],
    "warcio/example-space-in-target-uri.warc.gz": ["WARC_TARGET_URI"],
}


def sample(name: str) -> bytes:
    file = FOLDER / name
    if not file.is_file():
        pytest.skip(f"REAL DATA MISSING: {file} (set MUNIMENT_TEST_DATA)")
    return file.read_bytes()


@pytest.mark.parametrize("name", GOOD)
def test_good_files_are_read_whole_and_nothing_in_them_is_called_wrong(name: str) -> None:
    data = sample(name)
    records = list(read_records(data))
    assert len(records) == GOOD[name]
    for record in records:
        stored = data[record.offset : record.offset + record.length]
        assert read_record(stored).block == record.block
        check = examine_record(record)
        assert not check.flaws
        assert not check.unknown
    assert sum(record.length for record in records) == len(data)


@pytest.mark.parametrize("name", GOOD)
def test_warcio_and_fastwarc_see_the_same_blocks(name: str) -> None:
    from fastwarc.warc import ArchiveIterator as FastIterator
    from warcio.archiveiterator import ArchiveIterator

    data = sample(name)
    blocks = [record.block for record in read_records(data)]
    warcio = ArchiveIterator(io.BytesIO(data), no_record_parse=True)
    assert [record.raw_stream.read() for record in warcio] == blocks
    fastwarc = FastIterator(io.BytesIO(data), parse_http=False)
    assert [record.reader.read() for record in fastwarc] == blocks


def payload_by_warcio(data: bytes) -> list[bytes]:
    from warcio.archiveiterator import ArchiveIterator
    from warcio.bufferedreaders import ChunkedDataReader

    payloads = []
    for record in ArchiveIterator(io.BytesIO(data)):
        if record.rec_type == "response" and record.http_headers:
            coding = record.http_headers.get_header("transfer-encoding")
            stream = record.raw_stream
            payloads.append((ChunkedDataReader(stream) if coding == "chunked" else stream).read())
    return payloads


def is_http_response(record: WarcRecord) -> bool:
    return record.type == "response" and (record.target_uri or "").startswith("http")


@pytest.mark.parametrize("name", GOOD)
def test_http_responses_split_as_warcio_splits_them(name: str) -> None:
    data = sample(name)
    parts = [http_parts(record) for record in read_records(data) if is_http_response(record)]
    warcio = payload_by_warcio(data)
    assert len(parts) == len(warcio)
    for ours, theirs in zip(parts, warcio, strict=True):
        # warcio's reader hands out one buffer at a time.
        assert ours.payload.startswith(theirs)
        assert theirs or not ours.payload


@pytest.mark.parametrize("name", REFUSED)
def test_bad_files_are_refused_with_record_and_offset(name: str) -> None:
    number, offset, reason = REFUSED[name]
    data = sample(name)
    with pytest.raises(MalformedWarc) as refused:
        list(read_records(data))
    assert f"record {number} at offset {offset}: " in str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize("name", FLAWED)
def test_flaws_are_named(name: str) -> None:
    found = [flaw for record in read_records(sample(name)) for flaw in examine_record(record).flaws]
    assert [flaw.code for flaw in found] == FLAWED[name]


def test_every_sample_is_in_one_of_the_lists() -> None:
    sample("warcio/example.warc")
    files = {str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*") if file.is_file()}
    assert files == {*GOOD, *REFUSED, *FLAWED}
