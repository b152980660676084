# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N999 - a command's file is named as the command is called
"""`muniment import PATH…`: take in the WARC, ARC and WACZ files of others, and their archives."""

import getpass
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.cli import EXIT_BAD_INPUT, EXIT_COULD_NOT, EXIT_INTERRUPTED, EXIT_NO
from archive.cli.imported import show_gathered, show_imported
from archive.cli.session import json_option, opened, print_json, progress
from archive.cli.terminal import one_line
from archive.errors import InputError, MalformedEvidence, MunimentError

if TYPE_CHECKING:
    from archive.services.imports.file import ImportOptions
    from archive.services.imports.mint import Choice

_ENDINGS = (".warc", ".warc.gz", ".arc", ".arc.gz", ".wacz")
_REMOTE = ("timemap", "since", "before", "cdx", "warcs")


@click.command("import")
@click.argument(
    "paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path, exists=True)
)
@click.option("--timemap", metavar="URL", help="Mementos that another archive lists there.")
@click.option("--from", "since", metavar="TIME", help="Only mementos from then on.")
@click.option("--before", metavar="TIME", help="Only mementos before then.")
@click.option("--cdx", metavar="FILE|URL", help="Records that this index (CDX, CDXJ) names, …")
@click.option("--warcs", metavar="URL", help="… by range out of the WARC files in this folder.")
@click.option("--supplied-by", help="Who gave it; default: the user's name, or the host asked.")
@click.option("--cite", "urls", multiple=True, metavar="URL", help="Give its records an ID.")
@click.option("--cite-all-pages", is_flag=True, help="Give every page (HTML, PDF) an ID.")
@click.option(
    "--pages",
    "page_lists",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="URLs to cite: one on each line, or the pages.jsonl of a WACZ.",
)
@click.option("--strict", is_flag=True, help="Refuse a file with any flaw, and store nothing.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, paths: Sequence[Path], *, as_json: bool, **asked: Any) -> None:
    """Import WARC, ARC and WACZ files, and those in folders; the same file again changes nothing.

    Or import out of another archive: --timemap, such as
    https://web.archive.org/web/timemap/link/https://example.com/terms, or --cdx with --warcs.
    What is in is not asked for again.

    Every record is indexed. A record ID is given only to records that --cite, --cite-all-pages,
    --pages, or the page list of a WACZ name; run it again to cite more.

    Exit 0 all is in and sound, 1 something has a flaw or was not to be had, or a URL got no ID,
    3 a file could not be read at all, 4 the archive could not take it or another one did not
    answer, 130 interrupted: run it again to go on.
    """
    _check_usage(paths, asked)
    run = _import_files if paths else _import_remote
    ctx.exit(run(ctx, {**asked, "paths": paths}, as_json=as_json))


def _check_usage(paths: Sequence[Path], asked: Mapping[str, Any]) -> None:
    if sum(map(bool, (paths, asked["timemap"], asked["cdx"]))) != 1:
        raise click.UsageError("give paths, or --timemap, or --cdx")
    if bool(asked["cdx"]) != bool(asked["warcs"]):
        raise click.UsageError("--cdx and --warcs belong together")
    if (asked["since"] or asked["before"]) and not asked["timemap"]:
        raise click.UsageError("--from and --before choose among the mementos of a --timemap")
    if asked["strict"] and not paths:
        raise click.UsageError("--strict is about files")


def _options(asked: Mapping[str, Any], supplier: str) -> "ImportOptions":
    from archive.services.imports.file import ImportOptions

    return ImportOptions(
        supplied_by=asked["supplied_by"] or supplier,
        choice=_choice(asked),
        is_strict=asked["strict"],
        workers=asked["workers"],
    )


def _import_remote(ctx: click.Context, asked: Mapping[str, Any], *, as_json: bool) -> int:
    from archive.jobs.base import WorkerStopping
    from archive.services.capturing.desk import Patience
    from archive.services.imports.remote import import_remote, remote_host, remote_of
    from archive.services.imports.told import gathered_json
    from archive.services.interrupts import noted_interrupts

    remote = remote_of({name: asked[name] for name in _REMOTE})
    host = remote_host(remote)
    options = _options(asked, host)
    with opened(ctx) as archive, noted_interrupts() as interrupted:
        patience = Patience(archive.remote.patience_seconds, interrupted)
        try:
            with progress(f"import {host}") as step:
                done = import_remote(archive, remote, options, step, patience)
        except WorkerStopping:
            click.echo("muniment: interrupted; run it again to go on", err=True)
            return EXIT_INTERRUPTED
    print_json(gathered_json(done)) if as_json else show_gathered(done)
    code = _tell_without_id(done.minting.urls_without)
    return code if done.is_sound else EXIT_NO


def _import_files(ctx: click.Context, asked: Mapping[str, Any], *, as_json: bool) -> int:
    from archive.services.imports.file import import_file
    from archive.services.imports.told import imported_json

    code, options = 0, _options(asked, _user())
    files = list(_files(asked["paths"]))
    missing = set(options.choice.urls)
    with opened(ctx) as archive:
        for path in files:
            try:
                with progress(f"import {one_line(path.name)}") as step:
                    done = import_file(archive, path, options, step)
            except (InputError, MalformedEvidence) as error:
                code = max(code, EXIT_BAD_INPUT)
                _show_error(path, error, as_json=as_json)
                continue
            except MunimentError as error:
                # What the archive could not do with one file it cannot do with the next.
                _show_error(path, error, as_json=as_json)
                return EXIT_COULD_NOT
            missing &= set(done.minting.urls_without)
            if as_json:
                print_json({"file": str(path), **imported_json(done)})
            else:
                show_imported(path, done)
            if not done.is_complete:
                click.echo("muniment: interrupted; run it again to go on", err=True)
                return EXIT_INTERRUPTED
            if not done.is_sound:
                code = max(code, EXIT_NO)
    return max(code, _tell_without_id(missing))


def _tell_without_id(urls: Iterable[str]) -> int:
    missing = sorted(urls)
    for url in missing:
        click.echo(f"muniment: no record of {url} in what was given got an ID", err=True)
    return EXIT_NO if missing else 0


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for its user
        return "operator"


def _choice(asked: Mapping[str, Any]) -> "Choice":
    from archive.net.url import parse_capture_url
    from archive.services.imports.mint import Choice
    from archive.services.imports.page_list import read_page_list

    urls = list(asked["urls"])
    for path in asked["page_lists"]:
        urls += read_page_list(path)
    for url in urls:
        parse_capture_url(url)
    return Choice(tuple(dict.fromkeys(urls)), all_pages=asked["cite_all_pages"])


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """Each file as given, and in a folder, at any depth, those that are named like archives."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(
            item
            for item in path.rglob("*")
            if item.is_file() and item.name.lower().endswith(_ENDINGS)
        )
        if not found:
            raise InputError(f"{path} holds no file named {', '.join(_ENDINGS)}")
        yield from found


def _show_error(path: Path, error: MunimentError, *, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(path), "code": error.code, "error": str(error)})
    else:
        click.echo(f"muniment: {one_line(error)} [{error.code}]", err=True)
