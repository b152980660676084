# SPDX-License-Identifier: Apache-2.0
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.clock import (
    UTC,
    FixedClock,
    Precision,
    SystemClock,
    parse_rfc3339,
    read_time,
    rfc3339,
)
from archive.errors import MalformedTime

MOMENTS = st.datetimes(timezones=st.just(UTC))


def test_the_clocks_tell_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
    moment = dt.datetime(2026, 3, 6, tzinfo=UTC)
    assert FixedClock(moment).now() == moment


def test_moments_are_written_in_utc_with_fraction() -> None:
    moment = dt.datetime(2026, 3, 6, 21, 0, 36, 5, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert rfc3339(moment) == "2026-03-06T20:00:36.000005Z"


def test_early_years_keep_four_digits() -> None:
    assert rfc3339(dt.datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000000Z"


def test_a_moment_without_zone_is_never_guessed() -> None:
    naive = dt.datetime(2026, 3, 6, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(ValueError, match="zone"):
        rfc3339(naive)


@given(MOMENTS)
def test_what_is_written_is_parsed(moment: dt.datetime) -> None:
    assert parse_rfc3339(rfc3339(moment)) == moment
    assert parse_rfc3339(rfc3339(moment)).utcoffset() == dt.timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-03-06", "2026-03-06T20:00:36Z", "2026-03-06T20:00:36.12345Z",
        "2026-03-06T20:00:36.123456", "2026-03-06T20:00:36.123456+00:00",
        "2026-03-06t20:00:36.123456z", "2026-03-06 20:00:36.123456Z",
        "2026-02-30T20:00:36.123456Z", "2026-03-06T24:00:00.000000Z",
        "2016-12-31T23:59:60.000000Z", "2026-03-06T20:00:36.123456Z\n",
        "٢٠٢٦-03-06T20:00:36.123456Z",
    ],
)  # fmt: skip
def test_the_strict_reader_takes_nothing_but_the_written_form(text: str) -> None:
    with pytest.raises(MalformedTime):
        parse_rfc3339(text)


READ = [
    ("2026", "2026", Precision.YEAR),
    ("2026-03", "2026-03", Precision.MONTH),
    (" 2026-03-06\n", "2026-03-06", Precision.DAY),
    ("2026-03-06T20:00Z", "2026-03-06T20:00Z", Precision.MINUTE),
    ("2026-03-06T20:00:36Z", "2026-03-06T20:00:36Z", Precision.SECOND),
    ("2026-03-06 20:00:36 UTC", "2026-03-06T20:00:36Z", Precision.SECOND),
    ("2026-03-06t20:00:36z", "2026-03-06T20:00:36Z", Precision.SECOND),
    ("2026-03-06T20:00:36-00:00", "2026-03-06T20:00:36Z", Precision.SECOND),
    ("2026-03-07T01:30:36+05:30", "2026-03-06T20:00:36Z", Precision.SECOND),
    ("2026-03-06T20:00:36.5Z", "2026-03-06T20:00:36.500000Z", Precision.FRACTION),
    ("2026-03-06T20:00:36.123456789Z", "2026-03-06T20:00:36.123456Z", Precision.FRACTION),
    ("May 5, 2026", "2026-05-05", Precision.DAY),
    ("5 may 2026", "2026-05-05", Precision.DAY),
    ("Sept. 2026", "2026-09", Precision.MONTH),
    ("0999", "0999", Precision.YEAR),
]


@pytest.mark.parametrize(("text", "written", "precision"), READ)
def test_times_keep_their_precision(text: str, written: str, precision: Precision) -> None:
    reading = read_time(text)
    assert (reading.raw, reading.written, reading.precision) == (text, written, precision)
    assert reading.start.utcoffset() == dt.timedelta(0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("03/06/2026", "day or month first"),
        ("3.6.26", "day or month first"),
        ("13/06/2026", "day or month first"),
        ("2026-03-06T20:00:36", "no zone"),
        ("2026-03-06 20:00", "no zone"),
        ("2026-03-06T20:00:36 EST", "not a time"),
        ("2026-02-30", "no date"),
        ("31 February 2026", "no date"),
        ("2026-13", "no date"),
        ("0000", "no date"),
        ("2026-03-06T20:61:00Z", "no moment"),
        ("2026-03-06T24:00:00Z", "not a time"),
        ("2026-03-06T20:00:36+24:00", "not a time"),
        ("0001-01-01T00:00:00+01:00", "no moment"),
        ("20260306", "not a time"),
        ("2026-W10", "not a time"),
        ("\u017fep 2026", "not a time"),
        ("٢٠٢٦", "not a time"),
        ("", "not a time"),
        ("9" * 1000, "too long"),
    ],
)
def test_what_could_mean_two_times_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(MalformedTime, match=reason):
        read_time(text)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        reading = read_time(text)
    except MalformedTime:
        return
    assert reading.raw == text
    assert read_time(reading.written).start == reading.start


@given(MOMENTS.filter(lambda moment: moment.year < 9999))
def test_written_moments_are_read_back(moment: dt.datetime) -> None:
    assert read_time(rfc3339(moment)).start == moment
    assert read_time(rfc3339(moment)).written == rfc3339(moment)
