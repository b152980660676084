# SPDX-License-Identifier: Apache-2.0
"""`muniment capture --list`: works through a list, shows how far it is, and writes the results."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.cli.session import opened, print_json, progress

if TYPE_CHECKING:
    from archive.services.capturing.result_file import ResultFile
    from archive.services.capturing.url_list import UrlList
    from archive.services.context import Archive


def capture_from(ctx: click.Context, source: str, results: Path | None, *, as_json: bool) -> int:
    """The exit code: 0 when every outcome is ok, else 1. Raises InputError, CatalogError."""
    from archive.services.capturing.capture_list import end_run
    from archive.services.capturing.result_file import is_finished, read_results
    from archive.services.capturing.url_list import read_list

    with contextlib.ExitStack() as stack:
        path = stack.enter_context(_spooled()) if source == "-" else Path(source)
        urls = read_list(path)
        archive = stack.enter_context(opened(ctx))
        if results is None:
            return _worked_through(archive, urls, None, as_json=as_json)
        if is_finished(results, urls):
            # A process that died behind its last line left its run open.
            end_run(archive, urls)
            click.echo(f"{results} has all {urls.count} results: nothing was done", err=True)
            return 0 if all(row.get("id") for row in read_results(results)) else 1
        from archive.services.capturing.result_file import ResultFile

        file = stack.enter_context(ResultFile(results))
        code = _worked_through(archive, urls, file, as_json=as_json)
        click.echo(f"{urls.count} results in {results}", err=True)
        return code


def _worked_through(
    archive: "Archive", urls: "UrlList", file: "ResultFile | None", *, as_json: bool
) -> int:
    from archive.services.capturing.capture_list import begin_run, capture_list, end_run
    from archive.services.capturing.result_file import result_row

    run = begin_run(archive, urls)
    if run.is_resumed:
        click.echo("going on where an earlier run over this list was broken off", err=True)
    counts = {"ok": 0, "postponed": 0}
    number = 0
    try:
        with (
            progress("capture") as step,
            contextlib.closing(capture_list(archive, run)) as captured,
        ):
            for item, result in captured:
                row, number = result_row(item, result), item.number
                counts["ok"] += row["id"] is not None
                counts["postponed"] += row["outcome"] == "postponed"
                if file is not None:
                    file.add(row)
                if as_json:
                    print_json(row)
                elif file is None:
                    _show(row)
                step(number, urls.count)
    except KeyboardInterrupt:
        done = f"{number} of {urls.count} done"
        click.echo(f"{done}; the same command goes on from there", err=True)
        raise
    if file is not None:
        file.keep()
    if counts["postponed"]:
        click.echo(f"{counts['postponed']} postponed: run the same command again", err=True)
    else:
        end_run(archive, urls)
    return 0 if counts["ok"] == urls.count else 1


def _show(row: dict[str, Any]) -> None:
    if row["id"]:
        click.echo(f"{row['id']}  {row['url']}")
    else:
        digest = f"  observation {row['statement_sha256']}" if row["statement_sha256"] else ""
        click.echo(f"not captured ({row['outcome']}): {row['error']}  {row['url']}{digest}")


@contextlib.contextmanager
def _spooled() -> Iterator[Path]:
    """Standard input as a file, since a list is read twice."""
    with tempfile.TemporaryDirectory(prefix="muniment-list-") as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path
