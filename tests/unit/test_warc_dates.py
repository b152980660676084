# SPDX-License-Identifier: Apache-2.0
"""WARC dates: precision kept, certainty demanded."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.clock import rfc3339
from archive.errors import MalformedTime
from archive.warc.dates import DatePrecision, read_warc_date


@pytest.mark.parametrize(
    ("text", "start", "precision", "stamp"),
    [
        ("2026", "2026-01-01T00:00:00+00:00", "year", "20260101000000"),
        ("2026-03", "2026-03-01T00:00:00+00:00", "month", "20260301000000"),
        ("2026-03-06", "2026-03-06T00:00:00+00:00", "day", "20260306000000"),
        ("2026-03-06T20:00Z", "2026-03-06T20:00:00+00:00", "minute", "20260306200000"),
        ("2026-03-06T20:00:36Z", "2026-03-06T20:00:36+00:00", "second", "20260306200036"),
        ("2026-03-06T20:00:36.1Z", "2026-03-06T20:00:36.100000+00:00", "fraction", None),
        ("2026-03-06T20:00:36.123456Z", "2026-03-06T20:00:36.123456+00:00", "fraction", None),
        ("2026-03-06T20:00:36.123456789Z", "2026-03-06T20:00:36.123456+00:00", "fraction", None),
        ("2024-02-29", "2024-02-29T00:00:00+00:00", "day", "20240229000000"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00", "second", "00010101000000"),
    ],
)
def test_every_legal_form_is_read_with_its_precision(
    text: str, start: str, precision: str, stamp: str | None
) -> None:
    date = read_warc_date(text)
    assert date.raw == text
    assert date.start == dt.datetime.fromisoformat(start)
    assert date.precision is DatePrecision(precision)
    assert date.cdx_stamp() == (stamp or "20260306200036")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not of the form"),
        ("2026-03-06T20:00:36+02:00", "offset"),
        ("2026-03-06T20:00:36.5-0500", "offset"),
        ("2026-03-06T20:00:36", "no zone"),
        ("2026-03-06T20:00:36.Z", "not of the form"),
        ("2026-03-06T20:00:36.1234567890Z", "not of the form"),
        ("2026-03-06T20Z", "not of the form"),
        ("2026-03-06 20:00:36Z", "not of the form"),
        ("2026-03-06T20:00:36z", "not of the form"),
        ("2026-03-06T20:00:36Z\n", "not of the form"),
        ("20260306200036", "not of the form"),
        ("٢٠٢٦-03-06", "not of the form"),
        ("2026-00", "no calendar"),
        ("2026-13", "no calendar"),
        ("2026-02-30", "no calendar"),
        ("2025-02-29T00:00:00Z", "no calendar"),
        ("2026-03-06T24:00:00Z", "no calendar"),
        ("2026-03-06T20:60:00Z", "no calendar"),
        ("2026-03-06T20:00:61Z", "no calendar"),
        ("0000-01-01", "no calendar"),
        ("9999-12-31T23:59:60Z", "no calendar"),
        ("9" * 10_000, "not of the form"),
    ],
)
def test_what_has_no_certain_meaning_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(MalformedTime, match=reason) as refused:
        read_warc_date(text)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2015-06-30T23:59:60.5Z"])
def test_a_leap_second_that_occurred_is_no_other_second(text: str) -> None:
    date = read_warc_date(text)
    assert date.is_leap_second
    assert date.raw == text
    assert date != read_warc_date(text.replace(":60", ":59"))
    assert date.start > read_warc_date(text.replace(":60", ":59")).start
    assert date.cdx_stamp().endswith("235959")


def test_a_leap_second_beyond_the_announced_ones_may_stand_where_the_rule_puts_it() -> None:
    assert read_warc_date("2031-06-30T23:59:60Z").is_leap_second


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-06T00:00:60Z",
        "2016-12-31T23:58:60Z",
        "2016-12-30T23:59:60Z",
        "2017-12-31T23:59:60Z",
        "2016-06-30T23:59:60Z",
        "2031-03-31T23:59:60Z",
    ],
)
def test_a_leap_second_that_never_was_is_refused(text: str) -> None:
    with pytest.raises(MalformedTime, match="leap second"):
        read_warc_date(text)


@given(st.datetimes(min_value=dt.datetime(1000, 1, 1), timezones=st.just(dt.UTC)))  # noqa: DTZ001
def test_what_the_archive_writes_it_reads_back(moment: dt.datetime) -> None:
    assert read_warc_date(rfc3339(moment)).start == moment
