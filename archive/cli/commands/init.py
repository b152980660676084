# SPDX-License-Identifier: Apache-2.0
"""`muniment init`: a new archive, or an old one brought to this version."""

import click

from archive.cli.session import json_option, print_json, settings_of


@click.command("init")
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Make the data folder, keys, keyset and catalogue; safe to run again."""
    from archive.bootstrap import init_archive

    settings = settings_of(ctx)
    archive, made = init_archive(settings)
    archive.close()
    if as_json:
        print_json(
            {
                "data": str(settings.data),
                "is_new": made.is_new,
                "root_keyid": made.root_keyid,
                "api_key": made.api_key,
                "unlisted": made.unlisted,
            }
        )
        return
    click.echo(f"{'Made a new' if made.is_new else 'Checked the'} archive in {settings.data}")
    click.echo(f"Root key fingerprint (give it to verifiers): {', '.join(made.roots)}")
    if made.api_key:
        click.echo(f"API key for writes, shown this once: {made.api_key}")
    if made.is_new:
        click.echo("Its keys lie beside its data: fit for development and for trying it out.")
    if made.unlisted:
        are = "capture" if made.unlisted == 1 else "captures"
        click.echo(
            f"The store holds {made.unlisted} {are} that the catalogue does not list: "
            "run `muniment rebuild`"
        )
