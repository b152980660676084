# SPDX-License-Identifier: Apache-2.0
"""Reads a page list of a WACZ (`pages/*.jsonl`, WACZ 1.1.1 section 5.2.4), line by line."""

from collections.abc import Iterable, Iterator
from typing import Any

from archive.clock import read_time
from archive.errors import MalformedJson, MalformedPackage, MalformedTime
from archive.importing.foreign_json import read_json

FORMAT = "json-pages-1.0"
# A line may hold the text of its page.
_LINE_BYTES_LIMIT = 16 * 1024 * 1024
_PAGES_LIMIT = 1_000_000


def read_pages(chunks: Iterable[bytes]) -> list[str]:
    """The URL of each page, in order, as written, each once.

    Raises MalformedPackage, naming the line: a list that cannot be read to its end is none.
    """
    urls: dict[str, None] = {}
    number = 0
    for number, line in enumerate(_lines(chunks), 1):
        try:
            value = read_json(line, _LINE_BYTES_LIMIT)
            if number == 1:
                _check_header(value)
            else:
                urls[_url_of(value)] = None
        except (MalformedJson, MalformedTime) as error:
            raise MalformedPackage(f"line {number}: {error}") from error
        if len(urls) > _PAGES_LIMIT:
            raise MalformedPackage(f"there are more than {_PAGES_LIMIT} pages")
    if number == 0:
        raise MalformedPackage("there is no line in it")
    return list(urls)


def _check_header(value: Any) -> None:
    if type(value) is not dict or value.get("format") != FORMAT:
        raise MalformedJson(f"it is no header of the format {FORMAT}")


def _url_of(value: Any) -> str:
    if type(value) is not dict or type(value.get("url")) is not str or not value["url"]:
        raise MalformedJson("the page has no URL")
    if type(value.get("ts")) is not str:
        raise MalformedJson("the page has no time")
    read_time(value["ts"])
    return str(value["url"])


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for chunk in chunks:
        held += chunk
        *whole, rest = held.split(b"\n")
        yield from map(bytes, filter(None, (line.strip(b"\r \t") for line in whole)))
        held = bytearray(rest)
        if len(held) > _LINE_BYTES_LIMIT:
            raise MalformedPackage(f"a line is longer than {_LINE_BYTES_LIMIT} bytes")
    if last := bytes(held).strip(b"\r \t"):
        yield last
