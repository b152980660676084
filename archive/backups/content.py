# SPDX-License-Identifier: Apache-2.0
"""What a backup holds: lines of canonical JSON, each one entry, in one fixed order.

Head, settings, tables with their rows, files with their bytes, end. The reader is strict: an entry
that it does not know, out of its order or after the end makes the whole file unusable.
"""

import base64
import binascii
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archive import canonical
from archive.canonical import JsonValue
from archive.errors import MalformedBackup, MalformedEvidence
from archive.model.fields import Fields

FORMAT = 1
PLACES = ("keys", "passphrase", "root", "database")
DATA_BYTES = 65_536
LINE_LIMIT = canonical.CONTENT_LIMIT
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True, slots=True)
class Head:
    """When and of which archive the backup was made. `schema` is that of its catalogue."""

    made_at: str
    made_by: str
    schema: str
    prefix: str
    roots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SettingsEntry:
    """The settings that were in force, by section and name."""

    values: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an operational table, by column name."""

    table: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FileHead:
    """A file of `size` bytes, which follow in `FileData`; `place` is one of PLACES."""

    place: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class FileData:
    """The next bytes of the file that was begun."""

    data: bytes


Entry = Head | SettingsEntry | Row | FileHead | FileData


def write_lines(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The lines of these entries, with the end behind them. The caller gives the right order."""
    count = 0
    for entry in entries:
        count += 1
        yield canonical.dumps(_to_json(entry)) + b"\n"
    yield canonical.dumps({"entry": "end", "entries": count}) + b"\n"


def read_entries(chunks: Iterable[bytes]) -> Iterator[Entry]:
    """The entries of lines that come in pieces of any size. Raises MalformedBackup.

    What is given out is whole only when the iterator has come to its end.
    """
    count, missing, is_ended = 0, 0, False
    before: Entry | None = None
    for line in _lines(chunks):
        if is_ended:
            raise MalformedBackup("the backup goes on behind its end")
        entry = _read_line(line)
        if isinstance(entry, int):
            if entry != count or missing:
                raise MalformedBackup("the backup lacks entries")
            is_ended = True
            continue
        _check_order(before, entry, missing)
        if isinstance(entry, FileHead):
            missing = entry.size
        elif isinstance(entry, FileData):
            missing -= len(entry.data)
        count += 1
        before = entry
        yield entry
    if not is_ended:
        raise MalformedBackup("the backup has no end")


_KINDS: Mapping[type[Entry], str] = {
    Head: "head",
    SettingsEntry: "settings",
    Row: "row",
    FileHead: "file",
    FileData: "data",
}
_FOLLOWS: Mapping[type[Entry] | None, tuple[type[Entry], ...]] = {
    None: (Head,),
    Head: (SettingsEntry,),
    SettingsEntry: (Row, FileHead),
    Row: (Row, FileHead),
    FileHead: (FileHead, FileData),
    FileData: (FileHead, FileData),
}


def _check_order(before: Entry | None, entry: Entry, missing: int) -> None:
    follows = type(entry) in _FOLLOWS[None if before is None else type(before)]
    fits = 0 < len(entry.data) <= missing if isinstance(entry, FileData) else missing == 0
    if not (follows and fits):
        kind = _KINDS[type(entry)]
        raise MalformedBackup(f"the backup's entries are out of order at a {kind}")


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for chunk in chunks:
        start = len(waiting)
        waiting += chunk
        while (end := waiting.find(b"\n", start)) >= 0:
            yield bytes(waiting[:end])
            del waiting[: end + 1]
            start = 0
        if len(waiting) > LINE_LIMIT:
            raise MalformedBackup("the backup has a line over the limit")
    if waiting:
        raise MalformedBackup("the backup's last line has no end")


def _to_json(entry: Entry) -> JsonValue:
    if isinstance(entry, Head):
        return {
            "entry": "head",
            "format": FORMAT,
            "made_at": entry.made_at,
            "made_by": entry.made_by,
            "schema": entry.schema,
            "prefix": entry.prefix,
            "roots": list(entry.roots),
        }
    if isinstance(entry, SettingsEntry):
        return {"entry": "settings", "values": dict(entry.values)}
    if isinstance(entry, Row):
        values = {name: _to_cell(value) for name, value in entry.values.items()}
        return {"entry": "row", "table": entry.table, "values": values}
    if isinstance(entry, FileHead):
        return {"entry": "file", "place": entry.place, "name": entry.name, "size": entry.size}
    return {"entry": "data", "data": base64.b64encode(entry.data).decode("ascii")}


def _read_line(line: bytes) -> Entry | int:
    try:
        fields = Fields(canonical.loads_canonical(line, LINE_LIMIT), MalformedEvidence, "an entry")
        entry: Entry | int = _READERS[fields.choice("entry", tuple(_READERS))](fields)
        fields.end()
    except MalformedEvidence as error:
        raise MalformedBackup(f"the backup cannot be read: {error}") from error
    return entry


def _read_head(fields: Fields) -> Head:
    fields.constant("format", FORMAT)
    return Head(
        made_at=fields.time("made_at"),
        made_by=fields.text("made_by"),
        schema=fields.text("schema"),
        prefix=fields.text("prefix"),
        roots=fields.sha256s("roots"),
    )


def _read_settings(fields: Fields) -> SettingsEntry:
    return SettingsEntry(fields.members("values"))


def _read_row(fields: Fields) -> Row:
    table = fields.text("table")
    cells = fields.members("values")
    return Row(table, {name: _from_cell(value) for name, value in cells.items()})


def _read_file(fields: Fields) -> FileHead:
    entry = FileHead(fields.choice("place", PLACES), fields.text("name"), fields.count("size"))
    if not NAME.fullmatch(entry.name):
        raise MalformedEvidence("a file's name is none that a backup gives")
    return entry


def _read_data(fields: Fields) -> FileData:
    return FileData(_bytes(fields.text("data")))


def _read_end(fields: Fields) -> int:
    return fields.count("entries")


_READERS: Mapping[str, Any] = {
    "head": _read_head,
    "settings": _read_settings,
    "row": _read_row,
    "file": _read_file,
    "data": _read_data,
    "end": _read_end,
}


def _to_cell(value: Any) -> JsonValue:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, int):
        return value if abs(value) <= canonical.MAX_INTEGER else {"integer": str(value)}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, dt.datetime):
        return {"time": value.isoformat()}
    raise MalformedBackup(f"a backup cannot hold a column of {type(value).__name__}")


def _from_cell(value: JsonValue) -> Any:
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise MalformedEvidence("a column holds a list")
        return value
    fields = Fields(value, MalformedEvidence, "a column")
    kind = next(iter(value), "")
    if kind not in _CELLS:
        raise MalformedEvidence("a column is of a kind that is not known")
    text = fields.text(kind)
    fields.end()
    try:
        return _CELLS[kind](text)
    except ValueError as error:
        raise MalformedEvidence(f"a column is no {kind}") from error


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise MalformedEvidence("bytes are not in base64") from error


_CELLS: Mapping[str, Any] = {
    "bytes": _bytes,
    "integer": int,
    "float": float,
    "time": dt.datetime.fromisoformat,
}
