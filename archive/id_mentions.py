# SPDX-License-Identifier: Apache-2.0
"""Record IDs in running text: where they stand and what they say.

Text is less certain than a field that should hold one ID: what follows an ID is often a number,
and letters before a number are often a currency. The rules are in archive/specs/record-id.md.
"""

import functools
import re
from dataclasses import dataclass

from archive.errors import MalformedId
from archive.id_reading import (
    JOINT,
    KIND_LETTERS,
    MAX_DIGITS,
    IdReading,
    ReadingStatus,
    read_match,
    start_pattern,
)
from archive.id_symbols import DASH, WITHIN_AN_ID, continues_a_word, symbols
from archive.ids import Kind

_MAX_MENTION_CHARACTERS = 96
# Letters that no number holds, not even in a bad scan.
_NO_DIGITS = frozenset("ABCDEFGHJKMNPQRSTUVWXYZ")
_RUN = rf"(?=[OIL]{{0,{MAX_DIGITS}}}[0-9])[0-9OIL]{{1,{MAX_DIGITS}}}"
_WRAPPED_DASH = r"-(?: {0,8}\n[ \n]{0,8})?"
_END = "(?![A-Z0-9x])"


@dataclass(frozen=True, slots=True)
class IdMention:
    """An ID found in running text, at `text[start:end]`."""

    start: int
    end: int
    reading: IdReading


def find_ids(text: str, *, prefix: str) -> list[IdMention]:
    """Every ID of this prefix in the text, in order; time grows with the length of the text.

    An ID without its dashes counts only when its check digits hold or it has its leading zeros,
    so that amounts such as CAD 12345 are no IDs.
    """
    mentions: list[IdMention] = []
    end = 0
    for hint in _hint_pattern(prefix).finditer(text):
        if hint.start() < end or continues_a_word(text, hint.start()):
            continue
        mention = _mention_at(text, hint.start(), prefix)
        if mention is not None:
            mentions.append(mention)
            end = mention.end
    return mentions


@functools.lru_cache(maxsize=8)
def _running_patterns(prefix: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    # The first is taken only when its check digits hold: what follows an ID is often a number.
    spaced = rf"(?P<body>{_RUN}(?P<spaced_check>{JOINT}[0-9]{{2}})){_END}(?!-[0-9]{{2}}{_END})"
    plain = rf"(?P<body>{_RUN}(?:{_WRAPPED_DASH}{_RUN}){{0,3}}){_END}"
    return re.compile(start_pattern(prefix) + spaced), re.compile(start_pattern(prefix) + plain)


@functools.lru_cache(maxsize=8)
def _hint_pattern(prefix: str) -> re.Pattern[str]:
    """Sifts raw text for places worth a closer look; the others work on symbols."""
    start_pattern(prefix)  # refuses a bad prefix before it becomes part of a pattern

    def either_width(letters: str) -> str:
        wide = "".join(chr(ord(letter) + 0xFEE0) for letter in letters + letters.lower())
        return f"[{letters}{letters.lower()}{wide}]"

    between = "(?:%[0-9A-Fa-f]{2}|[^A-Za-z0-9%]){0,12}"
    digit = r"[0-9OILoil%]|[^\x00-\x7f]"
    start = "[\u00ad\u200b\u2060]?".join(either_width(letter) for letter in prefix)
    return re.compile(rf"{start}(?={between}{either_width(KIND_LETTERS)}{between}(?:{digit}))")


def _mention_at(text: str, start: int, prefix: str) -> IdMention | None:
    seen, ends = "", [start]
    letters_left = len(prefix) + len(Kind.PROVISION)
    for symbol, end in symbols(text, start):
        seen += symbol
        ends.extend([end] * len(symbol))
        letters_left -= symbol.isalpha()
        # Without this end, a text of false starts would be read a hundred times over.
        is_behind = letters_left < 0 and symbol in _NO_DIGITS
        if symbol not in WITHIN_AN_ID or is_behind or len(seen) > _MAX_MENTION_CHARACTERS:
            break
    for pattern in _running_patterns(prefix):
        match = pattern.match(seen)
        reading = None if match is None else _read_mention(match, prefix)
        if match is not None and reading is not None:
            return IdMention(start, ends[match.end()], reading)
    return None


def _read_mention(match: re.Match[str], prefix: str) -> IdReading | None:
    """The reading of a match in running text, or None when it is not evidently an ID."""
    try:
        reading = read_match(match, prefix)
    except MalformedId:
        return None
    if reading.status is ReadingStatus.CHECKED:
        return reading
    if "spaced_check" in match.groupdict():
        return None
    has_dashes = DASH in match["kind_joint"] and DASH in match["number_joint"]
    number = match["body"].split(DASH)[0]
    has_zeros = number[0] in "0O" and len(number) >= Kind(match["kind"]).least_width
    return reading if has_dashes or has_zeros else None
