# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON (RFC 8785) as signed files use it, and the strict reader of such files.

Signed JSON has no floats, integers below 2^53 in size, ASCII keys, no lone surrogates and no
U+0000, which no text of a PostgreSQL catalogue can hold. Under these rules sorted `json.dumps`
writes the RFC 8785 bytes; a property test holds it against the `rfc8785` library. Reading refuses
what two parsers could read in two ways.
"""

import json
from collections.abc import Iterable
from typing import Any

from archive.errors import MalformedJson

JsonValue = Any

MAX_INTEGER = 2**53 - 1
ENVELOPE_LIMIT = 64 * 1024
CONTENT_LIMIT = 16 * 1024 * 1024
_DEPTH_LIMIT = 16
_INTEGER_DIGITS = 17

_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


def dumps(value: JsonValue) -> bytes:
    """The RFC 8785 bytes of a value that signed JSON may hold.

    Raises MalformedJson for floats, integers of 2^53 and more, non-ASCII or non-string keys,
    lone surrogates, U+0000, and anything that JSON does not know.
    """
    _check(value, 0)
    return _to_bytes(value)


def loads(data: bytes, limit: int = ENVELOPE_LIMIT) -> JsonValue:
    """The value of strict JSON bytes: UTF-8, no BOM, no duplicate keys, no floats, bounded.

    Raises MalformedJson. Whether the bytes are canonical is a question of its own
    (`is_canonical`).
    """
    if len(data) > limit:
        raise MalformedJson(f"JSON of {len(data)} bytes is over the limit of {limit}")
    if data.startswith(b"\xef\xbb\xbf"):
        raise MalformedJson("JSON begins with a byte order mark")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_refuse_number,
            parse_int=_integer,
            parse_constant=_refuse_number,
        )
    except UnicodeDecodeError as error:
        raise MalformedJson(f"JSON is not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise MalformedJson(f"not JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise MalformedJson("JSON is nested too deeply") from error
    _check(value, 0)
    return value


def is_canonical(value: JsonValue, data: bytes) -> bool:
    """Whether the bytes are the RFC 8785 form of the value that `loads` read from them."""
    return _to_bytes(value) == data


def loads_canonical(data: bytes, limit: int = ENVELOPE_LIMIT) -> JsonValue:
    """As `loads`, and the bytes must be their own RFC 8785 form. Raises MalformedJson."""
    value = loads(data, limit)
    if not is_canonical(value, data):
        raise MalformedJson("JSON is not in canonical form (RFC 8785)")
    return value


def _to_bytes(value: JsonValue) -> bytes:
    return _encode(value).encode("utf-8")


def _check(value: JsonValue, depth: int) -> None:
    kind = type(value)
    if kind is str:
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            raise MalformedJson("JSON text holds a lone surrogate")
        if "\0" in value:
            raise MalformedJson("JSON text holds the character U+0000")
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise MalformedJson(f"JSON integer {value} is not below 2^53")
    elif kind is dict:
        _check_keys(value)
        _check_members(value.values(), depth)
    elif kind is list or kind is tuple:
        _check_members(value, depth)
    elif value is not None and kind is not bool:
        raise MalformedJson(f"signed JSON cannot hold a {kind.__name__}")


def _check_keys(members: dict[str, JsonValue]) -> None:
    for key in members:
        if type(key) is not str or not key.isascii() or "\0" in key:
            raise MalformedJson(f"JSON key {key!r} is not ASCII text")


def _check_members(members: Iterable[JsonValue], depth: int) -> None:
    if depth >= _DEPTH_LIMIT:
        raise MalformedJson(f"JSON is nested deeper than {_DEPTH_LIMIT}")
    for member in members:
        # Most members are these, and need no closer look.
        kind = type(member)
        if member is None or (kind is str and member.isascii()):
            continue
        if kind is int and -MAX_INTEGER <= member <= MAX_INTEGER:
            continue
        _check(member, depth + 1)


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJson("JSON object has a key twice")
    return members


def _refuse_number(text: str) -> JsonValue:
    raise MalformedJson(f"JSON number {text[:40]} is no plain integer")


def _integer(text: str) -> int:
    if len(text) > _INTEGER_DIGITS:
        raise MalformedJson("JSON integer is not below 2^53")
    return int(text)
