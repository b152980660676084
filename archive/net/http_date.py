# SPDX-License-Identifier: Apache-2.0
"""Reads the one date form that HTTP and Memento write (IMF-fixdate, RFC 9110 section 5.6.7)."""

import datetime as dt
import re

from archive.errors import MalformedTime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_FORM = re.compile(
    r"([A-Z][a-z]{2}), ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)


def parse_http_date(text: str) -> dt.datetime:
    """The moment. Raises MalformedTime, also for a weekday that is not that of the date."""
    match = _FORM.fullmatch(text)
    if match is None or match[3] not in _MONTHS:
        raise MalformedTime(f"{text[:40]!a} is no date like 'Fri, 06 Mar 2026 20:00:36 GMT'")
    day, year, hour, minute, second = (int(match[group]) for group in (2, 4, 5, 6, 7))
    try:
        moment = dt.datetime(
            year, _MONTHS.index(match[3]) + 1, day, hour, minute, second, tzinfo=dt.UTC
        )
    except ValueError as error:
        raise MalformedTime(f"{text} is no moment: {error}") from error
    if _DAYS[moment.weekday()] != match[1]:
        raise MalformedTime(f"{text} is not on that day of the week")
    return moment
