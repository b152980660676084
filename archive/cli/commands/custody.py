# SPDX-License-Identifier: Apache-2.0
"""`muniment custody [ID]`: what was done with a record, or with the signing keys."""

from typing import Any

import click

from archive.cli.session import json_option, opened, print_json


@click.command("custody")
@click.argument("text", metavar="[ID]", required=False)
@click.option(
    "--sign", is_flag=True, help="First sign the events that wait for this machine's key."
)
@json_option
@click.pass_context
def command(ctx: click.Context, text: str | None, *, sign: bool, as_json: bool) -> None:
    """Show a record's custody; without an ID, the uses of signing keys and what waits."""
    from archive.services.custody import (
        count_unsigned,
        custody_of,
        event_json,
        key_uses,
        sign_waiting,
    )
    from archive.services.reading.resolve import required_id

    with opened(ctx) as archive:
        if sign:
            sign_waiting(archive)
        if text is None:
            events = [event_json(event, with_actors=True) for event in key_uses(archive)]
            shown: Any = {"id": None, "events": events, "unsigned": count_unsigned(archive)}
        else:
            record_id = required_id(archive, text)
            shown = custody_of(archive, record_id).to_json(with_actors=True)
    if as_json:
        print_json(shown)
        return
    for event in shown["events"]:
        click.echo(f"{event['at']}  {event['event']:12} {event['actor']}: {event['detail']}")
        click.echo(f"  statement {event['statement_sha256']}")
    if shown["unsigned"]:
        click.echo(f"{shown['unsigned']} more not signed yet: run `muniment custody --sign`")
