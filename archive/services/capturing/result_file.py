# SPDX-License-Identifier: Apache-2.0
"""The results of a list, as CSV or JSON lines by the file's name.

The file appears when every line of the list has its result, and then it is whole. Until then
the rows are written beside it, in `<name>.part`, which the next run begins anew out of what the
archive remembers. That file is locked, so that no second process writes into it.
"""

import contextlib
import csv
import fcntl
import io
import json
import os
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Self

from archive.canonical import JsonValue
from archive.errors import InputError, RequestUnderWay
from archive.services.capturing.capture import Refused
from archive.services.capturing.desk import Answer
from archive.services.capturing.each import Result
from archive.services.capturing.url_list import PASSED_THROUGH, Item, UrlList

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
    """A results file in the making; a context manager. `keep` makes it appear.

    Raises RequestUnderWay when another process is making it, and InputError when it cannot be
    written, also later on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(f"{path.name}.part")
        self._is_jsonl = _is_jsonl(path)
        with self._writing():
            self._file: BinaryIO = _locked(self._part)
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
            # The name goes first: once the lock is let go, the file may be another process's.
            self._part.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # what could not be written is not wanted any more
                self._file.close()

    def add(self, row: Mapping[str, JsonValue]) -> None:
        """Write one row."""
        if self._is_jsonl:
            text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
            self._write(f"{text}\n")
        else:
            self._write_csv(row)

    def keep(self) -> None:
        """Have the file under its name, whole and durable."""
        with self._writing():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._part.replace(self.path)
            self._file.close()
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _write_csv(self, row: Mapping[str, JsonValue]) -> None:
        line = io.StringIO(newline="")
        cells = ["" if row.get(name) is None else row[name] for name in _ALL]
        csv.writer(line, lineterminator="\n").writerow(cells)
        self._write(line.getvalue())

    def _write(self, text: str) -> None:
        with self._writing():
            self._file.write(text.encode("utf-8"))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except BlockingIOError as error:
            raise RequestUnderWay(
                f"another process writes {self.path}: let it finish, or choose another --results"
            ) from error
        except OSError as error:
            raise InputError(f"{self._part} cannot be written: {error.strerror}") from error


def _locked(path: Path) -> BinaryIO:
    """The file, empty and this process's own until it is closed. Raises OSError."""
    while True:
        file = path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it may have renamed or removed it between the two calls.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                file.truncate(0)
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def read_results(path: Path) -> Iterator[Mapping[str, JsonValue]]:
    """The rows of a finished results file. Raises InputError when it is none."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if _is_jsonl(path):
                for line in file:
                    yield _object(line)
            else:
                yield from csv.DictReader(file)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, RecursionError, csv.Error) as error:
        raise InputError(f"{path} is no results file of this program: {error}") from error


def _object(line: str) -> Mapping[str, JsonValue]:
    row: JsonValue = json.loads(line)
    if not isinstance(row, dict):
        raise TypeError("a line is no JSON object")
    return row


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
