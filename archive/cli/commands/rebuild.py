# SPDX-License-Identifier: Apache-2.0
"""`muniment rebuild`: the catalogue remade from the store alone."""

import click

from archive.cli.session import json_option, print_json, progress, settings_of


@click.command("rebuild")
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Remake every evidence table; exit 1 when something in the store had to be left out."""
    from archive.bootstrap import wire
    from archive.errors import CatalogMissing
    from archive.services.keysets.initialise import check_prefix
    from archive.services.recovery.rebuild import rebuild
    from archive.services.trust import has_keyset

    settings = settings_of(ctx)
    if not settings.data.is_dir():
        raise CatalogMissing(f"no archive at {settings.data}: run `muniment init`")
    archive = wire(settings)
    if not has_keyset(archive.store):
        raise CatalogMissing(f"no keyset in {settings.store_url}: run `muniment init`")
    archive.database.migrate()
    check_prefix(archive)
    with progress("rebuild") as step:
        done = 0

        def count(_key: str) -> None:
            nonlocal done
            done += 1
            step(done, done)

        rebuilt = rebuild(archive, count)
    archive.close()
    if as_json:
        print_json(
            {
                "captures": rebuilt.captures,
                "observations": rebuilt.observations,
                "statements": rebuilt.statements,
                "keysets": rebuilt.keysets,
                "proofs": rebuilt.proofs,
                "left_out": [
                    {"object": key, "code": code, "detail": detail}
                    for key, code, detail in rebuilt.left_out
                ],
                "not_erased": [
                    {"object": key, "detail": detail} for key, detail in rebuilt.not_erased
                ],
            }
        )
    else:
        for key, code, detail in rebuilt.left_out:
            click.echo(f"left out: {key}  {code}: {detail}")
        for key, detail in rebuilt.not_erased:
            click.echo(f"redacted, and not erased yet: {key}  {detail}")
        click.echo(
            f"{rebuilt.captures} captures, {rebuilt.observations} observations, "
            f"{rebuilt.statements} other statements, "
            f"{rebuilt.keysets} keysets, {rebuilt.proofs} batches of proofs taken in; "
            f"{len(rebuilt.left_out)} left out"
        )
    ctx.exit(0 if rebuilt.is_complete else 1)
