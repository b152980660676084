# SPDX-License-Identifier: Apache-2.0
"""`muniment resolve TEXT|-`: which record an ID means, or which IDs stand in a text."""

import sys

import click

from archive.cli.session import json_option, opened, print_json

EXIT_UNRESOLVED = 1


@click.command("resolve")
@click.argument("text", metavar="TEXT|-")
@json_option
@click.pass_context
def command(ctx: click.Context, text: str, *, as_json: bool) -> None:
    """Resolve an ID, or every ID in a running text (- reads standard input)."""
    from archive.services.reading.resolve import resolve, resolve_mentions

    with opened(ctx) as archive:
        if text == "-":
            found = resolve_mentions(archive, sys.stdin.read())
        else:
            found = resolve_mentions(archive, text) or [resolve(archive, text)]
    if as_json:
        print_json([item.to_json() for item in found])
    else:
        for item in found:
            meant = "".join(f"  did you mean {candidate}?" for candidate in item.candidates)
            click.echo(f"{item.status:10} {item.id or item.input}{meant}")
            if item.detail:
                click.echo(f"           {item.detail}")
    is_resolved = bool(found) and all(item.id is not None for item in found)
    ctx.exit(0 if is_resolved else EXIT_UNRESOLVED)
