# SPDX-License-Identifier: Apache-2.0
"""`muniment stamp`: trusted time for what is recorded, from the authorities of the settings."""

import click

from archive.cli.session import json_option, opened, print_json


@click.command("stamp")
@click.argument("ids", nargs=-1)
@click.option("--pending", "only_pending", is_flag=True, help="Say what is due, and ask nobody.")
@click.option("--renew", is_flag=True, help="Renew the tokens of these records now.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    ids: tuple[str, ...],
    *,
    only_pending: bool,
    renew: bool,
    as_json: bool,
) -> None:
    """Ask authorities for tokens over all that is due, or over these records.

    A worker does so by itself. Exit 1 when something that was asked for was not given.
    """
    from archive.services.reading.resolve import required_id
    from archive.services.stamping.stamp import (
        make_all_due,
        pending,
        pending_json,
        stamp,
        stamp_all,
    )

    if renew and not ids:
        raise click.UsageError("--renew needs the IDs of records: what is due is renewed anyway")
    with opened(ctx) as archive:
        if only_pending:
            left = pending(archive)
            if as_json:
                print_json(pending_json(left))
            else:
                click.echo(_left_words(left.due, left.codes))
            return
        if ids:
            names = [str(required_id(archive, text)) for text in ids]
            run = stamp(archive, names, "renewal" if renew else "stamp")
        else:
            # Whoever asks by hand has mended something, and will not wait for the next try.
            make_all_due(archive)
            run = stamp_all(archive, lambda: None)
        left = pending(archive)
    if as_json:
        print_json(run.to_json(left))
    else:
        for subject, refusal in run.refusals:
            name = f"{refusal.authority}: " if refusal.authority else ""
            click.echo(f"{subject}  {refusal.code}: {name}{refusal.detail}")
        noun = "token" if run.tokens == 1 else "tokens"
        left_words = _left_words(left.due, left.codes)
        click.echo(f"{run.tokens} {noun}, {len(run.done)} complete. {left_words}")
    ctx.exit(1 if run.wanting else 0)


def _left_words(due: int, codes: tuple[tuple[str, int], ...]) -> str:
    if not due:
        return "Nothing is due."
    why = ", ".join(f"{count} {code}" for code, count in codes)
    return f"{due} due{f' (refused: {why})' if why else ''}."
