# SPDX-License-Identifier: Apache-2.0
"""The strict reader: what does not fit is refused, with record and offset, in bounded time."""

import contextlib
import gzip
import random
import time
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import MalformedWarc
from archive.warc.read import ReadLimits, WarcRecord, read_record, read_records

FIELDS = (
    ("WARC-Type", "response"),
    ("WARC-Record-ID", "<urn:uuid:00000000-0000-4000-8000-000000000001>"),
    ("WARC-Date", "2026-03-06T20:00:36Z"),
    ("WARC-Target-URI", "https://a.example/"),
    ("Content-Type", "application/http;msgtype=response"),
)
BLOCK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>terms</p>\n"


def plain(
    block: bytes = BLOCK,
    *,
    length: int | str | None = None,
    fields: tuple[tuple[str, str], ...] = FIELDS,
    version: str = "WARC/1.1",
    end: bytes = b"\r\n\r\n",
) -> bytes:
    stated = len(block) if length is None else length
    lines = [version, *(f"{name}: {value}" for name, value in fields), f"Content-Length: {stated}"]
    return "\r\n".join([*lines, "", ""]).encode() + block + end


def packed(record: bytes) -> bytes:
    return gzip.compress(record, mtime=0)


def raw_header(*lines: bytes) -> bytes:
    return b"\r\n".join([b"WARC/1.1", *lines, b"", b""]) + b"\r\n\r\n"


MINIMAL = (
    b"WARC-Type: metadata",
    b"WARC-Record-ID: <urn:x:1>",
    b"WARC-Date: 2026",
    b"Content-Length: 0",
)


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("store", [plain, lambda *a, **k: packed(plain(*a, **k))])
@pytest.mark.parametrize("size", [0, 1, 4095, 70_000, 1_000_000])
def test_records_of_any_size_are_read_where_they_lie(
    store: Callable[[bytes], bytes], size: int
) -> None:
    blocks = [noise(size), b"x" * size, b"\r\n\r\nWARC/1.1\r\n" * (size // 14)]
    stored = [store(block) for block in blocks]
    records = list(read_records(b"".join(stored)))
    assert [record.block for record in records] == blocks
    offset = 0
    for record, member in zip(records, stored, strict=True):
        assert (record.offset, record.length) == (offset, len(member))
        assert read_record(memoryview(member)).block == record.block
        offset += len(member)


def test_a_record_tells_its_fields() -> None:
    record = read_record(plain(version="WARC/1.0"))
    assert record == WarcRecord(
        version="WARC/1.0",
        type="response",
        record_id="<urn:uuid:00000000-0000-4000-8000-000000000001>",
        target_uri="https://a.example/",
        date="2026-03-06T20:00:36Z",
        headers=(*FIELDS, ("Content-Length", str(len(BLOCK)))),
        block=BLOCK,
        offset=0,
        length=len(plain()),
    )
    assert record.header("warc-TYPE") == "response"
    assert record.header("WARC-Truncated") is None


def test_header_forms_that_are_legal() -> None:
    record = read_record(
        raw_header(
            *MINIMAL,
            b"warc-target-uri:\t<https://a.example/>  ",
            b"WARC-Concurrent-To: <urn:x:2>",
            b"WARC-Concurrent-To: <urn:x:3>",
            b"X-Folded: one",
            b" \ttwo",
            "X-Text: Bedingungen für Nutzer".encode(),
            b"X-Empty:",
        )
    )
    assert record.target_uri == "https://a.example/"
    assert record.header("WARC-Target-URI") == "<https://a.example/>"
    assert record.header("X-Folded") == "one two"
    assert record.header("X-Text") == "Bedingungen für Nutzer"
    assert record.header("X-Empty") == ""
    assert [name for name, _ in record.headers].count("WARC-Concurrent-To") == 2


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"", "empty"),
        (b"\r\n" + plain(), "neither"),
        (b"<html>", "neither"),
        (b"filedesc://x.arc 0.0.0.0 20060101000000 text/plain 9\n", "neither"),
        (plain(version="WARC/0.18"), "not with WARC/1.1"),
        (plain(version="WARC/1.10"), "not with WARC/1.1"),
        (plain(version="WARC/1.1 "), "not with WARC/1.1"),
        (plain(fields=FIELDS[1:]), "warc-type is missing"),
        (plain(fields=(FIELDS[0], *FIELDS[2:])), "warc-record-id is missing"),
        (plain(fields=(*FIELDS[:2], *FIELDS[3:])), "warc-date is missing"),
        (raw_header(*MINIMAL[:3]), "content-length is missing"),
        (raw_header(b"WARC-Type: ", *MINIMAL[1:]), "warc-type is missing or empty"),
        (plain(fields=(*FIELDS, ("warc-type", "request"))), "warc-type stands twice"),
        (plain(fields=(*FIELDS, ("Content-length", "0"))), "Content-Length stands twice"),
        (plain(fields=(*FIELDS, ("WARC-Target-URI", "https://b.example/"))), "stands twice"),
        (plain(fields=(*FIELDS, ("X", "a\nWARC-Type: request"))), "may not be"),
        (plain(fields=(*FIELDS, ("X", "a\rb"))), "may not be"),
        (plain(fields=(*FIELDS, ("X", "a\0b"))), "may not be"),
        (plain(fields=(*FIELDS, ("X ", "blank before the colon"))), "name: value"),
        (plain(fields=(*FIELDS, ("", "no name"))), "name: value"),
        (raw_header(*MINIMAL, b"no colon"), "name: value"),
        (raw_header(b" folded", *MINIMAL), "continued line"),
        (raw_header(*MINIMAL, b"X: \xfc"), "not UTF-8"),
        (plain().replace(b"\r\n", b"\n"), "no end"),
        (plain(length=-1), "not a number of bytes"),
        (plain(length="+5"), "not a number of bytes"),
        (plain(length="0x5"), "not a number of bytes"),
        (plain(length="٥"), "not a number of bytes"),
        (plain(length="5 5"), "not a number of bytes"),
        (plain(length="9" * 19), "not a number of bytes"),
        (plain(length=10**18 - 1), "exceeds the limit"),
        (plain(length=len(BLOCK) - 1), "wrong Content-Length"),
        (plain(length=len(BLOCK) + 1), "wrong Content-Length"),
        (plain(length=len(BLOCK) + 500), "truncated"),
        (plain(end=b""), "truncated"),
        (plain(end=b"\r\n"), "truncated"),
        (plain(end=b"\n\n"), "wrong Content-Length"),
    ],
)
def test_a_bad_record_is_refused_plain_and_packed(record: bytes, reason: str) -> None:
    with pytest.raises(MalformedWarc, match=reason) as refused:
        list(read_records(record))
    assert "record 1 at offset 0" in str(refused.value)
    assert len(str(refused.value)) < 400
    if record:
        with pytest.raises(MalformedWarc, match="record 1 at offset 0"):
            read_record(packed(record))


@pytest.mark.parametrize("store", [lambda record: record, packed], ids=["plain", "packed"])
def test_the_third_record_is_named_and_the_first_two_are_given(
    store: Callable[[bytes], bytes],
) -> None:
    good = store(plain())
    for bad in (store(plain(length=1)), b"garbage", b"\0"):
        records = read_records(good + good + bad + good)
        assert [next(records).block, next(records).block] == [BLOCK, BLOCK]
        with pytest.raises(MalformedWarc, match=f"record 3 at offset {2 * len(good)}: "):
            next(records)


@pytest.mark.parametrize("rest", [b"\0", b"\r\n", b"garbage", packed(plain()), b"\x1f\x8b\x08"])
def test_bytes_after_the_one_record_are_refused(rest: bytes) -> None:
    for record in (plain(), packed(plain())):
        with pytest.raises(MalformedWarc, match=f"{len(rest)} bytes follow its end"):
            read_record(record + rest)


def test_one_member_for_several_records_is_told_as_such() -> None:
    with pytest.raises(MalformedWarc, match="one gzip member holds several records"):
        list(read_records(packed(plain() + plain(b"second"))))
    with pytest.raises(MalformedWarc, match="goes on after the record"):
        list(read_records(packed(plain() + b"\r\n")))


def test_every_truncation_is_refused() -> None:
    for record in (plain(), packed(plain())):
        for size in range(len(record)):
            with pytest.raises(MalformedWarc, match="record 1 at offset 0"):
                list(read_records(record[:size]))


def test_a_single_flipped_bit_is_found_or_changes_nothing_that_is_read() -> None:
    member = packed(plain(noise(300) + b"terms " * 300))
    whole = read_record(member)
    unnoticed = set()
    for position in range(len(member)):
        for bit in range(8):
            flipped = bytearray(member)
            flipped[position] ^= 1 << bit
            try:
                record = read_record(bytes(flipped))
            except MalformedWarc:
                continue
            assert record == whole
            unnoticed.add(position)
    # FLG's text hint, MTIME, XFL and OS say nothing about the content, nor do the bits that fill up
    # the last deflate byte, nor code lengths that no symbol uses. The digest of the stored member,
    # kept in the inventory, covers these too.
    assert len(unnoticed - set(range(3, 10))) < 5


def test_size_and_checksum_of_the_trailer_are_compared() -> None:
    member = packed(plain())
    for position in range(-8, 0):
        flipped = bytearray(member)
        flipped[position] ^= 1
        with pytest.raises(MalformedWarc, match="damaged"):
            read_record(bytes(flipped))


def test_limits_on_header_block_and_ratio() -> None:
    limits = ReadLimits(header_bytes=1000, block_bytes=len(BLOCK))
    for store in (lambda record: record, packed):
        assert read_record(store(plain()), limits).block == BLOCK
        with pytest.raises(MalformedWarc, match="exceeds the limit"):
            read_record(store(plain(BLOCK + b"x")), limits)
        with pytest.raises(MalformedWarc, match="header exceeds 1000 bytes"):
            read_record(store(plain(fields=(*FIELDS, ("X", "y" * 1000)))), limits)
        with pytest.raises(MalformedWarc, match="header exceeds 1000 bytes"):
            read_record(store(b"WARC/1.1\r\n" + b"X: y\r\n" * 100_000), limits)
    zeros = packed(plain(bytes(10_000_000)))
    assert len(read_record(zeros).block) == 10_000_000
    with pytest.raises(MalformedWarc, match="more than 100 times"):
        read_record(zeros, ReadLimits(ratio=100))


def test_a_bomb_is_refused_before_it_unfolds() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(plain(b"", length=0)[:-4])
    bomb += b"".join(packer.compress(bytes(1 << 20)) for _ in range(512)) + packer.flush()
    began = time.monotonic()
    with pytest.raises(MalformedWarc, match="wrong Content-Length"):
        read_record(bomb)
    assert time.monotonic() - began < 1


def test_hostile_input_takes_bounded_time() -> None:
    began = time.monotonic()
    for data in (
        b"\x1f\x8b" * 500_000,
        b"\x1f\x8b\x08" + bytes(1_000_000),
        b"WARC/1.1\r\n" * 200_000,
        b"WARC/1.1\r\n" + b" \r\n" * 300_000,
        gzip.compress(b"") * 50_000,
        b"WARC/1.1\r\n" + b"a:\r\n" * 15_000 + b"\r\n",
    ):
        with pytest.raises(MalformedWarc):
            list(read_records(data))
    assert time.monotonic() - began < 5


def test_many_records_take_time_in_proportion() -> None:
    data = packed(plain()) * 5_000
    began = time.monotonic()
    assert sum(1 for _ in read_records(data)) == 5_000
    assert time.monotonic() - began < 5


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read_never_worse(data: bytes) -> None:
    for start in (b"", b"WARC/1.1\r\n", b"\x1f\x8b\x08\0", plain(), packed(plain())):
        with contextlib.suppress(MalformedWarc):
            list(read_records(start + data))


@given(
    blocks=st.lists(st.binary(max_size=2000), min_size=1, max_size=6),
    is_packed=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_round_trip(blocks: list[bytes], is_packed: list[bool]) -> None:
    records = [plain(block) for block in blocks]
    data = b"".join(
        packed(record) if flag else record for record, flag in zip(records, is_packed, strict=False)
    )
    assert [record.block for record in read_records(data)] == blocks
