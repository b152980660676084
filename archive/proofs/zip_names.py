# SPDX-License-Identifier: Apache-2.0
"""Which names a ZIP entry may have: those that mean the same file on every system.

A name that leads out of the folder, or that one system reads as another's, is how a package shows
different files to different readers.
"""

import re
import unicodedata
from collections.abc import Iterable

from archive.errors import DuplicateZipName, UnsafeZipName

_NAME_CHARACTERS_LIMIT = 1_000
_SEGMENTS_LIMIT = 32
_DRIVE = re.compile(r"[A-Za-z]:")
# Control, format (bidi among them), surrogate, private and unassigned characters.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def checked_name(raw: bytes, *, is_utf8: bool) -> str:
    """The name of an entry. Raises UnsafeZipName, saying what is unsafe about it."""
    try:
        name = raw.decode("utf-8" if is_utf8 else "ascii")
    except UnicodeDecodeError as error:
        raise UnsafeZipName(f"the name {raw[:80]!r} is in no known encoding") from error
    reason = _what_is_unsafe(name)
    if reason is not None:
        raise UnsafeZipName(f"the name {name[:80]!r} {reason}")
    return name


def require_distinct(names: Iterable[str]) -> None:
    """Raise DuplicateZipName when two names are one on some system, or a file is a folder as well.

    Names compare without case and in Unicode's composed form. Those of folders end in a slash.
    """
    seen: dict[str, str] = {}
    for name in names:
        key = _folded(name.removesuffix("/"))
        if key in seen:
            raise DuplicateZipName(f"{name[:80]!r} and {seen[key][:80]!r} are one name")
        seen[key] = name
    for key in seen:
        parts = key.split("/")
        for end in range(1, len(parts)):
            folder = "/".join(parts[:end])
            if not seen.get(folder, "/").endswith("/"):
                raise DuplicateZipName(f"{seen[folder][:80]!r} is a file and a folder as well")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFC", name).casefold())


def _what_is_unsafe(name: str) -> str | None:
    if not name or len(name) > _NAME_CHARACTERS_LIMIT:
        return f"is empty or longer than {_NAME_CHARACTERS_LIMIT} characters"
    if name.startswith("/") or _DRIVE.match(name):
        return "is absolute or begins with a drive letter"
    if "\\" in name:
        return "has a backslash"
    if any(unicodedata.category(char) in _UNSEEN for char in name):
        return "has characters that are not seen"
    segments = name.removesuffix("/").split("/")
    if len(segments) > _SEGMENTS_LIMIT:
        return f"has more than {_SEGMENTS_LIMIT} segments"
    if any(segment in {"", ".", ".."} for segment in segments):
        return "has an empty segment, `.` or `..`"
    if any(segment.endswith((" ", ".")) for segment in segments):
        return "has a segment that ends in a space or a full stop"
    return None
