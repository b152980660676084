# SPDX-License-Identifier: Apache-2.0
import datetime as dt

import pytest

from archive.clock import UTC, Precision, read_time
from archive.errors import MalformedTime


@pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2017-01-01T01:59:60+02:00"])
def test_d48_a_leap_second_is_kept_and_is_not_the_second_before(text: str) -> None:
    reading = read_time(text)
    assert reading.raw == text
    assert reading.is_leap_second
    assert reading.written == "2016-12-31T23:59:60Z"
    assert reading != read_time("2016-12-31T23:59:59Z")
    assert reading != read_time("2017-01-01T00:00:00Z")
    assert read_time("2016-12-31T23:59:59Z").start < reading.start


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-06T00:00:60Z",
        "2026-03-06T23:59:60Z",
        "2026-12-31T23:59:60Z",
        "2016-12-31T22:59:60Z",
    ],
)
def test_d48_a_sixtieth_second_that_never_was_is_refused(text: str) -> None:
    with pytest.raises(MalformedTime, match="leap second"):
        read_time(text)


@pytest.mark.parametrize(
    ("text", "precision", "start"),
    [
        ("2026", Precision.YEAR, dt.datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-03", Precision.MONTH, dt.datetime(2026, 3, 1, tzinfo=UTC)),
        ("May 5, 2026", Precision.DAY, dt.datetime(2026, 5, 5, tzinfo=UTC)),
        (
            "2026-03-06 20:00:36 UTC",
            Precision.SECOND,
            dt.datetime(2026, 3, 6, 20, 0, 36, tzinfo=UTC),
        ),
    ],
)
def test_d50_precision_is_kept(text: str, precision: Precision, start: dt.datetime) -> None:
    reading = read_time(text)
    assert (reading.raw, reading.precision, reading.start) == (text, precision, start)


@pytest.mark.parametrize("text", ["03/06/2026", "2026-03-06T20:00:36"])
def test_d50_ambiguous_and_zoneless_times_are_refused(text: str) -> None:
    with pytest.raises(MalformedTime, match=r"day or month first|no zone"):
        read_time(text)
