# SPDX-License-Identifier: Apache-2.0
"""Foreign files, record by record: what is read, what is named, and where reading ends."""

import gzip
import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.warcs import (
    DATE,
    PAGE,
    arc,
    arc_record,
    http,
    packed,
    record,
    record_id,
    response,
    sha1,
    shared,
    site,
    source,
)

from archive.digests import sha1_base32, sha256_hex
from archive.errors import InputError
from archive.importing.base import Begin
from archive.importing.boundary import find_record
from archive.importing.forms import form_of
from archive.importing.index import IndexedGroup, index_source
from archive.importing.repack import repack
from archive.importing.warc import read_warc
from archive.model.imported import Flaw, IndexRow
from archive.warc.read import ReadLimits, read_records

URL = "https://site.example/terms"
SOURCE = "ab" * 32


START = Begin()


def indexed(data: bytes, begin: Begin = START, until: int | None = None) -> list[IndexedGroup]:
    return list(index_source(source(data), begin, len(data) if until is None else until))


def only(data: bytes) -> tuple[list[IndexRow], list[Flaw]]:
    (group,) = indexed(data)
    return group.rows, group.flaws


def codes(data: bytes) -> list[tuple[int, int, str, bool]]:
    _, flaws = only(data)
    return [(flaw.record, flaw.offset, flaw.code, flaw.is_end) for flaw in flaws]


@pytest.mark.parametrize("pack", [b"".join, lambda records: packed(*records)])
def test_every_record_is_given_with_number_place_and_bytes(pack: object) -> None:
    records = site(5, with_requests=True)
    data = pack(records)  # type: ignore[operator]
    found = [item for item in read_warc(source(data)) if not isinstance(item, Flaw)]
    assert [item.number for item in found] == list(range(1, 11))
    assert sum(item.record.length for item in found) == len(data)
    for item, whole in zip(found, records, strict=True):
        stored = data[item.record.offset : item.record.offset + item.record.length]
        assert (gzip.decompress(stored) if stored[:1] == b"\x1f" else stored) == whole
    half = found[4].record.offset
    assert list(read_warc(source(data), Begin(half, 5))) == found[4:]


def test_a_row_says_what_the_bytes_say() -> None:
    (row,), flaws = only(packed(response(URL)))
    assert flaws == []
    assert row == IndexRow(
        offset=0,
        length=row.length,
        type="response",
        record_id=record_id(1),
        url=URL,
        date=DATE,
        media_type="text/html",
        status=200,
        method=None,
        size=len(PAGE),
        sha1=sha1_base32(PAGE),
        sha256=sha256_hex(PAGE),
        body_sha256=None,
    )


def test_transfer_coding_is_undone_and_content_coding_is_undone_beside() -> None:
    zipped = gzip.compress(PAGE, mtime=0)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(zipped), zipped)
    block = http(chunked, "Transfer-Encoding: chunked", "Content-Encoding: gzip")
    (row,), flaws = only(response(URL, block))
    assert flaws == []
    assert (row.size, row.sha256) == (len(zipped), sha256_hex(zipped))
    assert row.body_sha256 == sha256_hex(PAGE)


@pytest.mark.parametrize("body", [PAGE, gzip.compress(PAGE, mtime=0)[:-9]])
def test_a_body_not_coded_as_declared_is_the_payload_as_it_came(body: bytes) -> None:
    (row,), flaws = only(response(URL, http(body, "Content-Encoding: gzip")))
    assert flaws == []
    assert (row.sha256, row.body_sha256) == (sha256_hex(body), None)


def test_broken_chunks_and_a_head_without_status_are_named_and_indexed_as_they_lie() -> None:
    broken = http(b"xyz\r\nabc", "Transfer-Encoding: chunked", "Content-Type: a/b")
    cut = http(b"5\r\nabc", "Transfer-Encoding: chunked")
    headless = b"ICY 200 OK\r\nContent-Type: text/html\r\n\r\nmusic"
    data = response(URL, cut) + response(URL, headless, number=2) + response(URL, broken, number=3)
    rows, flaws = only(data)
    assert [flaw.code for flaw in flaws] == ["BODY_UNDECODABLE", "EVIDENCE_MALFORMED"]
    assert [row.status for row in rows] == [None, None, 200]
    assert [row.sha256 for row in rows] == [
        sha256_hex(b"5\r\nabc"),
        sha256_hex(b"music"),
        sha256_hex(b"xyz\r\nabc"),
    ]


def test_a_false_claimed_digest_is_named_and_never_taken_over() -> None:
    wrong = sha1(b"something else")
    for field, code in (
        ("WARC-Payload-Digest", "WARC_PAYLOAD_DIGEST"),
        ("WARC-Block-Digest", "WARC_BLOCK_DIGEST"),
    ):
        (row,), (flaw,) = only(response(URL, fields=[(field, wrong)]))
        assert (flaw.code, flaw.record, flaw.offset, flaw.is_end) == (code, 1, 0, False)
        assert row.sha1 == sha1_base32(PAGE)
    right = [("WARC-Payload-Digest", sha1(PAGE)), ("WARC-Block-Digest", sha1(http(PAGE)))]
    assert only(response(URL, fields=right))[1] == []


def test_a_payload_digest_taken_before_the_chunks_were_undone_is_right_too() -> None:
    chunked = b"5\r\nhello\r\n0\r\n\r\n"
    block = http(chunked, "Transfer-Encoding: chunked")
    for digest in (sha1(chunked), sha1(b"hello")):
        (row,), flaws = only(response(URL, block, [("WARC-Payload-Digest", digest)]))
        assert (flaws, row.sha1) == ([], sha1_base32(b"hello"))


def test_a_revisit_tells_the_digest_of_another_record_and_has_no_bytes() -> None:
    head = http(b"")
    fields = [("WARC-Target-URI", URL), ("WARC-Payload-Digest", sha1(PAGE))]
    (row,), flaws = only(record("revisit", head, fields))
    assert flaws == []
    assert (row.type, row.size, row.sha1, row.sha256) == ("revisit", 0, sha1_base32(PAGE), None)
    fields[1] = ("WARC-Payload-Digest", f"sha-256:{sha256_hex(PAGE)}")
    (row,), _ = only(record("revisit", head, fields))
    assert (row.sha1, row.sha256) == (None, sha256_hex(PAGE))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("is_named_by_the_response", [True, False])
def test_the_method_of_the_request_is_told(order: int, *, is_named_by_the_response: bool) -> None:
    named = [("WARC-Concurrent-To", record_id(2))] if is_named_by_the_response else []
    names = [] if is_named_by_the_response else [("WARC-Concurrent-To", record_id(1))]
    request = b"POST /terms HTTP/1.1\r\nHost: site.example\r\n\r\na=b"
    pair = [
        response(URL, fields=named),
        record("request", request, [("WARC-Target-URI", URL), *names], number=2),
    ]
    (row,), _ = only(b"".join(pair[::order]))
    assert row.method == "POST"


# D-16, D-48: which dates are taken, and the 14 digits that follow from each.
@pytest.mark.parametrize(
    "date",
    ["2026-03-06T20:00:36.123456789Z", "2026-03-06T20:00:36.1Z", DATE, "2026-03", "2026"],
)
def test_a_date_keeps_its_precision(date: str) -> None:
    (row,), flaws = only(response(URL, date=date))
    assert (row.date, flaws) == (date, [])


@pytest.mark.parametrize(
    "date", ["2026-03-06T20:00:36+02:00", "2026-02-30", "yesterday", "2026-03-06T00:00:60Z"]
)
def test_a_date_that_means_nothing_certain_leaves_the_record_out_by_name(date: str) -> None:
    rows, flaws = only(response(URL, date=date) + response(URL, number=2))
    assert [row.record_id for row in rows] == [record_id(2)]
    assert [(flaw.record, flaw.code) for flaw in flaws] == [(1, "WARC_DATE")]
    assert date in flaws[0].detail


# D-04.
def test_a_blank_in_a_target_is_escaped_in_the_row_and_named() -> None:
    (row,), flaws = only(response("https://a.example/My Policy.pdf"))
    assert row.url == "https://a.example/My%20Policy.pdf"
    assert [flaw.code for flaw in flaws] == ["WARC_TARGET_URI"]


def test_a_response_without_a_target_has_no_row() -> None:
    rows, flaws = only(record("response", http(PAGE)))
    assert rows == []
    assert [flaw.code for flaw in flaws] == ["WARC_TARGET_URI"]


# D-17: a wrong length, and a missing blank line, end the reading at the record that has them.
@pytest.mark.parametrize("difference", [-1, 1, 10**6, 10**15])
@pytest.mark.parametrize("is_packed", [True, False])
def test_a_wrong_length_ends_the_reading_in_bounded_time(
    difference: int, *, is_packed: bool
) -> None:
    first, last = response(URL), response(URL, number=3)
    length = len(http(PAGE)) + difference
    wrong = record("response", http(PAGE), [("WARC-Target-URI", URL)], number=2, length=length)
    records = [first, wrong, last]
    data = packed(*records) if is_packed else b"".join(records)
    begun = time.monotonic()
    (group,) = indexed(data)
    assert time.monotonic() - begun < 5
    offset = group.rows[0].length
    assert [row.record_id for row in group.rows] == [record_id(1)]
    assert group.is_ended
    assert group.flaws[-1].is_end
    assert (group.flaws[-1].record, group.flaws[-1].offset) == (2, offset)
    assert (group.end, group.records, group.first_record) in {(offset, 1, 1), (offset, 2, 1)}


def test_a_missing_blank_line_between_records_ends_the_reading() -> None:
    first = response(URL)
    data = first[:-2] + response(URL, number=2)
    assert codes(data) == [(1, 0, "WARC_PARSE", True)]


# D-15.
@pytest.mark.parametrize("lost", [1, 8, 20])
def test_a_truncated_last_member_is_named_and_the_records_before_are_kept(lost: int) -> None:
    records = site(3)
    data = packed(*records)[:-lost]
    begin = len(packed(*records[:2]))
    (group,) = indexed(data)
    assert [row.offset for row in group.rows] == [0, len(packed(records[0]))]
    assert codes(data) == [(3, begin, "WARC_PARSE", True)]
    assert group.end == begin


@pytest.mark.parametrize("is_packed", [True, False])
def test_a_record_over_the_limit_is_passed_over_and_named(*, is_packed: bool) -> None:
    large = response(URL, http(bytes(5_000)), number=2)
    records = [response(URL, http(b"a")), large, response(URL, http(b"b"), number=3)]
    data = packed(*records) if is_packed else b"".join(records)
    limits = ReadLimits(block_bytes=2_000)
    found = list(read_warc(source(data), Begin(), limits))
    kinds = [item.code if isinstance(item, Flaw) else item.number for item in found]
    assert kinds == [1, "WARC_TOO_LARGE", 3]
    lying = record("response", b"", [("WARC-Target-URI", URL)], length=10**14)
    found = list(read_warc(source(lying), Begin(), limits))
    assert [item.is_end for item in found if isinstance(item, Flaw)] == [False, True]


def test_a_bomb_is_refused_before_it_is_held() -> None:
    limits = ReadLimits(block_bytes=1 << 40, ratio=50, ratio_free_bytes=1 << 20)
    bomb = packed(response(URL, http(bytes(20_000_000))))
    assert len(bomb) < 40_000
    (flaw,) = read_warc(source(bomb), Begin(), limits)
    assert isinstance(flaw, Flaw)
    assert flaw.is_end
    assert "expands more than 50 times" in flaw.detail
    small = ReadLimits(block_bytes=1_000, ratio=50, ratio_free_bytes=1 << 20)
    found = list(read_warc(source(bomb), Begin(), small))
    assert [item.code for item in found if isinstance(item, Flaw)] == [
        "WARC_TOO_LARGE",
        "WARC_PARSE",
    ]


def test_segments_join_to_what_one_reading_gives() -> None:
    records = site(40, with_requests=True)
    for data in (packed(*records), b"".join(records)):
        (whole,) = indexed(data)
        rows, offset, number = [], 0, 1
        for until in range(3_000, len(data) + 3_000, 3_000):
            found = find_record(source(data), offset, min(until, len(data)))
            if found is None:
                continue
            assert found == offset
            for group in indexed(data, Begin(offset, number), until):
                rows += [row.offset for row in group.rows]
                offset, number = group.end, group.first_record + group.records
        assert rows == [row.offset for row in whole.rows]
        assert (offset, number) == (len(data), 81)


@pytest.mark.parametrize("is_packed", [True, False])
def test_a_beginning_is_found_from_any_place(*, is_packed: bool) -> None:
    records = site(6)
    data = packed(*records) if is_packed else b"".join(records)
    starts = [row.offset for row in only(data)[0]]
    for place in range(0, len(data), 61):
        following = [start for start in starts if start >= place]
        assert find_record(source(data), place, len(data)) == (following[0] if following else None)
    assert find_record(source(data), 1, starts[1]) is None


def test_a_group_has_at_most_a_thousand_records() -> None:
    tiny = [response(f"https://a.example/{n}", http(b"x"), number=n) for n in range(1, 2_501)]
    groups = indexed(b"".join(tiny))
    assert [group.records for group in groups] == [1_000, 1_000, 500]
    assert [group.first_record for group in groups] == [1, 1_001, 2_001]
    assert [group.start for group in groups[1:]] == [group.end for group in groups[:-1]]


FORMS = {
    "warc": b"".join(site(2)),
    "warc.gz": packed(*site(2)),
    "warc.gz-shared": shared(*site(2)),
    "arc": arc(arc_record(URL, http(PAGE))),
    "arc.gz": shared(arc(arc_record(URL, http(PAGE)))),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_is_told_by_its_bytes(form: str) -> None:
    assert form_of(source(FORMS[form])) == form


@pytest.mark.parametrize(
    "data", [b"%PDF-1.7", b"<html>", gzip.compress(b"x", mtime=0), b"\x1f\x8b\x08"]
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        form_of(source(data))


def packed_anew(data: bytes) -> tuple[bytes, tuple[Flaw, ...]]:
    out = io.BytesIO()
    flaws = repack(source(data), form_of(source(data)), SOURCE, out)
    return out.getvalue(), flaws


def test_a_shared_member_is_packed_anew_with_the_same_records() -> None:
    records = site(5)
    data, flaws = packed_anew(shared(*records))
    assert flaws == ()
    assert [item.block for item in read_records(data)] == [
        item.block for item in read_records(b"".join(records))
    ]
    assert packed_anew(shared(*records))[0] == data
    # Members that do not end where records do are no different.
    whole = b"".join(records)
    several = b"".join(gzip.compress(whole[n : n + 999]) for n in range(0, len(whole), 999))
    assert form_of(source(several)) in {"warc.gz", "warc.gz-shared"}
    out = io.BytesIO()
    assert repack(source(several), "warc.gz-shared", SOURCE, out) == ()
    assert out.getvalue() == data


def test_what_is_cut_off_in_a_shared_member_is_named_after_what_is_whole() -> None:
    whole = b"".join(site(3))
    data, (flaw,) = packed_anew(shared(whole[:-40]))
    assert len(list(read_records(data))) == 2
    assert (flaw.record, flaw.code, flaw.is_end) == (3, "WARC_PARSE", True)
    data, (flaw,) = packed_anew(shared(whole)[:-8])
    assert (flaw.record, flaw.is_end) == (4, True)
    assert len(list(read_records(data))) == 3
    data, (flaw,) = packed_anew(shared(arc(arc_record(URL, http(PAGE))))[:-8])
    assert (flaw.record, flaw.is_end) == (3, True)
    assert len(list(read_records(data))) == 2


def test_an_arc_becomes_a_warc_that_says_the_same() -> None:
    image = arc_record("https://site.example/a b.png", b"\x89PNG", "20200203")
    named = arc_record("dns:site.example", b"192.0.2.7", "202002030405")
    data, flaws = packed_anew(arc(arc_record(URL, http(PAGE)), image, named))
    assert flaws == ()
    records = list(read_records(data))
    assert [(item.type, item.target_uri, item.date) for item in records] == [
        ("metadata", "filedesc://test.arc", DATE),
        ("response", URL, DATE),
        ("resource", "https://site.example/a%20b.png", "2020-02-03"),
        ("resource", "dns:site.example", "2020-02-03T04:05Z"),
    ]
    assert records[1].block == http(PAGE)
    assert records[1].header("WARC-IP-Address") == "192.0.2.7"
    rows, flaws_of_rows = only(data)
    assert rows[0].sha256 == sha256_hex(PAGE)
    assert flaws_of_rows == []


def test_arc_version_2_is_read() -> None:
    words = b"2 0 Test\nURL IP-address Archive-date Content-type Result-code Checksum Location\n"
    first = arc_record("filedesc://test.arc", words)
    block = http(PAGE)
    line = f"{URL} 192.0.2.7 20200203040506 text/html 200 - - 99 test.arc {len(block)}\n"
    data, flaws = packed_anew(first + line.encode() + block + b"\n")
    assert flaws == ()
    assert [item.target_uri for item in read_records(data)] == ["filedesc://test.arc", URL]


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (b"https://a.example/ 192.0.2.7 20200203040506 text/html -1\n\n", "not the line"),
        (b"https://a.example/ 192.0.2.7 20200203040506 text/html abc\n\n", "not the line"),
        (b"https://a.example/ 192.0.2.7 20200203040506 text/html 50\nshort", "truncated"),
        (b"https://a.example/ 192.0.2.7 20200203040506 text/html 2\nlonger\n", "followed by"),
        (b"https://a.example/ 192.0.2.7 2020", "no end"),
    ],
)
def test_a_bad_arc_record_ends_the_reading(tail: bytes, reason: str) -> None:
    data, (flaw,) = packed_anew(arc(arc_record(URL, http(PAGE))) + tail)
    assert len(list(read_records(data))) == 2
    assert (flaw.record, flaw.is_end) == (3, True)
    assert reason in flaw.detail


def test_an_arc_record_without_a_date_is_left_out_by_name() -> None:
    bad = arc_record(URL, http(PAGE), "201404010000000000")
    data, (flaw,) = packed_anew(arc(bad, arc_record(URL, http(PAGE))))
    assert len(list(read_records(data))) == 2
    assert (flaw.record, flaw.code, flaw.is_end) == (2, "WARC_DATE", False)


@given(data=st.data(), form=st.sampled_from(sorted(FORMS)))
def test_mutated_files_raise_nothing_but_our_own_errors(data: st.DataObject, form: str) -> None:
    sound = FORMS[form]
    changed = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        deed = data.draw(st.sampled_from(["flip", "cut", "insert"]))
        if deed == "flip":
            changed[place] ^= data.draw(st.integers(1, 255))
        elif deed == "cut":
            del changed[place : place + data.draw(st.integers(1, 40))]
        else:
            changed[place:place] = data.draw(st.binary(min_size=1, max_size=20))
        if not changed:
            return
    mutated = bytes(changed)
    for group in indexed(mutated):
        behind = group.start
        for row in group.rows:
            assert row.offset >= behind
            behind = row.offset + row.length
            assert row.type in {"response", "revisit", "resource"}
        assert group.end <= len(mutated)
    for kind in ("arc", "arc.gz", "warc.gz-shared"):
        out = io.BytesIO()
        repack(source(mutated), kind, SOURCE, out)
        if out.tell():
            assert list(read_records(out.getvalue()))
