# SPDX-License-Identifier: Apache-2.0
"""What every command shares: the opened archive, JSON lines, and a progress bar on a terminal."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from archive.services.context import Archive
    from archive.settings import Settings

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def settings_of(ctx: click.Context) -> "Settings":
    """The settings that the command line, the file and the environment give."""
    from archive.settings import load_settings

    config, data = ctx.find_root().obj
    return load_settings(config=config, data=data)


@contextlib.contextmanager
def opened(ctx: click.Context) -> Iterator["Archive"]:
    """The archive of the settings, closed at the end."""
    from archive.bootstrap import open_archive

    archive = open_archive(settings_of(ctx))
    try:
        yield archive
    finally:
        archive.close()


def print_json(value: Any) -> None:
    """One JSON value on one line."""
    click.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


@contextlib.contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr when that is a terminal, else nothing; called with done and total."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def read_chunks(path: Path, size: int = 1 << 20) -> Iterator[bytes]:
    """The file in chunks. Raises click.ClickException when it cannot be read."""
    try:
        with path.open("rb") as file:
            while chunk := file.read(size):
                yield chunk
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}") from error
