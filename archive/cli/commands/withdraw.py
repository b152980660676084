# SPDX-License-Identifier: Apache-2.0
"""`muniment withdraw ID`: put a tombstone in place of a record."""

import click

from archive.cli.session import json_option, opened, print_json

_CODES = ("error", "duplicate", "request", "rights", "privacy", "legal-order", "other")


@click.command("withdraw")
@click.argument("text", metavar="ID")
@click.option("--reason", required=True, help="One line, signed and kept for good.")
@click.option(
    "--code",
    type=click.Choice(_CODES),
    default="other",
    show_default=True,
    help="The reason, for programs.",
)
@click.option("--replacement", metavar="ID", help="The record that stands in its place.")
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - click hands over each option
    ctx: click.Context, text: str, reason: str, code: str, replacement: str | None, *, as_json: bool
) -> None:
    """Withdraw a record by a signed statement.

    It answers with a tombstone from then on. Its bytes stay in the store, and it still verifies;
    to take bytes out, use `muniment redact`.
    """
    from archive.services.acts.declare import OPERATOR
    from archive.services.acts.withdraw import WithdrawalWanted, withdraw, withdrawal_json
    from archive.services.reading.resolve import required_id

    with opened(ctx) as archive:
        instead = required_id(archive, replacement) if replacement else None
        wanted = WithdrawalWanted(code, reason, instead)
        state = withdrawal_json(withdraw(archive, required_id(archive, text), wanted, OPERATOR))
    if as_json:
        print_json(state)
        return
    click.echo(f"{state['id']} is withdrawn")
    click.echo(f"  statement {state['statement_sha256']}")
    click.echo(f"  still provable: {', '.join(state['remains']) or 'nothing'}")
