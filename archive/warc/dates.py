# SPDX-License-Identifier: Apache-2.0
"""The dates that WARC records carry: W3CDTF in UTC, from a year down to nine fraction digits.

A date is evidence, so its own words are kept and its precision is never padded into a false
exactness; what has no certain meaning is refused by name.
"""

import datetime as dt
import enum
import re
from dataclasses import dataclass
from functools import lru_cache

from archive.errors import MalformedTime

_FORM = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?Z)?)?)?", re.ASCII
)
_OFFSET = re.compile(r".*T.*[+-]\d\d:?\d\d", re.ASCII)
_ZONELESS = re.compile(r".*T[\d:.]+", re.ASCII)
_RAW_LIMIT = 64

_LEAP_SECOND = "60"
# IERS Bulletin C: the leap seconds there have been. None was announced up to _ANNOUNCED_UNTIL;
# after it the rule of ITU-R TF.460-6 stands: the end of June or of December.
_JUNE_LEAPS = frozenset({1972, 1981, 1982, 1983, 1985, 1992, 1993, 1994, 1997, 2012, 2015})
_DECEMBER_LEAPS = frozenset({*range(1972, 1980), 1987, 1989, 1990, 1995, 1998, 2005, 2008, 2016})
_ANNOUNCED_UNTIL = 2026


class DatePrecision(enum.StrEnum):
    """How exactly a WARC date tells the time."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    MINUTE = "minute"
    SECOND = "second"
    FRACTION = "fraction"


@dataclass(frozen=True, slots=True)
class WarcDate:
    """A date as written (`raw`), the first moment it can mean, and its precision.

    `start` is cut to microseconds; further digits stay in `raw`. A leap second starts with the
    second after `:59`, which is where POSIX time puts it, and `is_leap_second` tells them apart.
    """

    raw: str
    start: dt.datetime
    precision: DatePrecision
    is_leap_second: bool = False

    def cdx_stamp(self) -> str:
        """The 14 digits `YYYYMMDDhhmmss` by which CDX files name the start.

        A leap second gets the stamp of the second before: `:60` breaks common index readers.
        """
        moment = self.start - dt.timedelta(seconds=1) if self.is_leap_second else self.start
        return moment.isoformat(timespec="seconds")[:19].translate(_STAMP_DIGITS)


@lru_cache(maxsize=256)
def cdx_stamp(date: str) -> str:
    """The 14 digits of a WARC date. Raises MalformedTime."""
    return read_warc_date(date).cdx_stamp()


# By the number of the last group that _FORM found; it takes hour and minute together.
_PRECISIONS = {
    1: DatePrecision.YEAR,
    2: DatePrecision.MONTH,
    3: DatePrecision.DAY,
    5: DatePrecision.MINUTE,
    6: DatePrecision.SECOND,
    7: DatePrecision.FRACTION,
}
_STAMP_DIGITS = str.maketrans("", "", "-:T")


# Request, response and metadata of one moment follow each other.
@lru_cache(maxsize=256)
def read_warc_date(text: str) -> WarcDate:
    """The date that a WARC header states (ISO 28500:2017 5.4, W3CDTF in UTC).

    Raises MalformedTime for an offset other than `Z`, a missing zone, a date that is in no
    calendar, and a leap second where there was none.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise MalformedTime(f"WARC date {text[:_RAW_LIMIT]!r} {_what_is_wrong(text)}")
    year, month, day, hour, minute, second, fraction = match.groups()
    is_leap_second = second == _LEAP_SECOND
    if is_leap_second and not _had_leap_second(text):
        raise MalformedTime(f"WARC date {text!r} names a leap second where there was none")
    try:
        start = dt.datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0) - is_leap_second,
            int((fraction or "0")[:6].ljust(6, "0")),
            tzinfo=dt.UTC,
        )
        if is_leap_second:
            start += dt.timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise MalformedTime(f"WARC date {text!r} is in no calendar") from error
    return WarcDate(text, start, _PRECISIONS[match.lastindex or 1], is_leap_second)


def _had_leap_second(text: str) -> bool:
    year, day_and_minute = int(text[:4]), text[5:16]
    if day_and_minute == "06-30T23:59":
        known = _JUNE_LEAPS
    elif day_and_minute == "12-31T23:59":
        known = _DECEMBER_LEAPS
    else:
        return False
    return year in known or year > _ANNOUNCED_UNTIL


def _what_is_wrong(text: str) -> str:
    if len(text) <= _RAW_LIMIT:
        if _OFFSET.fullmatch(text):
            return "has an offset; the standard allows UTC only, written Z"
        if _ZONELESS.fullmatch(text):
            return "has no zone; UTC is written Z"
    return "is not of the form YYYY[-MM[-DD[Thh:mm[:ss[.fraction]]Z]]]"
