# SPDX-License-Identifier: Apache-2.0
"""Reads a list of URLs, CSV or JSON lines, line by line; a list that is not sound is refused whole.

It is read twice, first to check and to digest it, then to work through it, so that memory stays
flat and nothing is begun with a list whose last line is broken.
"""

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from archive import canonical
from archive.errors import InputError, MalformedJson

PASSED_THROUGH = ("document", "note")
_LINE_LIMIT = 64 * 1024
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Item:
    """One URL of a list: its place (from 1), and the columns that are passed through."""

    number: int
    url: str
    more: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UrlList:
    """A list that was read to its end once: how many URLs it has, and the digest of its bytes."""

    path: Path
    is_jsonl: bool
    count: int
    sha256: str

    def items(self) -> Iterator[Item]:
        """Every URL in order. Raises InputError when the file was changed meanwhile."""
        return _items(self.path, is_jsonl=self.is_jsonl)


def read_list(path: Path, *, is_jsonl: bool | None = None) -> UrlList:
    """The list in a file, checked; its form follows from its name, else from its first character.

    Raises InputError, naming the line.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            first = file.read(_CHUNK_BYTES)
            chunk = first
            while chunk:
                digest.update(chunk)
                chunk = file.read(_CHUNK_BYTES)
    except OSError as error:
        raise InputError(f"the list {path} cannot be read: {error.strerror}") from error
    if is_jsonl is None:
        is_jsonl = path.suffix.lower() in {".jsonl", ".ndjson"} or (
            path.suffix.lower() != ".csv" and first.lstrip()[:1] == b"{"
        )
    count = sum(1 for _ in _items(path, is_jsonl=is_jsonl))
    if count == 0:
        raise InputError(f"the list {path} has no URLs")
    return UrlList(path, is_jsonl, count, digest.hexdigest())


def _items(path: Path, *, is_jsonl: bool) -> Iterator[Item]:
    rows = _jsonl_rows(path) if is_jsonl else _csv_rows(path)
    for number, (line, row) in enumerate(rows, start=1):
        url = row.get("url", "").strip()
        if not url:
            raise InputError(f"line {line} of the list has no url")
        more = {name: row[name] for name in PASSED_THROUGH if row.get(name)}
        yield Item(number, url, more)


def _lines(path: Path) -> Iterator[str]:
    """The lines with their ends, each within the limit."""
    try:
        with path.open("rb") as file:
            number = 0
            while data := file.readline(_LINE_LIMIT + 1):
                number += 1
                if len(data) > _LINE_LIMIT:
                    raise InputError(f"line {number} of the list is over {_LINE_LIMIT} bytes")
                text = data.decode("utf-8-sig" if number == 1 else "utf-8")
                yield text
    except UnicodeDecodeError as error:
        raise InputError(f"line {number} of the list is not UTF-8") from error
    except OSError as error:
        raise InputError(f"the list {path} cannot be read: {error.strerror}") from error


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(_lines(path), strict=True)
    names: list[str] | None = None
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if names is None:
                lowered = [cell.strip().lower() for cell in row]
                names = lowered if "url" in lowered else ["url"]
                if "url" in lowered:
                    continue
            if len(row) > len(names):
                raise InputError(
                    f"line {reader.line_num} of the list has {len(row)} columns, and the header "
                    f"{len(names)}: begin with a header row that names url"
                )
            yield reader.line_num, dict(zip(names, row, strict=False))
    except csv.Error as error:
        raise InputError(f"line {reader.line_num} of the list is not CSV: {error}") from error


def _jsonl_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = canonical.loads(line.encode("utf-8"), _LINE_LIMIT)
        except MalformedJson as error:
            raise InputError(f"line {number} of the list: {error}") from error
        if not isinstance(row, dict):
            raise InputError(f"line {number} of the list is no JSON object with a url")
        wanted = {name: row[name] for name in ("url", *PASSED_THROUGH) if row.get(name) is not None}
        if not all(isinstance(value, str) for value in wanted.values()):
            raise InputError(f"line {number} of the list: {json.dumps(sorted(wanted))} are strings")
        yield number, wanted
