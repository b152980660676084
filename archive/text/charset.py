# SPDX-License-Identifier: Apache-2.0
"""Decides which encoding a body is in, in the order of the HTML standard (section 13.2.3.2).

Byte order mark, then the charset of the Content-Type header, then a meta element or XML
declaration in the first 1,024 bytes. Where nothing is said: valid UTF-8 is UTF-8 (`guess`), since
no other text looks like it; else a meta element further on counts, as browsers change their mind
when they meet it; else windows-1252 (`default`). The decision is recorded with every text.
"""

import re

from archive.model.text import CharsetDecision
from archive.text import encodings
from archive.text.media import essence

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16be"), (b"\xff\xfe", "utf-16le"))
_PRESCAN_BYTES = 1024
_LATE_PRESCAN_BYTES = 16_384
_HEADER_CHARSET = re.compile(r';[ \t]*charset[ \t]*=[ \t]*(?:"([^"]*)"|([^;\s"]*))', re.IGNORECASE)
_XML_CHARSET = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*(?:"([^"]*)"|'([^']*)')""")
# Comments are stepped over whole, so that a meta element in one does not count.
_TAG = re.compile(
    rb"<!--.*?(?:-->|\Z)|<meta[\t\n\f\r /]((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = re.compile(
    rb"""([^\t\n\f\r />=]+)(?:[\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)'|([^\t\n\f\r >]*)))?"""
)
_CONTENT_CHARSET = re.compile(
    rb"""charset[\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)'|([^\t\n\f\r ;"']+))""",
    re.IGNORECASE,
)


def decide(body: bytes, content_type: str | None) -> CharsetDecision:
    """The encoding of a body, why it was chosen, and how much of the body it could not read."""
    return decode(body, content_type)[1]


def decode(body: bytes, content_type: str | None) -> tuple[str, CharsetDecision]:
    """The text of a body without its byte order mark, and the decision that led to it."""
    encoding, source = _choose(body, content_type)
    for mark, marked in _MARKS:
        if source == "bom" and encoding == marked:
            body = body[len(mark) :]
    text, replacements = encodings.read(body, encoding)
    return text, CharsetDecision(encoding, source, replacements)


def as_utf8(body: bytes, text: str, decision: CharsetDecision) -> bytes:
    """The decoded text in UTF-8: the body itself, where that is what it is."""
    is_body = decision.encoding == "utf-8" and decision.source != "bom"
    return body if is_body and not decision.replacements else text.encode("utf-8", "replace")


def _choose(body: bytes, content_type: str | None) -> tuple[str, str]:
    for mark, marked in _MARKS:
        if body.startswith(mark):
            return marked, "bom"
    declared = _from_header(content_type)
    if declared:
        return declared, "header"
    is_markup = essence(content_type) in {"", "text/html"} or "xml" in essence(content_type)
    if is_markup and (found := _from_markup(body[:_PRESCAN_BYTES])):
        return found, "meta"
    if _is_utf8(body):
        return "utf-8", "guess"
    if is_markup and (found := _from_markup(body[:_LATE_PRESCAN_BYTES])):
        return found, "meta"
    return "windows-1252", "default"


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _from_header(content_type: str | None) -> str | None:
    found = _HEADER_CHARSET.search(content_type or "")
    return encodings.named(found[1] or found[2] or "") if found else None


def _from_markup(start: bytes) -> str | None:
    for tag in _TAG.finditer(start):
        found = _from_meta(tag[1]) if tag[1] else None
        if found:
            return _as_declared_in_markup(found)
    declaration = _XML_CHARSET.match(start.lstrip(b"\t\n\f\r "))
    found = _label(declaration[1] or declaration[2]) if declaration else None
    return _as_declared_in_markup(found) if found else None


def _from_meta(inside: bytes) -> str | None:
    attributes: dict[bytes, bytes] = {}
    for name, *values in _ATTRIBUTE.findall(inside):
        attributes.setdefault(name.lower(), b"".join(values))
    if b"charset" in attributes:
        return _label(attributes[b"charset"])
    if attributes.get(b"http-equiv", b"").lower() != b"content-type":
        return None
    found = _CONTENT_CHARSET.search(attributes.get(b"content", b""))
    return _label(found[1] or found[2] or found[3]) if found else None


def _label(value: bytes | None) -> str | None:
    return encodings.named((value or b"").decode("ascii", "replace"))


def _as_declared_in_markup(encoding: str) -> str:
    # ASCII markup that can be read at all is not UTF-16, whatever it says of itself.
    if encoding.startswith("utf-16"):
        return "utf-8"
    return "windows-1252" if encoding == "x-user-defined" else encoding
