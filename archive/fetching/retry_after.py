# SPDX-License-Identifier: Apache-2.0
"""Reads the Retry-After header (RFC 9110 section 10.2.3), which servers fill with anything.

A valid wish is honoured up to one day; an invalid one is no wish at all, so that the caller backs
off by its own rule. A negative or fractional number, or a year of five digits, is not valid.
"""

import datetime as dt
import re

LONGEST_SECONDS = 86_400

_SECONDS = re.compile(r"[0-9]+")
_MONTH = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_MONTHS = _MONTH.split("|")
_DAY = r"(?P<day>[0-9]{2})"
_IN_MONTH = rf"(?P<month>{_MONTH})"
_YEAR = r"(?P<year>[0-9]{4})"
_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DATES = (
    re.compile(rf"[A-Z][a-z]{{2}}, {_DAY} {_IN_MONTH} {_YEAR} {_CLOCK} GMT"),
    re.compile(rf"[A-Z][a-z]{{5,8}}, {_DAY}-{_IN_MONTH}-(?P<year>[0-9]{{2}}) {_CLOCK} GMT"),
    re.compile(rf"[A-Z][a-z]{{2}} {_IN_MONTH} (?P<day>[ 0-9][0-9]) {_CLOCK} {_YEAR}"),
)
_CENTURY = 100
_FAR_FUTURE_YEARS = 50


def seconds(value: str | None, now: dt.datetime) -> int | None:
    """How long the server wants us to wait, at most a day; None when it says nothing valid."""
    text = (value or "").strip(" \t")
    if _SECONDS.fullmatch(text):
        digits = text.lstrip("0") or "0"
        is_longer = len(digits) > len(str(LONGEST_SECONDS))
        return LONGEST_SECONDS if is_longer else min(int(digits), LONGEST_SECONDS)
    moment = _moment(text, now)
    if moment is None:
        return None
    return min(max(0, int((moment - now).total_seconds())), LONGEST_SECONDS)


def _moment(text: str, now: dt.datetime) -> dt.datetime | None:
    found = next(filter(None, (form.fullmatch(text) for form in _DATES)), None)
    if found is None:
        return None
    part = {name: found[name] for name in ("year", "day", "hour", "minute", "second")}
    number = {name: int(digits) for name, digits in part.items()}
    if len(part["year"]) == len("94"):
        number["year"] = _full_year(number["year"], now)
    month = _MONTHS.index(found["month"]) + 1
    try:
        return dt.datetime(month=month, tzinfo=dt.UTC, **number)
    except ValueError:
        return None


def _full_year(two_digits: int, now: dt.datetime) -> int:
    # RFC 9110 section 5.6.7: more than 50 years ahead means the past century.
    year = now.year - now.year % _CENTURY + two_digits
    return year - _CENTURY if year > now.year + _FAR_FUTURE_YEARS else year
