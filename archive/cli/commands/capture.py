# SPDX-License-Identifier: Apache-2.0
"""`muniment capture URL…`: look at each URL and keep what was seen."""

from collections.abc import Sequence
from pathlib import Path

import click

from archive.cli.session import json_option, opened, print_json
from archive.errors import MunimentError


@click.command("capture")
@click.argument("urls", nargs=-1, metavar="URL...")
@click.option(
    "--list",
    "source",
    metavar="FILE",
    help="Capture the URLs of a CSV or JSONL file, or - for standard input.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --list: write what came of each URL here (.csv or .jsonl).",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    urls: Sequence[str],
    source: str | None,
    results: Path | None,
    *,
    as_json: bool,
) -> None:
    """Capture each URL; exit 0 only when every outcome is ok.

    A list has a header row with url (and document, note, which are passed on), or one URL on
    each line; hosts are spared as the settings say. Broken off, by Ctrl-C or by whatever else,
    the same command goes on where it was; the results file appears when all of it is done.
    """
    if source is not None:
        from archive.cli.capture_list import capture_from

        if urls:
            raise click.UsageError("give either URLs or --list")
        ctx.exit(capture_from(ctx, source, results, as_json=as_json))
    if not urls or results is not None:
        raise click.UsageError("give URLs, or --list with --results")
    from archive.services.capturing.capture import Refused, capture_many
    from archive.services.statements.record import record_json

    is_all_ok = True
    with opened(ctx) as archive:
        for number, result in enumerate(capture_many(archive, urls), start=1):
            if isinstance(result, Refused):
                is_all_ok = False
                _show_refused(number, result.error, as_json=as_json)
                continue
            record = record_json(result.signed)
            is_all_ok = is_all_ok and record["id"] is not None
            if as_json:
                print_json(record)
            elif record["id"]:
                click.echo(f"{record['id']}  {record['url']}")
            else:
                click.echo(
                    f"not captured ({record['outcome']}): {record['reason']}  {record['url']}  "
                    f"observation {record['statement_sha256']}"
                )
    ctx.exit(0 if is_all_ok else 1)


def _show_refused(number: int, error: MunimentError, *, as_json: bool) -> None:
    if as_json:
        # The URL is left out, for it may hold credentials; the error's own words never do.
        empty = ("url", "final_url", "status", "captured_at", "document_id", "statement_sha256")
        print_json(
            {
                "id": None,
                "index": number,
                "outcome": "refused",
                "code": error.code,
                "reason": str(error),
                **dict.fromkeys(empty),
                "parts": [],
            }
        )
    else:
        click.echo(f"refused: URL {number}: {error} [{error.code}]", err=True)
