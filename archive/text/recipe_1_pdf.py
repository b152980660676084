# SPDX-License-Identifier: Apache-2.0
"""Recipe `text/1`, PDF: the text layer, page by page, under limits.

A scan has no text layer; that is a fact about the capture, not an error. The order of the words is
the one in which the file draws them, as pypdf reads it. Lines are NFC, without blanks at their
ends; each page begins a line, and has one offset row. The work is counted in recipe_1_pdf_work.py.
"""

import binascii
import logging
import struct
import unicodedata
import zlib
from dataclasses import dataclass

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from archive.text.recipe_1_pdf_work import CountedPage, CountedReader, Work

_MOST_BYTES = 64 * 1024 * 1024
_MOST_PAGES = 2_000
_MOST_CHARS = 20_000_000

# What pypdf says of broken files would let any site write to the operator's log.
_PYPDF_LOG = logging.getLogger("pypdf")
_PYPDF_LOG.addHandler(logging.NullHandler())
_PYPDF_LOG.propagate = False

# pypdf lets whatever its own code trips over escape; on hostile bytes that can be any of these.
_FAULTS = (
    PyPdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    binascii.Error,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Paper:
    """The text layer of a PDF, or the flaw that kept it from being read."""

    text: str
    title: str | None
    language: str | None
    offsets: tuple[tuple[int, str], ...]
    flaw: str | None


def read(body: bytes) -> Paper:
    """The text layer of a PDF; damage, encryption and sizes over the limits give a flaw."""
    if len(body) > _MOST_BYTES:
        return _flawed("over-limit")
    work = Work()
    try:
        paper = _read(CountedReader(body, work))
    except _FAULTS:
        paper = _flawed("unreadable")
    # pypdf swallows some errors and goes on with a part of the document.
    return _flawed("over-limit") if work.is_over_limit else paper


def _read(reader: CountedReader) -> Paper:
    if len(reader.pages) > _MOST_PAGES:
        return _flawed("over-limit")
    texts: list[str] = []
    offsets: list[tuple[int, str]] = []
    length = 0
    for number, page in enumerate(reader.pages, start=1):
        text = _page_text(CountedPage(page, reader))
        if text:
            offsets.append((length, f"/page[{number}]"))
            texts.append(text)
            length += len(text) + 1
        if length > _MOST_CHARS:
            return _flawed("over-limit")
    flaw = None if texts else "no-text-layer"
    return Paper("\n".join(texts), _title(reader), _language(reader), tuple(offsets), flaw)


def _page_text(page: CountedPage) -> str:
    lines = (line.strip() for line in page.counted_text().splitlines())
    # A broken font map can yield lone surrogates, which no text file can hold.
    text = "\n".join(line for line in lines if line).encode("utf-8", "replace").decode("utf-8")
    return unicodedata.normalize("NFC", text)


def _title(reader: PdfReader) -> str | None:
    title = reader.metadata.title if reader.metadata else None
    if not isinstance(title, str):
        return None
    clean = " ".join(title.encode("utf-8", "replace").decode("utf-8").split())
    return unicodedata.normalize("NFC", clean) or None


def _language(reader: PdfReader) -> str | None:
    language = reader.root_object.get("/Lang")
    return language.strip() or None if isinstance(language, str) else None


def _flawed(flaw: str) -> Paper:
    return Paper("", None, None, (), flaw)
