# SPDX-License-Identifier: Apache-2.0
"""Characters as the ID readers see them: one symbol for all that looks the same on purpose.

Dashes, spaces, full-width forms, escapes and invisible characters are levelled here. What only
looks like a Latin letter or a digit (Cyrillic, Arabic-Indic) is foreign, and never mapped.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator

# What the reader makes of each character: itself (A-Z, 0-9, ASCII punctuation) or one of these.
DASH, SPACE, _LINE_BREAK, _QUOTE, _NOTE_MARK = "-", " ", "\n", '"', "*"
# Lower case is free for these two, since letters are raised.
_FOREIGN_LETTER, _FOREIGN = "x", "z"
_SPECIAL_SYMBOLS = (
    dict.fromkeys("\u2212\u2043\u02d7", DASH)
    | dict.fromkeys("\n\r\v\f\x85\u2028\u2029", _LINE_BREAK)
    | {"\t": SPACE, "\u2026": ".", "\u3002": ".", "\u3001": ","}
    | dict.fromkeys("\u300c\u300d\u300e\u300f\u3010\u3011", _QUOTE)
    | dict.fromkeys("\u2020\u2021\u00a7", _NOTE_MARK)
    | dict.fromkeys("\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", "")
    | dict.fromkeys("\u2066\u2067\u2068\u2069", "")
)
# A raised or circled digit after an ID is a footnote's number and never part of the ID.
_NOTE_DECOMPOSITIONS = ("<super>", "<sub>", "<circle>")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")

_LETTERS_AND_DIGITS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_WORD_SYMBOLS = _LETTERS_AND_DIGITS | {_FOREIGN_LETTER}

WITHIN_AN_ID = _LETTERS_AND_DIGITS | {DASH, SPACE, _LINE_BREAK, ""}

OPENING = " \n\"'`([{<*_~"
CLOSING = " \n\"'`)]}>*_~.,;:!?-"


def symbols(text: str, start: int) -> Iterator[tuple[str, int]]:
    """Each character's symbol from `start` on, with the offset behind that character.

    Symbols are A-Z, 0-9, ASCII punctuation and the ones above; an invisible character gives "".
    Percent-encoding is undone once.
    """
    position = start
    while position < len(text):
        escapes = _ESCAPES.match(text, position) if text[position] == "%" else None
        if escapes is None:
            position += 1
            yield _symbol(text[position - 1]), position
            continue
        escaped = bytes.fromhex(escapes[0].replace("%", ""))
        for character in escaped.decode("utf-8", "surrogateescape"):
            position += 3 * len(character.encode("utf-8", "surrogateescape"))
            yield _symbol(character), position


@functools.lru_cache(maxsize=4096)
def _symbol(character: str) -> str:
    special = _SPECIAL_SYMBOLS.get(character)
    if special is not None:
        return special
    if not character.isascii():
        if unicodedata.decomposition(character).startswith(_NOTE_DECOMPOSITIONS):
            return _NOTE_MARK
        character = unicodedata.normalize("NFKC", character)
    if len(character) == 1 and character.isascii():
        return _ascii_symbol(character)
    return _foreign_symbol(character)


def _ascii_symbol(character: str) -> str:
    if character.islower():
        return character.upper()
    # A percent sign that is left after decoding is a second encoding, or was none.
    return character if character.isprintable() and character != "%" else _FOREIGN


def _foreign_symbol(text: str) -> str:
    if len(text) > 1:
        return _FOREIGN
    category = unicodedata.category(text)
    if category == "Pd":
        return DASH
    if category == "Zs":
        return SPACE
    if category in {"Pi", "Pf", "Ps", "Pe"}:
        return _QUOTE
    return _FOREIGN_LETTER if category in {"Lu", "Ll", "Lt", "Nd"} else _FOREIGN


def continues_a_word(text: str, start: int) -> bool:
    """Whether the character before `start` is a letter or digit of the same word."""
    if start == 0 or _ESCAPES.fullmatch(text, max(0, start - 3), start):
        return False
    return _symbol(text[start - 1]) in _WORD_SYMBOLS
