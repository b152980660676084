# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N999 - a command's file is named as the command is called
"""`muniment import PATH…`: take in the WARC, ARC and WACZ files of others."""

import getpass
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.cli import EXIT_BAD_INPUT, EXIT_COULD_NOT, EXIT_INTERRUPTED, EXIT_NO
from archive.cli.session import json_option, opened, print_json, progress
from archive.errors import InputError, MalformedEvidence, MunimentError

if TYPE_CHECKING:
    from archive.services.import_file import ImportedFile, ImportOptions
    from archive.services.mint_imported import Choice

_ENDINGS = (".warc", ".warc.gz", ".arc", ".arc.gz", ".wacz")


@click.command("import")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="PATH...",
    type=click.Path(path_type=Path, exists=True),
)
@click.option("--supplied-by", help="Who gave you the files; default: the user's name.")
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

    Every record is indexed. A record ID is given only to records that --cite, --cite-all-pages,
    --pages, or the page list of a WACZ name; run it again on the same file to cite more.

    Exit 0 all is in and sound, 1 a file has a flaw or a URL got no ID, 3 a file could not be read
    at all, 4 the archive could not take it, 130 interrupted: run it again to go on.
    """
    from archive.services.import_file import ImportOptions

    options = ImportOptions(
        supplied_by=asked["supplied_by"] or _user(),
        choice=_choice(asked),
        is_strict=asked["strict"],
        workers=asked["workers"],
    )
    ctx.exit(_import_all(ctx, list(_files(paths)), options, as_json=as_json))


def _import_all(
    ctx: click.Context, files: Sequence[Path], options: "ImportOptions", *, as_json: bool
) -> int:
    from archive.services.import_file import import_file

    code = 0
    missing = set(options.choice.urls)
    with opened(ctx) as archive:
        for path in files:
            try:
                with progress(f"import {path.name}") as step:
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
            print_json(_json(path, done)) if as_json else _show(path, done)
            if not done.is_complete:
                click.echo("muniment: interrupted; run it again to go on", err=True)
                return EXIT_INTERRUPTED
            if not done.is_sound:
                code = max(code, EXIT_NO)
    for url in sorted(missing):
        code = max(code, EXIT_NO)
        click.echo(f"muniment: no record of {url} in these files got an ID", err=True)
    return code


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for its user
        return "operator"


def _choice(asked: Any) -> "Choice":
    from archive.net.url import parse_capture_url
    from archive.services.mint_imported import Choice
    from archive.services.page_list import read_page_list

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


def _json(path: Path, done: "ImportedFile") -> dict[str, Any]:
    from archive.services.record import record_json

    return {
        "file": str(path),
        "sha256": done.source.sha256,
        "form": done.source.form,
        "container_sha256": done.container_sha256,
        "records": done.records,
        "indexed": done.indexed,
        "minted": [record_json(signed) for signed in done.minting.minted],
        "cited_before": done.minting.kept,
        "not_minted": [
            {
                "url": item.url,
                "date": item.date,
                "offset": item.offset,
                "outcome": item.outcome,
                "reason": item.reason,
            }
            for item in done.minting.refused
        ],
        "flaws": [flaw.to_json() for flaw in done.flaws],
        "findings": [finding.to_json() for finding in done.findings],
        "already": done.is_already,
        "complete": done.is_complete,
    }


def _show(path: Path, done: "ImportedFile") -> None:
    from archive.services.report_text import finding_text

    state = "already in, nothing changed" if done.is_already else "imported"
    if not done.is_complete:
        state = "imported in part"
    click.echo(
        f"{path}: {state}: {done.records} records, {done.indexed} indexed  "
        f"sha256 {done.source.sha256}"
    )
    for flaw in done.flaws:
        ending = "; nothing behind it was read" if flaw.is_end else ""
        click.echo(
            f"  flaw: record {flaw.record} at offset {flaw.offset}: {flaw.code}: "
            f"{flaw.detail}{ending}"
        )
    for finding in done.findings:
        click.echo(f"  {finding_text(finding)}")
    for signed in done.minting.minted:
        click.echo(f"  {signed.look.capture_id}  {signed.look.url}  {signed.look.requested_at}")
    for kept in done.minting.kept:
        click.echo(f"  {kept}  (cited before)")
    for item in done.minting.refused:
        click.echo(f"  no ID ({item.outcome}): {item.reason}  {item.url}  {item.date}")


def _show_error(path: Path, error: MunimentError, *, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(path), "code": error.code, "error": str(error)})
    else:
        click.echo(f"muniment: {error} [{error.code}]", err=True)
