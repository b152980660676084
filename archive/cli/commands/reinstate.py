# SPDX-License-Identifier: Apache-2.0
"""`muniment reinstate ID`: serve a withdrawn record again."""

import click

from archive.cli.session import json_option, opened, print_json


@click.command("reinstate")
@click.argument("text", metavar="ID")
@click.option("--reason", required=True, help="One line, signed and kept for good.")
@json_option
@click.pass_context
def command(ctx: click.Context, text: str, reason: str, *, as_json: bool) -> None:
    """Take a record's withdrawal back by a signed statement."""
    from archive.services.acts.declare import OPERATOR
    from archive.services.acts.withdraw import reinstate, withdrawal_json
    from archive.services.reading.resolve import required_id

    with opened(ctx) as archive:
        state = withdrawal_json(reinstate(archive, required_id(archive, text), reason, OPERATOR))
    if as_json:
        print_json(state)
    else:
        click.echo(f"{state['id']} is served again")
