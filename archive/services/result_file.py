# SPDX-License-Identifier: Apache-2.0
"""The results of a list, as CSV or JSON lines by the file's name.

The file appears when every line of the list has its result, and then it is whole. Until then
the rows are written beside it, in `<name>.part`, which the next run begins anew out of what the
archive remembers.
"""

import csv
import io
import json
import os
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Self

from archive.canonical import JsonValue
from archive.errors import InputError
from archive.services.capture import Refused
from archive.services.capture_desk import Answer
from archive.services.capture_each import Result
from archive.services.url_list import PASSED_THROUGH, Item, UrlList

COLUMNS = ("url", "id", "outcome", "captured_at", "sha256", "statement_sha256", "error")
_ALL = (*COLUMNS, *PASSED_THROUGH)


def result_row(item: Item, result: Result) -> dict[str, JsonValue]:
    """The row of one URL, by column."""
    row: dict[str, JsonValue] = {**dict.fromkeys(COLUMNS), "url": item.url, **item.more}
    if isinstance(result, Answer):
        record = result.record
        for name in ("id", "outcome", "captured_at", "statement_sha256"):
            row[name] = record[name]
        bodies = [part["sha256"] for part in record["parts"] if part["role"] == "body"]
        row["sha256"] = bodies[0] if bodies else None
        row["error"] = None if record["id"] else record["reason"]
    elif isinstance(result, Refused):
        row["outcome"] = "refused"
        row["error"] = f"{result.error} [{result.error.code}]"
    else:
        row["outcome"] = "postponed"
        row["error"] = result.reason
    return row


class ResultFile:
    """A results file in the making; a context manager. `keep` makes it appear."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(f"{path.name}.part")
        self._is_jsonl = _is_jsonl(path)
        try:
            self._file: BinaryIO = self._part.open("wb")
        except OSError as error:
            raise InputError(f"{self._part} cannot be written: {error.strerror}") from error
        if not self._is_jsonl:
            self._write_csv(dict(zip(_ALL, _ALL, strict=True)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        if not self._file.closed:
            self._file.close()
            self._part.unlink(missing_ok=True)

    def add(self, row: Mapping[str, JsonValue]) -> None:
        """Write one row."""
        if self._is_jsonl:
            text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
            self._file.write(text.encode("utf-8") + b"\n")
        else:
            self._write_csv(row)

    def keep(self) -> None:
        """Have the file under its name, whole and durable."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _write_csv(self, row: Mapping[str, JsonValue]) -> None:
        line = io.StringIO(newline="")
        cells = ["" if row.get(name) is None else row[name] for name in _ALL]
        csv.writer(line, lineterminator="\n").writerow(cells)
        self._file.write(line.getvalue().encode("utf-8"))


def read_results(path: Path) -> Iterator[Mapping[str, JsonValue]]:
    """The rows of a finished results file. Raises InputError when it is none."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if _is_jsonl(path):
                for line in file:
                    yield json.loads(line)
            else:
                yield from csv.DictReader(file)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path} is no results file of this program: {error}") from error


def is_finished(path: Path, urls: UrlList) -> bool:
    """Whether the file has a result for each URL of this list, none of them postponed.

    Raises InputError when it is there and belongs to another list, or is no results file.
    """
    if not path.exists():
        return False
    other = InputError(f"{path} is there already, of another list: choose another --results")
    is_whole, rows = True, read_results(path)
    for item in urls.items():
        row = next(rows, None)
        if row is None or row.get("url") != item.url:
            raise other
        is_whole = is_whole and row.get("outcome") != "postponed"
    if next(rows, None) is not None:
        raise other
    return is_whole


def _is_jsonl(path: Path) -> bool:
    if path.suffix.lower() not in {".csv", ".jsonl"}:
        raise InputError(f"{path}: a results file ends in .csv or .jsonl")
    return path.suffix.lower() == ".jsonl"
