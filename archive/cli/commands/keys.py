# SPDX-License-Identifier: Apache-2.0
"""`muniment keys list|rotate`: which keys may sign for the archive, and a new one for the old."""

import click

from archive.cli.session import json_option, opened, print_json, settings_of


@click.group("keys")
def command() -> None:
    """List the keys of the newest keyset, and replace the signing key."""


@command.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List root and signing keys, with spans and states, from the newest trusted keyset."""
    from archive.services.trust import trusted_keyset

    with opened(ctx) as archive:
        keyset = trusted_keyset(archive)
    keys = [key.to_json() for key in keyset.keys.values()]
    if as_json:
        print_json(
            {
                "keyset_version": keyset.version,
                "threshold": keyset.threshold,
                "roots": sorted(keyset.roots),
                "keys": keys,
            }
        )
        return
    click.echo(f"Keyset {keyset.version}, signed by {keyset.threshold} of these root keys:")
    for keyid in sorted(keyset.roots):
        click.echo(f"  {keyid}")
    click.echo("Signing keys:")
    for key in keys:
        click.echo(
            f"  {key['keyid']}  {key['state']}, {key['role']}, "
            f"{key['valid_from'][:10]} to {key['valid_until'][:10]}"
        )


@command.command("rotate")
@json_option
@click.pass_context
def rotate(ctx: click.Context, *, as_json: bool) -> None:
    """Sign with a new key from now on, and retire the old one.

    What the old one signed verifies as before. Stop the archive first: a process that has the
    old key open signs nothing more. Run it again if it was broken off.
    """
    from archive.bootstrap import key_files
    from archive.services.rotate import rotate as rotate_key

    with opened(ctx) as archive:
        done = rotate_key(archive, key_files(settings_of(ctx)))
    if as_json:
        print_json(
            {
                "keyset_version": done.keyset_version,
                "keyid": done.keyid,
                "retired": list(done.retired),
            }
        )
        return
    click.echo(f"Keyset {done.keyset_version}: key {done.keyid} signs from now on")
    for keyid in done.retired:
        click.echo(f"  retired: {keyid}")
