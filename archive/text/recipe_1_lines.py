# SPDX-License-Identifier: Apache-2.0
"""Recipe `text/1`, white space: what becomes of it within a line.

Runs of ASCII white space become one blank; none stays at the ends of a line. What pre and textarea
hold, and the tab between two cells, travels through that collapse as marks.
"""

import unicodedata
from collections.abc import Sequence

# Lone surrogates cannot come out of a decoder, so no page can forge these marks.
CELL_BREAK = "\udc09"
_KEPT_BLANK = "\udc20"
_KEPT_BYTES = ((CELL_BREAK, b"\t"), (_KEPT_BLANK, b" "))
_TO_BLANKS = bytes.maketrans(b"\t\n\v\f\r", b"     ")
_AT_LINE_END = " \t\n\r\f\v" + CELL_BREAK


def kept(line: str) -> str:
    """A line of preformatted text with its tabs and blanks marked to stay."""
    return line.replace("\t", CELL_BREAK).replace(" ", _KEPT_BLANK)


def encoded(line: str) -> bytes:
    """A line as `finished` takes it, without the tabs of empty cells at its end."""
    return line.rstrip(_AT_LINE_END).encode("utf-8", "surrogatepass")


def finished(lines: Sequence[bytes]) -> list[str]:
    """The lines with their white space collapsed, in NFC; as many as were given."""
    # All lines at once, as bytes: 0xFF cannot occur in UTF-8, so the line bounds survive the
    # collapse, and halving runs of blanks is several times faster than splitting at them.
    joined = _halved(b"\xff".join(lines).translate(_TO_BLANKS))
    joined = joined.replace(b" \xff", b"\xff").replace(b"\xff ", b"\xff").strip(b" ")
    for mark, written in _KEPT_BYTES:
        coded = mark.encode("utf-8", "surrogatepass")
        if mark == CELL_BREAK:
            joined = joined.replace(b" " + coded, coded).replace(coded + b" ", coded)
        joined = joined.replace(coded, written)
    text = joined.replace(b"\xff", b"\n").decode("utf-8")
    return unicodedata.normalize("NFC", text).split("\n") if lines else []


def collapsed(text: str) -> str:
    """A piece of text on one line, by the same rule."""
    return _halved(text.encode("utf-8").translate(_TO_BLANKS)).strip(b" ").decode("utf-8")


def _halved(text: bytes) -> bytes:
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text
