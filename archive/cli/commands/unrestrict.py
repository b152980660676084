# SPDX-License-Identifier: Apache-2.0
"""`muniment unrestrict ID`: open a restricted record to everybody again."""

import click

from archive.cli.session import json_option, opened, print_json


@click.command("unrestrict")
@click.argument("text", metavar="ID")
@click.option("--reason", required=True, help="One line, signed and kept for good.")
@json_option
@click.pass_context
def command(ctx: click.Context, text: str, reason: str, *, as_json: bool) -> None:
    """Lift a record's restriction by a signed statement."""
    from archive.services.acts.restrict import OPERATOR, unrestrict
    from archive.services.reading.resolve import required_id

    with opened(ctx) as archive:
        state = unrestrict(archive, required_id(archive, text), reason, OPERATOR).to_json()
    if as_json:
        print_json(state)
    else:
        click.echo(f"{state['id']} is open to everybody")
