# SPDX-License-Identifier: Apache-2.0
"""Reads JSON that other tools wrote: bounded, with one reading, and otherwise as they wrote it.

Unlike the archive's own JSON (`archive.canonical`) it may hold fractions, members of any name,
and any order.
"""

import json
import math
from typing import Any

from archive.errors import MalformedJson

_DEPTH_LIMIT = 32
_DIGITS_LIMIT = 40


def read_json(data: bytes, limit: int) -> Any:
    """The value of JSON bytes. Raises MalformedJson.

    Refused are more than `limit` bytes, other encodings than UTF-8, a byte order mark, a key
    given twice, NaN and infinities, lone surrogates, and nesting deeper than 32.
    """
    if len(data) > limit:
        raise MalformedJson(f"JSON of {len(data)} bytes is over the limit of {limit}")
    if data.startswith(b"\xef\xbb\xbf"):
        raise MalformedJson("JSON begins with a byte order mark")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_int=_integer,
            parse_float=_fraction,
        )
    except UnicodeDecodeError as error:
        raise MalformedJson(f"JSON is not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise MalformedJson(f"not JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise MalformedJson("JSON is nested too deeply") from error
    _check(value, 0)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJson("a JSON object has a key twice")
    return members


def _refuse(text: str) -> Any:
    raise MalformedJson(f"{text} is no JSON number")


def _integer(text: str) -> int:
    if len(text) > _DIGITS_LIMIT:
        raise MalformedJson(f"a JSON number has more than {_DIGITS_LIMIT} digits")
    return int(text)


def _fraction(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise MalformedJson(f"the JSON number {text[:_DIGITS_LIMIT]} is too large")
    return value


def _check(value: Any, depth: int) -> None:
    if depth > _DEPTH_LIMIT:
        raise MalformedJson(f"JSON is nested deeper than {_DEPTH_LIMIT}")
    if type(value) is str:
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            raise MalformedJson("JSON text holds a lone surrogate")
    elif type(value) is dict:
        for key, member in value.items():
            _check(key, depth)
            _check(member, depth + 1)
    elif type(value) is list:
        for member in value:
            _check(member, depth + 1)
