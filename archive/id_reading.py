# SPDX-License-Identifier: Apache-2.0
"""The forgiving reader of record IDs: out of footnotes, e-mails, URLs and running text.

It forgives how an ID is written (case, dashes, spaces, line breaks, zeros, wrapping), never what
it says: wrong check digits name no record. The rules are those of archive/specs/record-id.md.
"""

import enum
import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from archive.errors import MalformedId
from archive.id_symbols import CLOSING, DASH, OPENING, SPACE, symbols
from archive.ids import MAX_NUMBER, Kind, RecordId

MAX_INPUT_CHARACTERS = 256
_MAX_CANDIDATES = 32
_CHECK_DIGITS = 2
KIND_LETTERS = "".join(Kind)

# Letters that stand for a digit in bad scans; they make a suggestion, never a reading.
_LOOKALIKES = str.maketrans("OIL", "011")
MAX_DIGITS = 24
# Every repeat is bounded and no two neighbours share a character, so matching is linear.
JOINT = r"(?:[ \n]{1,8}(?:-[ \n]{0,8})?|-[ \n]{0,8})?"


class ReadingStatus(enum.StrEnum):
    """How far an ID can be trusted to be the one that was meant."""

    CHECKED = "checked"
    UNCHECKED = "unchecked"
    BAD_CHECK = "bad_check"


@dataclass(frozen=True, slots=True)
class IdReading:
    """What a piece of text says as a record ID.

    `id` is None when the check digits are wrong: such a text names no record. `written` is the
    text in canonical signs with the digits as typed. `candidates` are IDs that may have been
    meant, the likeliest first; whether they exist is the caller's to ask. They come with a bad
    check, and with a run of digits whose last two may or may not be the check.
    """

    status: ReadingStatus
    id: RecordId | None
    written: str
    candidates: tuple[RecordId, ...] = ()


@dataclass(frozen=True, slots=True)
class _Parts:
    """An ID as typed: the digits of its number and, when set apart, of its check."""

    prefix: str
    kind: Kind
    number: str
    check: str

    @property
    def id(self) -> RecordId:
        return RecordId(self.prefix, self.kind, int(self.number))

    @property
    def has_number(self) -> bool:
        return 0 < int(self.number or "0") <= MAX_NUMBER

    @property
    def is_valid(self) -> bool:
        return self.has_number and self.id.check_digits == self.check

    @property
    def is_canonical(self) -> bool:
        return self.is_valid and self.id.number_digits == self.number

    def __str__(self) -> str:
        return "-".join(filter(None, (self.prefix, self.kind, self.number, self.check)))


def read_id(text: str, *, prefix: str) -> IdReading:
    """What the text, which should be one ID and nothing else, says.

    Raises `MalformedId` when it is no ID of this prefix by the grammar, without any look-up.
    """
    if len(text) > MAX_INPUT_CHARACTERS:
        raise MalformedId(f"no record ID is longer than {MAX_INPUT_CHARACTERS} characters")
    seen = "".join(symbol for symbol, _ in symbols(text, 0))
    match = _whole_pattern(prefix).fullmatch(seen.lstrip(OPENING).rstrip(CLOSING))
    if match is None:
        example = RecordId(prefix, Kind.PROVISION, 2129)
        raise MalformedId(f"not a record ID: {text[:40]!a}; one looks like {example}")
    return read_match(match, prefix)


@functools.lru_cache(maxsize=8)
def start_pattern(prefix: str) -> str:
    """A pattern over symbols for all of an ID that stands before its digits.

    Raises `MalformedId` for a prefix that the grammar does not know.
    """
    RecordId(prefix, Kind.PROVISION, 1)
    return rf"{prefix}(?P<kind_joint>{JOINT})(?P<kind>[{KIND_LETTERS}])(?P<number_joint>{JOINT})"


@functools.lru_cache(maxsize=8)
def _whole_pattern(prefix: str) -> re.Pattern[str]:
    body = rf"(?P<body>[0-9OIL](?:{JOINT}[0-9OIL]){{0,{MAX_DIGITS - 1}}})"
    return re.compile(start_pattern(prefix) + body)


def read_match(match: re.Match[str], prefix: str) -> IdReading:
    """What a match of `start_pattern` and a `body` of digits says; raises `MalformedId`."""
    kind = Kind(match["kind"])
    # A dash at a line's end may be the ID's or the typesetter's: it separates, but proves nothing.
    body = re.sub(r"-[ ]*\n[ \n]*", SPACE, match["body"])
    body = re.sub(r"[ \n]*-[ \n]*", DASH, body)
    body = re.sub(r"[ \n]+", SPACE, body)
    typed = _Parts(prefix, kind, body, "")
    digits = replace(typed, number=body.translate(_LOOKALIKES))
    reading = _read_digits(digits, is_set_off=bool(match["number_joint"]))
    if digits == typed:
        return reading
    meant = () if reading.id is None else (reading.id,)
    return IdReading(ReadingStatus.BAD_CHECK, None, str(typed), (*meant, *reading.candidates))


def _read_digits(parts: _Parts, *, is_set_off: bool) -> IdReading:
    body = parts.number
    first, *others = body.split(DASH)
    if len(others) == 1 and len(others[0]) == _CHECK_DIGITS:
        apart = replace(parts, number=first.replace(SPACE, ""), check=others[0])
        over_dash = () if is_set_off else (replace(apart, number=apart.number[1:]),)
        return _read_with_check(apart, over_dash)
    if others:
        return _read_misplaced(parts)
    number, space, check = body.rpartition(SPACE)
    joined = replace(parts, number=body.replace(SPACE, ""))
    if not space or len(check) != _CHECK_DIGITS:
        return _read_run(joined, is_set_off=is_set_off)
    reading = _read_with_check(replace(parts, number=number.replace(SPACE, ""), check=check))
    if reading.status is ReadingStatus.CHECKED:
        return reading
    return replace(reading, candidates=(*_numbered(joined), *reading.candidates))


def _read_with_check(parts: _Parts, over_dash: tuple[_Parts, ...] = ()) -> IdReading:
    """The reading of a number and its check.

    `over_dash` is what the text says if a missing dash was mistyped as a digit.
    """
    named = parts.id
    meant: tuple[RecordId, ...] = ()
    if parts.is_valid:
        # With zeros missing or too many the check proves less: what looks like an extra zero may
        # be a mistyped digit or kind of another, canonical ID. Such a text is refused.
        near = () if parts.is_canonical else _one_error_away(parts)
        meant = tuple(other.id for other in (*over_dash, *near) if other.is_canonical)
        if not meant:
            return IdReading(ReadingStatus.CHECKED, named, str(parts))
    candidates = tuple(dict.fromkeys((*meant, *_candidates(parts))))
    return IdReading(ReadingStatus.BAD_CHECK, None, str(parts), candidates)


def _read_run(parts: _Parts, *, is_set_off: bool) -> IdReading:
    """The reading of digits in one run, of which the last two may be the check."""
    digits = parts.number
    if len(digits) < parts.kind.least_width + _CHECK_DIGITS:
        return IdReading(ReadingStatus.UNCHECKED, parts.id, str(parts))
    split = replace(parts, number=digits[:-_CHECK_DIGITS], check=digits[-_CHECK_DIGITS:])
    over_dash = (replace(split, number=split.number[:-1]),) if is_set_off else ()
    reading = _read_with_check(split, over_dash)
    has_extra_zeros = digits[0] == "0"
    # Set off and without extra zeros, the run is the canonical unchecked form of a long number.
    if is_set_off and not has_extra_zeros:
        other = () if reading.id is None else (reading.id,)
        return IdReading(ReadingStatus.UNCHECKED, parts.id, str(parts), other)
    if reading.status is ReadingStatus.CHECKED:
        return reading if has_extra_zeros else replace(reading, candidates=_numbered(parts))
    candidates = (*_numbered(parts), *reading.candidates)
    return IdReading(ReadingStatus.BAD_CHECK, None, str(parts), candidates)


def _read_misplaced(parts: _Parts) -> IdReading:
    """The refusal of digits whose dashes stand where no ID has one."""
    first = parts.number.split(DASH)[0].replace(SPACE, "")
    digits = parts.number.replace(DASH, "").replace(SPACE, "")
    named = _numbered(replace(parts, number=first))
    split = replace(parts, number=digits[:-_CHECK_DIGITS], check=digits[-_CHECK_DIGITS:])
    if not split.number:
        return IdReading(ReadingStatus.BAD_CHECK, None, str(parts), named)
    found = _candidates(split)
    candidates = (*found, *named) if split.is_valid else (*named, *found)
    return IdReading(ReadingStatus.BAD_CHECK, None, str(parts), tuple(dict.fromkeys(candidates)))


def _one_error_away(parts: _Parts) -> Iterator[_Parts]:
    """Each text that differs in one swap of neighbouring digits, one digit, or the kind."""
    digits, cut = parts.number + parts.check, len(parts.number)
    for at in range(len(digits) - 1):
        swapped = digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
        if swapped != digits:
            yield _Parts(parts.prefix, parts.kind, swapped[:cut], swapped[cut:])
    for at in reversed(range(len(digits))):
        for digit in "0123456789".replace(digits[at], ""):
            other = digits[:at] + digit + digits[at + 1 :]
            yield _Parts(parts.prefix, parts.kind, other[:cut], other[cut:])
    for kind in Kind:
        if kind is not parts.kind:
            yield replace(parts, kind=kind)


def _one_digit_lost_or_doubled(parts: _Parts) -> Iterator[_Parts]:
    """Each number with one digit more, where zeros are missing, or one less, where too many."""
    number, width = parts.number, parts.kind.least_width
    if len(number) < width:
        for at in range(len(number) + 1):
            for digit in "0123456789":
                yield replace(parts, number=number[:at] + digit + number[at:])
    if len(number) > width:
        for at in range(len(number)):
            yield replace(parts, number=number[:at] + number[at + 1 :])


def _candidates(parts: _Parts) -> tuple[RecordId, ...]:
    """IDs with right check digits near the parts, then the number as typed."""
    near = itertools.chain([parts], _one_error_away(parts), _one_digit_lost_or_doubled(parts))
    found = [other.id for other in near if other.is_valid]
    unique = dict.fromkeys((*found[:_MAX_CANDIDATES], *_numbered(parts)))
    return tuple(unique)


def _numbered(parts: _Parts) -> tuple[RecordId, ...]:
    return (parts.id,) if parts.has_number else ()
