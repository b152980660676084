# SPDX-License-Identifier: Apache-2.0
"""Reads link-format (RFC 6690), as TimeMaps are written in and Link headers are, strictly.

A comma behind the last link is let through: the largest archive writes one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from archive.errors import MalformedTimeMap

_LINKS_LIMIT = 1_000_000
_BLANK = re.compile(r"[ \t\r\n]*")
_TARGET = re.compile(r"<([^<>\s\"]{1,8192})>")
_PARAMETER = re.compile(
    r"[ \t\r\n]*;[ \t\r\n]*([A-Za-z0-9!#$&+\-.^_`|~*]{1,80})"
    r"(?:=(?:\"((?:[^\"\\\r\n]|\\[^\r\n])*)\"|([^\s\",;<>]+)))?"
)
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Link:
    """One link: its target as written, and its parameters by lower-case name."""

    target: str
    parameters: dict[str, str]

    @property
    def relations(self) -> tuple[str, ...]:
        """What the target is, in lower case, as `memento` and `first`."""
        return tuple(self.parameters.get("rel", "").lower().split())


def read_links(text: str) -> Iterator[Link]:
    """Every link in order. Raises MalformedTimeMap, naming the character that does not fit."""
    place, count = _skipped(text, 0), 0
    while place < len(text):
        match = _TARGET.match(text, place)
        if match is None:
            raise MalformedTimeMap(f"there is no link at character {place}")
        place, parameters = _parameters(text, match.end())
        yield Link(match[1], parameters)
        count += 1
        if count > _LINKS_LIMIT:
            raise MalformedTimeMap(f"there are more than {_LINKS_LIMIT} links")
        place = _skipped(text, place)
        if place < len(text):
            if text[place] != ",":
                raise MalformedTimeMap(f"there is no comma at character {place}")
            place = _skipped(text, place + 1)


def _parameters(text: str, place: int) -> tuple[int, dict[str, str]]:
    parameters: dict[str, str] = {}
    while match := _PARAMETER.match(text, place):
        name, quoted, plain = match.groups()
        if name.lower() in parameters:
            raise MalformedTimeMap(f"a link has {name!r} twice at character {place}")
        value = _ESCAPED.sub(r"\1", quoted) if quoted is not None else plain or ""
        parameters[name.lower()] = value
        place = match.end()
    return place, parameters


def _skipped(text: str, place: int) -> int:
    match = _BLANK.match(text, place)
    return match.end() if match else place
