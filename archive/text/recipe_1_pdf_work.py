# SPDX-License-Identifier: Apache-2.0
"""Recipe `text/1`, PDF: counts the work that a document asks for, and stops it at the limit.

A small file can ask for hours, since its pages share their content, fonts and forms. The steps that
are counted depend on the bytes alone, so the same file is over the limit on every machine; one is
worth about a microsecond. Their prices are in archive/specs/text-recipe-1.md, section 5.
"""

import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pypdf import PageObject, PdfReader
from pypdf.errors import LimitReachedError
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    EncodedStreamObject,
    NameObject,
    PdfObject,
    StreamObject,
)

_MOST_STEPS = 3_000_000

_STEPS_PER_CONTENT = 300
_STEPS_PER_FONT = 60
_STEPS_PER_TOKEN = 4
_STEPS_PER_XREF_ROW = 3
_STEPS_PER_CODE = 2
_CONTENT_BYTES_PER_STEP = 2
_BYTES_PER_STEP = 4
_COPIED_BYTES_PER_STEP = 64
_EXPANDED_CHARS_PER_STEP = 16
_MOST_CODES = 100_000
_MOST_DEPTH = 8
_USUAL_NAME_CHARS = 31

_TOKEN = re.compile(rb"[^\s\[\](){}<>/%'\"]+|[\[({<%'\"]")
_RANGES = re.compile(rb"beginbfrange(.*?)(?:endbfrange|\Z)", re.DOTALL)
_ARRAY = re.compile(rb"\[[^\]]*\]")
_HEX = re.compile(rb"[0-9A-Fa-f]+")
_HEX_TEXT = re.compile(rb"[0-9A-Fa-f](?:[0-9A-Fa-f ]*[0-9A-Fa-f])?")


class Work:
    """Counts the steps that a document takes, and stops it at the limit."""

    def __init__(self) -> None:
        self._steps = 0
        self._fonts: dict[int, tuple[int, int]] = {}

    @property
    def is_over_limit(self) -> bool:
        """Whether the document has been stopped; pypdf may have swallowed the error."""
        return self._steps > _MOST_STEPS

    def add(self, steps: int) -> None:
        """Counts some steps; raises `LimitReachedError` beyond the limit."""
        self._steps += steps
        if self.is_over_limit:
            raise LimitReachedError("the document takes too many steps")

    def add_drawing(self, owner: DictionaryObject, contents: Iterable[bytes]) -> None:
        """Counts what drawing the contents of a page or form takes."""
        length = 0
        for content in contents:
            self.add(_STEPS_PER_CONTENT + len(content) // _CONTENT_BYTES_PER_STEP)
            # The two operators made of a quotation mark do the work of two.
            quotes = content.count(b"'") + content.count(b'"')
            tokens = sum(1 for _ in _TOKEN.finditer(content))
            self.add(_STEPS_PER_TOKEN * (tokens + quotes))
            length += len(content)
        longest = 1
        for font in _fonts(_resources(owner)):
            if id(font) not in self._fonts:
                self._fonts[id(font)] = _font_price(font)
            steps, chars_per_code = self._fonts[id(font)]
            self.add(steps)
            longest = max(longest, chars_per_code)
        self.add(length * longest // _EXPANDED_CHARS_PER_STEP)


class _CountedBytes(io.BytesIO):
    """A file whose every read is a step, since pypdf reads objects byte by byte."""

    def __init__(self, body: bytes, work: Work) -> None:
        super().__init__(body)
        self._work = work

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, as of any file."""
        found = super().read(size)
        self._work.add(1 + len(found) // _COPIED_BYTES_PER_STEP)
        return found


class CountedReader(PdfReader):
    """A reader that counts what is not read from the file itself: unpacked tables and objects."""

    def __init__(self, body: bytes, work: Work) -> None:
        self.work = work
        self._counted: set[int] = set()
        super().__init__(_CountedBytes(body, work), strict=False)

    def get_object(self, indirect_reference: Any) -> PdfObject | None:
        """The object of this reference."""
        found = super().get_object(indirect_reference)
        if not isinstance(found, StreamObject) or found.get("/Type") != "/ObjStm":
            return found
        if id(found) not in self._counted:
            self._counted.add(id(found))
            self.work.add(len(found.get_data()) // _BYTES_PER_STEP)
        return found

    def _read_xref_subsections(self, idx_pairs: list[int], *others: Any) -> None:
        self.work.add(_STEPS_PER_XREF_ROW * sum(idx_pairs[1::2]))
        super()._read_xref_subsections(idx_pairs, *others)


class CountedPage(PageObject):
    """A page that counts the forms it draws, each time it draws them."""

    def __init__(self, page: PageObject, reader: CountedReader) -> None:
        super().__init__(reader, page.indirect_reference)
        self.update(page)
        self._work = reader.work

    def extract_xform_text(self, xform: EncodedStreamObject, *args: Any, **kwargs: Any) -> str:
        """The text of a form."""
        self._work.add_drawing(xform, [xform.get_data()])
        return super().extract_xform_text(xform, *args, **kwargs)

    def counted_text(self) -> str:
        """The text of the page."""
        self._work.add(_STEPS_PER_CONTENT)
        self._work.add_drawing(self, _contents(self.get("/Contents")))
        return self.extract_text()


def _contents(contents: object) -> Iterator[bytes]:
    contents = _resolved(contents)
    parts = contents if isinstance(contents, ArrayObject) else [contents]
    for part in map(_resolved, parts):
        if isinstance(part, StreamObject):
            yield part.get_data()


def _resources(owner: object) -> DictionaryObject:
    """The resources of a page or form, its own or inherited ones."""
    for _ in range(_MOST_DEPTH):
        if not isinstance(owner, DictionaryObject):
            break
        found = _resolved(owner.get("/Resources"))
        if isinstance(found, DictionaryObject):
            return found
        owner = _resolved(owner.get("/Parent"))
    return DictionaryObject()


def _fonts(resources: DictionaryObject) -> Iterator[DictionaryObject]:
    fonts = _resolved(resources.get("/Font"))
    if isinstance(fonts, DictionaryObject):
        for font in map(_resolved, fonts.values()):
            if isinstance(font, DictionaryObject):
                yield font


def _font_price(font: DictionaryObject) -> tuple[int, int]:
    """The steps for reading a font, as every page does, and the characters one code can give."""
    steps, longest = _STEPS_PER_FONT, 1
    pending: list[tuple[object, int]] = [(font, 0)]
    while pending:
        part, depth = pending.pop()
        if isinstance(part, NameObject) and len(part) > _USUAL_NAME_CHARS:
            longest = max(longest, len(part))
        if depth == _MOST_DEPTH or not isinstance(part, (ArrayObject, DictionaryObject)):
            continue
        is_map = isinstance(part, DictionaryObject)
        inner = [each for key, each in part.items() if key != "/Parent"] if is_map else list(part)
        steps += len(inner)
        if steps > _MOST_STEPS:
            break
        if isinstance(part, StreamObject):
            steps += len(part.get_data()) // _COPIED_BYTES_PER_STEP
        else:
            pending.extend((_resolved(each), depth + 1) for each in inner)
    codes = _resolved(font.get("/ToUnicode"))
    if isinstance(codes, StreamObject):
        data = codes.get_data()
        steps += _STEPS_PER_CODE * (data.count(b"<") + data.count(b"\n") + _codes_in_ranges(data))
        longest = max([longest, *(len(code) // 4 for code in _HEX_TEXT.findall(data))])
    return steps, longest


def _codes_in_ranges(data: bytes) -> int:
    count = 0
    for section in _RANGES.findall(data):
        ends = [int(number[:8], 16) for number in _HEX.findall(_ARRAY.sub(b" 0 ", section))]
        count += sum(
            min(max(0, last - first + 1), _MOST_CODES)
            for first, last in zip(ends[::3], ends[1::3], strict=False)
        )
    return count


def _resolved(found: object) -> object:
    return found.get_object() if isinstance(found, PdfObject) else found
