# SPDX-License-Identifier: Apache-2.0
"""`muniment correct ID`: say beside a record what was said wrongly of it, and what is right."""

import click

from archive.cli.session import json_option, opened, print_json


@click.command("correct")
@click.argument("text", metavar="ID")
@click.option("--text", "words", required=True, help="What is wrong and what is right, in a line.")
@click.option("--field", help="The member of the record that is wrong, such as title.")
@click.option("--old", help="What the record says there; it must match.")
@click.option("--new", help="What is right there.")
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - click hands over each option
    ctx: click.Context,
    text: str,
    words: str,
    field: str | None,
    old: str | None,
    new: str | None,
    *,
    as_json: bool,
) -> None:
    """Correct what is said of a record by a signed statement; nothing signed is changed."""
    from archive.services.acts.correct import CorrectionWanted, correct, corrections_json
    from archive.services.acts.declare import OPERATOR
    from archive.services.reading.resolve import required_id

    with opened(ctx) as archive:
        wanted = CorrectionWanted(words, field, old, new)
        standing = correct(archive, required_id(archive, text), wanted, OPERATOR)
        state = corrections_json(standing)
    if as_json:
        print_json(state)
    else:
        said = state["corrections"][-1]
        click.echo(f"{state['id']} has {len(state['corrections'])} corrections")
        click.echo(f"  statement {said['statement_sha256']}")
