# SPDX-License-Identifier: Apache-2.0
"""Time as the archive writes and reads it: UTC-aware, RFC 3339 with `Z`, never guessed.

The clock is injected everywhere, so that tests and verifiers choose "now". What people write is
read with its precision; what could mean two times is refused with the reason.
"""

import datetime as dt
import enum
import re
from dataclasses import dataclass
from typing import Protocol

from archive.errors import MalformedTime

UTC = dt.UTC

_MAX_INPUT_CHARACTERS = 64
_WRITTEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([01][0-9]|2[0-3]):([0-9]{2})"
    r"(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r" ?(Z|z|UTC|GMT|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?"
    r"|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_NAMED_DATES = (
    re.compile(rf"(?ai){_NAMED_MONTH} (?:(?P<day>[0-9]{{1,2}}), )?(?P<year>[0-9]{{4}})"),
    re.compile(rf"(?ai)(?P<day>[0-9]{{1,2}}) {_NAMED_MONTH} (?P<year>[0-9]{{4}})"),
)
_AMBIGUOUS_DATE = re.compile(r"[0-9]{1,2}([/.-])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})\b.*")
# Each day (UTC) that ended in 23:59:60, as published by the IERS; none has been announced since.
_LEAP_SECOND_YEARS = {
    "06-30": (1972, 1981, 1982, 1983, 1985, 1992, 1993, 1994, 1997, 2012, 2015),
    "12-31": (*range(1972, 1980), 1987, 1989, 1990, 1995, 1998, 2005, 2008, 2016),
}


class Clock(Protocol):
    """Tells the present time."""

    def now(self) -> dt.datetime:
        """The present time, UTC-aware."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> dt.datetime:
        """The present time, UTC-aware."""
        return dt.datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is moved, for tests and for verifying at a date."""

    def __init__(self, at: dt.datetime) -> None:
        self.at = at

    def now(self) -> dt.datetime:
        """The time it was set to."""
        return self.at


class Precision(enum.StrEnum):
    """The smallest unit that a written time states."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    MINUTE = "minute"
    SECOND = "second"
    FRACTION = "fraction"


@dataclass(frozen=True, slots=True)
class TimeReading:
    """A time as written (`raw`), its first moment in UTC, and how much it states.

    A leap second has no `datetime`: `start` is then the second after it, as in POSIX time, and
    `is_leap_second` tells the two apart. Dates carry no zone and are taken as days in UTC.
    """

    raw: str
    start: dt.datetime
    precision: Precision
    is_leap_second: bool = False

    @property
    def written(self) -> str:
        """The time in RFC 3339 form, no more precise than it was given: `2026-03`."""
        moment = self.start - dt.timedelta(seconds=1) if self.is_leap_second else self.start
        form = rfc3339(moment)
        if self.is_leap_second:
            form = form.replace(":59.", ":60.")
        if self.precision is Precision.FRACTION:
            return form
        length = _WRITTEN_LENGTHS[self.precision]
        return form[:length] + ("Z" if length > len("2026-03-06") else "")


_WRITTEN_LENGTHS = {
    Precision.YEAR: len("2026"),
    Precision.MONTH: len("2026-03"),
    Precision.DAY: len("2026-03-06"),
    Precision.MINUTE: len("2026-03-06T20:00"),
    Precision.SECOND: len("2026-03-06T20:00:36"),
}


def rfc3339(moment: dt.datetime) -> str:
    """The moment as `2026-03-06T20:00:36.123456Z`: six fraction digits, always UTC.

    Raises `ValueError` for a moment without zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without zone; give it UTC where it is made")
    in_utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{in_utc.isoformat(timespec='microseconds')}Z"


def parse_rfc3339(text: str) -> dt.datetime:
    """The moment that `rfc3339` wrote as this text; raises `MalformedTime` for any other form."""
    if not _WRITTEN.fullmatch(text):
        raise MalformedTime(f"not a time in the form 2026-03-06T20:00:36.123456Z: {text[:40]!a}")
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedTime(f"{text} is no moment: {error}") from error
    # Newer Pythons read 24:00 as the next day, which is a second spelling of one moment.
    if rfc3339(moment) != text:
        raise MalformedTime(f"{text} is not how that moment is written")
    return moment


def read_time(text: str) -> TimeReading:
    """What a person's or another system's text says about a time, with its precision.

    Takes `2026`, `2026-03`, `2026-03-06`, `May 5, 2026` and RFC 3339 moments, whose offset is
    turned into UTC. Raises `MalformedTime` for what could mean two times (`03/06/2026`, a moment
    without zone), for dates that do not exist, and for a :60 that was no leap second.
    """
    plain = text.strip()
    if len(plain) > _MAX_INPUT_CHARACTERS:
        raise MalformedTime("too long for a time")
    date = _DATE.fullmatch(plain)
    if date is not None:
        return _read_date(text, date[1], date[2], date[3])
    moment = _MOMENT.fullmatch(plain)
    if moment is not None:
        return _read_moment(text, moment)
    for form in _NAMED_DATES:
        named = form.fullmatch(plain)
        if named is not None:
            month = _MONTHS.index(named["month"][:3].lower()) + 1
            return _read_date(text, named["year"], str(month), named["day"])
    if _AMBIGUOUS_DATE.fullmatch(plain):
        raise MalformedTime(f"{plain!a} could be day or month first; write it like 2026-03-06")
    raise MalformedTime(f"not a time: {plain[:40]!a}; write it like 2026-03-06T20:00:36Z")


def _read_date(raw: str, year: str, month: str | None, day: str | None) -> TimeReading:
    precision = Precision.DAY if day else Precision.MONTH if month else Precision.YEAR
    try:
        start = dt.datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
    except ValueError as error:
        raise MalformedTime(f"{raw.strip()} is no date: {error}") from error
    return TimeReading(raw, start, precision)


def _read_moment(raw: str, match: re.Match[str]) -> TimeReading:
    date, hour, minute, second, fraction, zone = match.groups()
    plain = raw.strip()
    if zone is None:
        raise MalformedTime(f"{plain} has no zone; add Z for UTC, or an offset such as +01:00")
    is_leap_second = second == "60"
    offset = zone if zone[0] in "+-" else "+00:00"
    micros = (fraction or "").ljust(6, "0")[:6]
    clock = f"{hour}:{minute}:{'59' if is_leap_second else second or '00'}.{micros}"
    try:
        start = dt.datetime.fromisoformat(f"{date}T{clock}{offset}").astimezone(UTC)
        if is_leap_second:
            _require_leap_second(plain, start)
            start += dt.timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise MalformedTime(f"{plain} is no moment: {error}") from error
    precision = Precision.MINUTE
    if second is not None:
        precision = Precision.SECOND if fraction is None else Precision.FRACTION
    return TimeReading(raw, start, precision, is_leap_second)


def _require_leap_second(plain: str, second_before: dt.datetime) -> None:
    years = _LEAP_SECOND_YEARS.get(f"{second_before:%m-%d}", ())
    if f"{second_before:%H:%M:%S}" != "23:59:59" or second_before.year not in years:
        raise MalformedTime(f"{plain} was no leap second")
