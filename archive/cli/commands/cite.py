# SPDX-License-Identifier: Apache-2.0
"""`muniment cite ID`: a citation to paste."""

import click

from archive.cli.session import json_option, opened, print_json


@click.command("cite")
@click.argument("text", metavar="ID")
@click.option("--style", default="plain", show_default=True, help="Citation style.")
@json_option
@click.pass_context
def command(ctx: click.Context, text: str, style: str, *, as_json: bool) -> None:
    """Print a citation of a record."""
    from archive.services.reading.cite import cite, read_citable
    from archive.services.reading.resolve import required_id

    with opened(ctx) as archive:
        record = read_citable(archive, required_id(archive, text))
        citation = cite(archive, record, archive.base_url, style)
    if as_json:
        print_json({"id": record["id"], "style": style, "citation": citation})
    else:
        click.echo(citation)
        if not archive.base_url:
            click.echo("(set server.base_url, so that citations carry a full link)", err=True)
