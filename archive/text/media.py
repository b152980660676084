# SPDX-License-Identifier: Apache-2.0
"""What kind of document a body is: the declared type, or a sniffed one when none was declared.

Only a missing or meaningless Content-Type is sniffed (WHATWG MIME Sniffing section 7); a declared
one is believed, so that the same response always meets the same reader.
"""

import re

_ESSENCE = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")
_SAYS_NOTHING = frozenset({"", "unknown/unknown", "application/unknown", "*/*"})
_SNIFF_BYTES = 1445
_MARKUP = re.compile(
    rb"(?:\xef\xbb\xbf)?[\t\n\f\r ]*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a"
    rb"|style|title|b|body|br|p|!--|meta|main|article)(?:[\t\n\f\r >/]|--)|"
    rb"(?:\xef\xbb\xbf)?[\t\n\f\r ]*(?:<\?xml|<!--)",
    re.IGNORECASE,
)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


def essence(content_type: str | None) -> str:
    """The type/subtype of a Content-Type value in lower case; empty when it is not one."""
    value = (content_type or "").split(";", 1)[0].strip(" \t\r\n").lower()
    return value if _ESSENCE.fullmatch(value) else ""


def media_type(body: bytes, content_type: str | None) -> str:
    """The declared media type; for an undeclared body what its first bytes say."""
    declared = essence(content_type)
    if declared not in _SAYS_NOTHING:
        return declared
    start = body[:_SNIFF_BYTES]
    if start.lstrip(b"\t\n\f\r ").startswith(b"%PDF-"):
        return "application/pdf"
    if _MARKUP.match(start):
        return "text/html"
    if _BINARY.search(start) and not start.startswith(_WIDE_MARKS):
        return "application/octet-stream"
    return "text/plain"
