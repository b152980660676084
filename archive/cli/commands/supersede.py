# SPDX-License-Identifier: Apache-2.0
"""`muniment supersede ID NEWER`: name the record that is to be read in place of one."""

import click

from archive.cli.session import json_option, opened, print_json


@click.command("supersede")
@click.argument("text", metavar="ID")
@click.argument("newer", metavar="[NEWER]", required=False)
@click.option("--reason", required=True, help="One line, signed and kept for good.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, text: str, newer: str | None, reason: str, *, as_json: bool
) -> None:
    """Say by a signed statement that NEWER supersedes a record; without NEWER, that nothing does.

    The record is served as before, with a notice.
    """
    from archive.services.acts.declare import OPERATOR
    from archive.services.acts.supersede import supersede, supersession_json
    from archive.services.reading.resolve import required_id

    with opened(ctx) as archive:
        by_what = required_id(archive, newer) if newer else None
        standing = supersede(archive, required_id(archive, text), by_what, reason, OPERATOR)
        state = supersession_json(standing)
    if as_json:
        print_json(state)
    elif state["is_superseded"]:
        click.echo(f"{state['id']} is superseded by {state['newer']}")
        click.echo(f"  statement {state['statement_sha256']}")
    else:
        click.echo(f"nothing supersedes {state['id']}")
