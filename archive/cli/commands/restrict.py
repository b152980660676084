# SPDX-License-Identifier: Apache-2.0
"""`muniment restrict ID`: close a record to all but those who are granted it."""

import click

from archive.cli.session import json_option, opened, print_json


@click.command("restrict")
@click.argument("text", metavar="ID")
@click.option("--until", help="A date or a moment with zone; without it, for good.")
@click.option("--reason", required=True, help="One line, signed and kept for good.")
@click.option(
    "--metadata",
    required=True,
    type=click.Choice(["public", "hidden"]),
    help="public tells all but the content; hidden tells nothing of the record.",
)
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - click hands over each option
    ctx: click.Context, text: str, until: str | None, reason: str, metadata: str, *, as_json: bool
) -> None:
    """Restrict a record by a signed statement, until a date or for good."""
    from archive.clock import read_time
    from archive.services.acts.restrict import OPERATOR, Wanted, restrict
    from archive.services.reading.resolve import required_id

    wanted = Wanted(None if until is None else read_time(until).start, metadata, reason)
    with opened(ctx) as archive:
        state = restrict(archive, required_id(archive, text), wanted, OPERATOR).to_json()
    if as_json:
        print_json(state)
    else:
        ends = f"until {state['until']}" if state["until"] else "for good"
        click.echo(f"{state['id']} is restricted {ends}, metadata {state['metadata']}")
        click.echo(f"  statement {state['statement_sha256']}")
