# SPDX-License-Identifier: Apache-2.0
"""Reads a TimeMap of another archive (RFC 7089 section 5): link-format, or its form in JSON.

A TimeMap says what an archive claims to have. Whether it has it is found by asking.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archive.clock import Precision, read_time
from archive.errors import MalformedJson, MalformedTime, MalformedTimeMap, MalformedUrl
from archive.importing.foreign_json import read_json
from archive.importing.link_format import read_links
from archive.net.http_date import parse_http_date
from archive.net.url import parse_capture_url, resolve_location

TIMEMAP_BYTES_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Memento:
    """One version that the other archive lists: where it serves it, and of when it is."""

    url: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class TimeMap:
    """One page of a TimeMap. `original` is the URL that it is about, None where it does not say.

    `pages` are further pages of it; `mementos` are in the order listed, each once.
    """

    original: str | None
    mementos: tuple[Memento, ...]
    pages: tuple[str, ...]


def read_timemap(data: bytes, url: str) -> TimeMap:
    """The TimeMap that was received from `url`, to which its references are relative.

    The form is told by the first character. Raises MalformedTimeMap.
    """
    if len(data) > TIMEMAP_BYTES_LIMIT:
        raise MalformedTimeMap(f"a TimeMap of more than {TIMEMAP_BYTES_LIMIT} bytes")
    reading = _Reading(url)
    start = data.lstrip(b" \t\r\n")[:1]
    if start == b"<":
        reading.links(data)
    elif start == b"{":
        reading.json(data)
    else:
        raise MalformedTimeMap(f"{url[:200]} gave neither link-format nor a JSON TimeMap")
    return reading.timemap()


class _Reading:
    def __init__(self, url: str) -> None:
        self._base = parse_capture_url(url)
        self._originals: set[str] = set()
        self._mementos: dict[str, dt.datetime] = {}
        self._pages: dict[str, None] = {}

    def timemap(self) -> TimeMap:
        if len(self._originals) > 1:
            raise MalformedTimeMap("the TimeMap is about more than one URL")
        return TimeMap(
            original=next(iter(self._originals), None),
            mementos=tuple(Memento(url, at) for url, at in self._mementos.items()),
            pages=tuple(page for page in self._pages if page != self._base.href),
        )

    def links(self, data: bytes) -> None:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedTimeMap(f"it is not UTF-8 at byte {error.start}") from error
        for link in read_links(text):
            relations = link.relations
            if "memento" in relations:
                self._memento(link.target, _http_date(link.parameters.get("datetime")))
            if "original" in relations:
                self._originals.add(link.target)
            if "timemap" in relations:
                self._pages[self._resolved(link.target)] = None
        if not (self._originals or self._mementos or self._pages):
            raise MalformedTimeMap("no link in it is of an original, a memento or a TimeMap")

    def json(self, data: bytes) -> None:
        try:
            value = read_json(data, TIMEMAP_BYTES_LIMIT)
        except MalformedJson as error:
            raise MalformedTimeMap(str(error)) from error
        if not {"mementos", "timemap_index"} & value.keys():
            raise MalformedTimeMap("the JSON is no TimeMap: it lists neither mementos nor pages")
        if (original := value.get("original_uri")) is not None:
            self._originals.add(_text(original, "original_uri"))
        for item in _listed(value.get("mementos"), "list"):
            for url in _uris(item):
                self._memento(url, _json_time(item))
        for item in _items(value.get("timemap_index", [])):
            for url in _uris(item):
                self._pages[self._resolved(url)] = None
        pages = value.get("pages")
        for place in ("prev", "next"):
            page = pages.get(place) if type(pages) is dict else None
            for url in () if page is None else _uris(page):
                self._pages[self._resolved(url)] = None

    def _memento(self, target: str, at: dt.datetime) -> None:
        url = self._resolved(target)
        if self._mementos.setdefault(url, at) != at:
            raise MalformedTimeMap(f"{url[:200]} is listed with two times")

    def _resolved(self, target: str) -> str:
        if not target.isprintable():
            raise MalformedTimeMap("it lists a URL with a control character")
        try:
            # Bytes as a header would carry them, which is what a location is resolved from.
            return resolve_location(self._base, target.encode("utf-8").decode("latin-1")).href
        except MalformedUrl as error:
            raise MalformedTimeMap(f"it lists what is no URL: {error}") from error


def _http_date(text: str | None) -> dt.datetime:
    try:
        return parse_http_date(text or "")
    except MalformedTime as error:
        raise MalformedTimeMap(f"it lists a memento without its time: {error}") from error


def _json_time(item: dict[str, Any]) -> dt.datetime:
    try:
        time = read_time(_text(item.get("datetime"), "datetime"))
    except MalformedTime as error:
        raise MalformedTimeMap(f"it lists a memento without its time: {error}") from error
    if time.precision not in {Precision.SECOND, Precision.FRACTION}:
        raise MalformedTimeMap("it lists a memento whose time is not to the second")
    return time.start.replace(microsecond=0)


def _listed(value: Any, name: str) -> Iterator[dict[str, Any]]:
    if value is None:
        return
    if type(value) is not dict:
        raise MalformedTimeMap("its mementos are no object")
    yield from _items(value.get(name, []))


def _items(value: Any) -> Iterator[dict[str, Any]]:
    if type(value) is not list or not all(type(item) is dict for item in value):
        raise MalformedTimeMap("it lists something else than objects")
    yield from value


def _uris(item: Any) -> list[str]:
    value = item.get("uri") if type(item) is dict else None
    return [_text(one, "uri") for one in (value if type(value) is list else [value])]


def _text(value: Any, name: str) -> str:
    if type(value) is not str:
        raise MalformedTimeMap(f"{name} is no text")
    return value
