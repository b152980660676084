# SPDX-License-Identifier: Apache-2.0
"""Recipe `text/1`, main content: which lines of a page are its text.

The whole page, unless one element is surely the content and all else surely is not. Menus and
banners change daily and are no part of a policy, but losing a clause is worse than keeping a menu.
The element is the only `main` (or role=main) of the page, else its only outermost `article`. It is
taken if it holds more than half of the words of the page, and an h1 if the page has one, and if
the lines outside of it are no prose. A line is prose when it has at least 8 words, most of them
outside of links and buttons, and does not stand in nav, header, footer, aside or a dialog; at most
60 words of prose may be left out, as cookie notices have them, and no single line of more than 40.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

_LEAST_PROSE_WORDS = 8
_MOST_LINE_WORDS = 40
_MOST_LOST_WORDS = 60


class AreaKind(enum.Enum):
    """What an element says about the lines in it."""

    MAIN = enum.auto()
    ARTICLE = enum.auto()
    HEADING = enum.auto()
    CHROME = enum.auto()


@dataclass(slots=True)
class Area:
    """A run of lines that one element holds; `end` is -1 while it is open."""

    kind: AreaKind
    start: int
    end: int = -1


class Line(NamedTuple):
    """Facts about a line: where its words begin, and what kind of words they are."""

    path: str
    is_linked: bool
    is_chrome: bool


def main_lines(texts: Sequence[str], lines: Sequence[Line], areas: Sequence[Area]) -> range:
    """The lines that are the text of the page."""
    whole = range(len(texts))
    area = _candidate(areas)
    if area is None:
        return whole
    inside = range(area.start, len(texts) if area.end < 0 else area.end)
    if not _has_heading(inside, areas):
        return whole
    words = [text.count(" ") + 1 for text in texts]
    held = sum(words[inside.start : inside.stop])
    if 2 * held <= sum(words):
        return whole
    lost = [
        count
        for place, count in enumerate(words)
        if place not in inside and count >= _LEAST_PROSE_WORDS and _is_prose(lines[place])
    ]
    if sum(lost) > _MOST_LOST_WORDS or max(lost, default=0) > _MOST_LINE_WORDS:
        return whole
    return inside


def _candidate(areas: Sequence[Area]) -> Area | None:
    mains = [area for area in areas if area.kind is AreaKind.MAIN]
    if mains:
        return mains[0] if len(mains) == 1 else None
    outermost: list[Area] = []
    for area in areas:
        if area.kind is AreaKind.ARTICLE and not (
            outermost and (outermost[-1].end < 0 or area.start < outermost[-1].end)
        ):
            outermost.append(area)
    return outermost[0] if len(outermost) == 1 else None


def _has_heading(inside: range, areas: Sequence[Area]) -> bool:
    headings = [area for area in areas if area.kind is AreaKind.HEADING and area.end > area.start]
    return not headings or any(heading.start in inside for heading in headings)


def _is_prose(line: Line) -> bool:
    return not line.is_linked and not line.is_chrome
