# SPDX-License-Identifier: Apache-2.0
"""Recipe `text/1`: from a body to the text that people read. Frozen: a change is a new recipe.

The rules stand where they are carried out: charset.py (decoding), recipe_1_html.py (what is
shown and how it becomes lines), recipe_1_lists.py (numbers), recipe_1_main.py (main content),
recipe_1_pdf.py (PDF). All text is NFC, its lines end in LF, and nothing follows the last one.
"""

import unicodedata

from archive.model.text import CharsetDecision, Extraction
from archive.text import charset, recipe_1_html, recipe_1_pdf

NAME = "text/1"

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_PDF = frozenset({"application/pdf", "application/x-pdf"})
_PLAIN = frozenset({"text/plain", "text/markdown", "text/x-markdown"})
_CDATA_START, _CDATA_END = "<![CDATA[", "]]>"


def extract(body: bytes, media_type: str, content_type: str | None) -> Extraction:
    """The text of a body of this media type, or the flaw that kept it from being read."""
    if media_type in _HTML:
        return _from_html(body, media_type, content_type)
    if media_type in _PDF:
        return _from_pdf(body)
    if media_type in _PLAIN:
        return _from_plain(body, content_type)
    return _extraction("", flaw="unsupported-type")


def _from_html(body: bytes, media_type: str, content_type: str | None) -> Extraction:
    source, decision = charset.decode(body, content_type)
    if media_type == "application/xhtml+xml":
        markup = _without_cdata(source).encode("utf-8", "replace")
    else:
        markup = charset.as_utf8(body, source, decision)
    page = recipe_1_html.read(markup)
    return Extraction(
        recipe=NAME,
        text=page.text,
        title=page.title,
        language=page.language,
        charset=decision,
        offsets=page.offsets,
        hidden_chars=page.hidden_chars,
        flaw=None,
    )


def _without_cdata(source: str) -> str:
    # An HTML parser takes CDATA sections for comments, which would lose their text.
    before, *sections = source.split(_CDATA_START)
    for section in sections:
        inside, end, after = section.partition(_CDATA_END)
        if end:
            before += inside.replace("&", "&amp;").replace("<", "&lt;") + after
        else:
            before += _CDATA_START + section
    return before


def _from_pdf(body: bytes) -> Extraction:
    paper = recipe_1_pdf.read(body)
    return Extraction(
        recipe=NAME,
        text=paper.text,
        title=paper.title,
        language=paper.language,
        charset=None,
        offsets=paper.offsets,
        hidden_chars=0,
        flaw=paper.flaw,
    )


def _from_plain(body: bytes, content_type: str | None) -> Extraction:
    source, decision = charset.decode(body, content_type)
    lines = source.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    return _extraction(unicodedata.normalize("NFC", lines), decision=decision)


def _extraction(
    text: str, *, decision: CharsetDecision | None = None, flaw: str | None = None
) -> Extraction:
    return Extraction(
        recipe=NAME,
        text=text,
        title=None,
        language=None,
        charset=decision,
        offsets=(),
        hidden_chars=0,
        flaw=flaw,
    )
