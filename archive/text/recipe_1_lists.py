# SPDX-License-Identifier: Apache-2.0
"""Recipe `text/1`, list labels: `3. `, `c. `, `iv. ` or `- ` before the words of an item.

Clause numbers are part of a contract's wording, and HTML keeps them out of the text: they follow
from `start`, `value`, `reversed`, `type` and inline `list-style-type` (HTML section 4.4.5).
Styles of a style sheet cannot be known here; such a list shows decimal numbers.
"""

import re
from collections.abc import Mapping

_INTEGER = re.compile(r"[ \t\n\f\r]*([+-]?[0-9]{1,9})(?![0-9])")
_STYLE = re.compile(
    r"list-style(?:-type)?[ \t\n]*:[^;]*?\b([a-z]+(?:-[a-z]+)?)(?![\w-])", re.IGNORECASE
)
_STYLES = {
    "1": "decimal",
    "a": "lower-alpha",
    "A": "upper-alpha",
    "i": "lower-roman",
    "I": "upper-roman",
    "lower-latin": "lower-alpha",
    "upper-latin": "upper-alpha",
    "decimal": "decimal",
    "lower-alpha": "lower-alpha",
    "upper-alpha": "upper-alpha",
    "lower-roman": "lower-roman",
    "upper-roman": "upper-roman",
    "none": "bullet",
    "disc": "bullet",
    "circle": "bullet",
    "square": "bullet",
}
_ROMAN = (
    (1000, "m"),
    (900, "cm"),
    (500, "d"),
    (400, "cd"),
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
)
_ROMAN_LIMIT = 3999
_BULLET = "- "


class ListCounter:
    """The numbering state of one open list."""

    __slots__ = ("_next", "_step", "_style", "items", "needs_count")

    def __init__(self, tag: str, attributes: Mapping[str, str]) -> None:
        start = _integer(attributes.get("start"))
        self.items = 0
        self.needs_count = start is None and "reversed" in attributes and tag == "ol"
        self._step = -1 if "reversed" in attributes else 1
        self._next = 1 if start is None else start
        self._style = _style(attributes, "decimal") if tag == "ol" else "bullet"

    def count_down_from(self, item_count: int) -> None:
        """Sets where a reversed list without `start` begins: at the number of its items."""
        self._next = item_count

    def label(self, attributes: Mapping[str, str]) -> str:
        """The label of the next item, with the blank that follows it."""
        value = _integer(attributes.get("value")) if attributes else None
        number = self._next if value is None else value
        self._next = number + self._step
        self.items += 1
        style = self._style
        if attributes and style != "bullet":
            style = _style(attributes, style)
        return _BULLET if style == "bullet" else f"{_written(number, style)}. "


def _integer(value: str | None) -> int | None:
    found = _INTEGER.match(value) if value else None
    return int(found[1]) if found else None


def _style(attributes: Mapping[str, str], otherwise: str) -> str:
    found = _STYLE.search(attributes.get("style", ""))
    if found and found[1].lower() in _STYLES:
        return _STYLES[found[1].lower()]
    return _STYLES.get(attributes.get("type", ""), otherwise)


def _written(number: int, style: str) -> str:
    if number < 1 or style == "decimal":
        return str(number)
    kind = style.removeprefix("lower-").removeprefix("upper-")
    if kind == "roman" and number > _ROMAN_LIMIT:
        return str(number)
    word = _roman(number) if kind == "roman" else _alpha(number)
    return word.upper() if style.startswith("upper-") else word


def _roman(number: int) -> str:
    word = ""
    for value, letters in _ROMAN:
        count, number = divmod(number, value)
        word += letters * count
    return word


def _alpha(number: int) -> str:
    word = ""
    while number:
        number, rest = divmod(number - 1, 26)
        word = chr(ord("a") + rest) + word
    return word
