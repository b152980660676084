# SPDX-License-Identifier: Apache-2.0
"""Recipe `text/1`, HTML: which text nodes are shown, and how they become lines.

Parsing: libxml2's HTML tokenizer as a stream of events. No tree is built, so nothing depends on
nesting depth, and text after `</html>` is kept, as browsers show it.

Shown: what recipe_1_shown.py says. If what is hidden outweighs what is left by more than four to
one, the page shows it by script, and it counts as shown.

Lines: a block element, `br` and `hr` end a line; inline elements do not touch the words. Runs of
ASCII white space become one blank, at line ends none; inside pre and textarea line breaks, tabs
and blanks stand as written. Non-breaking blanks, soft hyphens and zero-width characters stay.
Lines without words are dropped. A tab parts two cells of a table row that fall in one line. A list
item begins with its label (recipe_1_lists.py). The text is NFC.

Offsets: one row per line with the XPath of the element whose text begins it, at most 64 levels
deep and 100,000 rows.
"""

import itertools
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from lxml import etree

from archive.text.recipe_1_lines import CELL_BREAK, collapsed, encoded, finished, kept
from archive.text.recipe_1_lists import ListCounter
from archive.text.recipe_1_main import Area, AreaKind, Line, main_lines
from archive.text.recipe_1_shown import (
    AREAS,
    BREAKS,
    CELLS,
    LINKS,
    LISTS,
    PLAIN_BREAKS,
    PRE,
    ROLES,
    SPECIAL,
    UNSHOWN,
    declared_language,
    has_shadow_root,
    is_hidden,
)

_HIDDEN_RATIO = 4
_DEEPEST_PATH = 64
_MOST_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Page:
    """What people read on a page, with its title and declared language."""

    text: str
    title: str | None
    language: str | None
    offsets: tuple[tuple[int, str], ...]
    hidden_chars: int


def read(markup: bytes) -> Page:
    """The text of an HTML document in UTF-8, whatever is wrong with its markup."""
    reader = _parse(markup, _Reader())
    if reader.item_counts:
        reader = _parse(markup, _Reader(item_counts=tuple(reader.item_counts)))
    shown, hidden = reader.result(), len(collapsed("".join(reader.hidden)))
    if hidden > _HIDDEN_RATIO * len(shown.text):
        counts = tuple(reader.item_counts)
        return _parse(markup, _Reader(item_counts=counts, believes_hidden=False)).result()
    return shown


def _parse(markup: bytes, reader: "_Reader") -> "_Reader":
    parser = etree.HTMLParser(
        encoding="utf-8", huge_tree=True, target=cast("etree.ParserTarget", reader)
    )
    etree.fromstring(markup, parser)
    reader.end_line()
    return reader


class _Reader:
    """Takes parser events in document order and writes lines."""

    def __init__(self, *, item_counts: tuple[int, ...] = (), believes_hidden: bool = True) -> None:
        self.hidden: list[str] = []
        self.item_counts: list[int] = []
        self._known_counts = item_counts
        self._believes_hidden = believes_hidden
        self._title: list[str] | None = None
        self._language: str | None = None
        self._in_title = False
        # Depth inside an element that is not shown, and inside one that never has text.
        self._unshown = 0
        self._textless = 0
        self._paths = [""]
        self._siblings: list[dict[str, int]] = [{}]
        self._chunks: list[str] = []
        self._begins_at: str | None = None
        self._linked_chars = 0
        self._links = 0
        self._kept = 0
        self._labels: list[str] = []
        self._lists: list[tuple[ListCounter, int]] = []
        self._open_areas: list[tuple[Area, int]] = []
        self._areas: list[Area] = []
        self._chrome = 0
        self._lines: list[Line] = []
        self._encoded: list[bytes] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Enters an element."""
        if self._unshown:
            self._unshown += 1
            if self._textless or tag in UNSHOWN:
                self._textless += 1
            return
        self._step_into(tag)
        has_role = False
        if attributes or tag == "dialog":
            if self._believes_hidden and is_hidden(tag, attributes):
                self._unshown, self._textless = 1, int(tag in UNSHOWN)
                return
            has_role = "role" in attributes
        if tag in PLAIN_BREAKS and not has_role:
            if self._chunks:
                self.end_line()
        elif tag in UNSHOWN or (tag == "template" and not has_shadow_root(attributes)):
            self._enter_textless(tag)
        elif has_role or tag in SPECIAL:
            self._enter(tag, attributes)

    def _step_into(self, tag: str) -> None:
        siblings = self._siblings[-1]
        number = siblings[tag] = siblings.get(tag, 0) + 1
        parent = self._paths[-1]
        is_deep = len(self._paths) > _DEEPEST_PATH
        self._paths.append(parent if is_deep else f"{parent}/{tag}[{number}]")
        self._siblings.append({})

    def _enter_textless(self, tag: str) -> None:
        self._unshown = self._textless = 1
        if tag == "title" and self._title is None and "/svg[" not in self._paths[-1]:
            self._title, self._in_title = [], True

    def _enter(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in BREAKS:
            self.end_line()
            if tag == "li":
                self._labels.append(self._label(attributes))
            elif tag in LISTS:
                self._open_list(tag, attributes)
            elif tag in PRE:
                self._kept += 1
            elif tag == "html" and self._language is None:
                self._language = declared_language(attributes)
        elif tag in CELLS and self._begins_at is not None:
            self._chunks.append(CELL_BREAK)
        if tag in LINKS:
            self._links += 1
        kind = AREAS.get(tag)
        if attributes and "role" in attributes:
            kind = ROLES.get(attributes["role"].strip().lower(), kind)
        if tag == "h1" or kind is not None:
            self._open_area(kind or AreaKind.HEADING)

    def end(self, tag: str) -> None:
        """Leaves an element."""
        if self._unshown:
            self._unshown -= 1
            if self._textless:
                self._textless -= 1
            if not self._unshown:
                self._in_title = False
                self._paths.pop()
                self._siblings.pop()
            return
        if tag in PLAIN_BREAKS:
            if self._chunks:
                self.end_line()
        elif tag in SPECIAL:
            self._leave(tag)
        if self._open_areas and self._open_areas[-1][1] == len(self._paths):
            self._close_area()
        self._paths.pop()
        self._siblings.pop()

    def _leave(self, tag: str) -> None:
        if tag in BREAKS:
            self.end_line()
            if tag == "li" and self._labels:
                self._labels.pop()
            elif tag in LISTS:
                self._close_list()
            elif tag in PRE:
                self._kept -= 1
        if tag in LINKS:
            self._links -= 1

    def data(self, text: str) -> None:
        """Takes a piece of a text node."""
        if self._unshown:
            if not self._textless:
                self.hidden.append(text)
            elif self._in_title and self._title is not None:
                self._title.append(text)
        elif self._kept:
            self._keep(text)
        else:
            self._write(text)

    def close(self) -> "_Reader":
        """Ends the document; the parser hands this on as its result."""
        return self

    def _write(self, text: str) -> None:
        if self._begins_at is None:
            if text.isspace():
                return
            self._begins_at = self._paths[-1]
            self._chunks.extend(self._labels)
            self._labels.clear()
        self._chunks.append(text)
        if self._links:
            self._linked_chars += len(text)

    def _keep(self, text: str) -> None:
        first, *others = text.split("\n")
        self._write_kept(first)
        for line in others:
            self.end_line()
            self._write_kept(line)

    def _write_kept(self, line: str) -> None:
        as_written = kept(line)
        if line and not line.isspace():
            self._write(as_written)
        elif as_written:
            self._chunks.append(as_written)

    def end_line(self) -> None:
        """Ends the line that is being written; one without words leaves nothing."""
        if self._begins_at is not None:
            joined = "".join(self._chunks)
            self._encoded.append(encoded(joined))
            is_linked = 2 * self._linked_chars > len(joined)
            self._lines.append(Line(self._begins_at, is_linked, self._chrome > 0))
            self._begins_at = None
            self._linked_chars = 0
        self._chunks.clear()

    def _open_list(self, tag: str, attributes: Mapping[str, str]) -> None:
        counter, place = ListCounter(tag, attributes), -1
        if counter.needs_count:
            place = len(self.item_counts)
            self.item_counts.append(0)
            if place < len(self._known_counts):
                counter.count_down_from(self._known_counts[place])
        self._lists.append((counter, place))

    def _close_list(self) -> None:
        counter, place = self._lists.pop()
        if place >= 0:
            self.item_counts[place] = counter.items

    def _label(self, attributes: Mapping[str, str]) -> str:
        return self._lists[-1][0].label(attributes) if self._lists else "- "

    def _open_area(self, kind: AreaKind) -> None:
        self.end_line()
        area = Area(kind, len(self._lines))
        self._chrome += kind is AreaKind.CHROME
        self._areas.append(area)
        self._open_areas.append((area, len(self._paths)))

    def _close_area(self) -> None:
        self.end_line()
        area, _ = self._open_areas.pop()
        self._chrome -= area.kind is AreaKind.CHROME
        area.end = len(self._lines)

    def result(self) -> Page:
        """The page as read so far."""
        lines = finished(self._encoded)
        chosen = main_lines(lines, self._lines, self._areas)
        texts = lines[chosen.start : chosen.stop]
        starts = itertools.accumulate((len(line) + 1 for line in texts), initial=0)
        paths = (line.path for line in self._lines[chosen.start : chosen.stop])
        rows = itertools.islice(zip(starts, paths, strict=False), _MOST_ROWS)
        title = collapsed("".join(self._title or ()))
        return Page(
            text="\n".join(texts),
            title=unicodedata.normalize("NFC", title) or None,
            language=self._language,
            offsets=tuple(rows),
            hidden_chars=len(collapsed("".join(self.hidden))),
        )
