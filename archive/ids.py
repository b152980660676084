# SPDX-License-Identifier: Apache-2.0
"""Record IDs: the value, its check digits, and the strict reader of its one canonical form.

`CA-P-002129-05` is prefix, kind, number and two check digits. archive/specs/record-id.md is the
outsider's description of this file; archive/id_reading.py reads what people type.
"""

import enum
import functools
import re
from dataclasses import dataclass

from archive.errors import MalformedId

# Below 2^53, so that every JSON reader keeps a number exact.
MAX_NUMBER = 999_999_999_999_999

_PREFIX = re.compile(r"[A-Z]{2,8}")
_CANONICAL = re.compile(r"([A-Z]{2,8})-([CDELPV])-([0-9]{5,15})-([0-9]{2})")


class Kind(enum.StrEnum):
    """What a record is; the letter is the second part of its ID."""

    ENTITY = "E"
    DOCUMENT = "D"
    CAPTURE = "C"
    VERSION = "V"
    PROVISION = "P"
    SET = "L"

    @property
    def least_width(self) -> int:
        """The digits that the number is padded to; a longer number is printed in full."""
        return _LEAST_WIDTHS[self]


_LEAST_WIDTHS = {
    Kind.ENTITY: 5,
    Kind.DOCUMENT: 5,
    Kind.CAPTURE: 7,
    Kind.VERSION: 6,
    Kind.PROVISION: 6,
    Kind.SET: 5,
}


@dataclass(frozen=True, slots=True, order=True)
class RecordId:
    """A record's permanent name; `str()` gives the canonical form.

    Raises `MalformedId` for a prefix other than two to eight letters A-Z, or a number outside
    1 to 10^15 - 1. The check digits follow from the rest, so they are no field.
    """

    prefix: str
    kind: Kind
    number: int

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise MalformedId("the prefix of a record ID must be two to eight letters A-Z")
        if not 1 <= self.number <= MAX_NUMBER:
            raise MalformedId("the number of a record ID must be 1 or more, with at most 15 digits")

    def __str__(self) -> str:
        return f"{self.unchecked}-{self.check_digits}"

    @property
    def number_digits(self) -> str:
        """The number as printed, padded with zeros to the kind's least width."""
        return f"{self.number:0{self.kind.least_width}d}"

    @property
    def check_digits(self) -> str:
        """The two check digits: ISO 7064 MOD 97-10 over prefix, kind and printed number."""
        digits = self.number_digits
        shift = pow(10, len(digits), 97)
        remainder = (_letters_mod_97(self.prefix + self.kind) * shift + self.number) % 97
        return f"{98 - remainder * 100 % 97:02d}"

    @property
    def unchecked(self) -> str:
        """The form without check digits, as older citations print it."""
        return f"{self.prefix}-{self.kind}-{self.number_digits}"


# Own arithmetic rather than python-stdnum, whose import costs more than the whole command line
# (it loads pydoc and ssl); the tests hold the two against each other.
@functools.lru_cache(maxsize=64)
def _letters_mod_97(letters: str) -> int:
    remainder = 0
    for letter in letters:
        remainder = (remainder * 100 + int(letter, 36)) % 97
    return remainder


def parse_id(text: str) -> RecordId:
    """The ID whose canonical form this is, character by character.

    For the archive's own JSON, statements and keys. Raises `MalformedId` for any other spelling
    and for wrong check digits; `archive.id_reading.read_id` is for what people type.
    """
    match = _CANONICAL.fullmatch(text)
    if match is None:
        raise MalformedId(f"not a record ID in canonical form: {text[:40]!a}")
    parsed = RecordId(match[1], Kind(match[2]), int(match[3]))
    if parsed.number_digits != match[3]:
        raise MalformedId(f"{text} has zeros missing or too many; it is written {parsed}")
    if parsed.check_digits != match[4]:
        raise MalformedId(f"{text} has wrong check digits")
    return parsed
