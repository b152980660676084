# SPDX-License-Identifier: Apache-2.0
"""`muniment keys`: who may sign for the archive, changes of that, and root keys elsewhere."""

import click

from archive.cli.keyset_ceremony import init, propose, publish, root, sign
from archive.cli.keyset_change import change_commands
from archive.cli.session import json_option, opened, print_json


@click.group("keys")
def command() -> None:
    """List and change the keys that sign, by root keys beside the data or elsewhere."""


for part in (init, propose, publish, root, sign, *change_commands()):
    command.add_command(part)


@command.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List root and signing keys, with spans and states, and every keyset version."""
    from archive.services.keysets.published import published_keys
    from archive.services.keysets.words import key_words

    with opened(ctx) as archive:
        found = published_keys(archive)
    keyset, told = found.newest, found.to_json()
    pinned = told["pinned_roots"]
    if as_json:
        print_json(told)
        return
    click.echo(f"Keyset {keyset.version}, signed by {keyset.threshold} of these root keys:")
    for keyid in sorted(keyset.roots):
        click.echo(f"  {keyid}{'' if keyid in pinned else '  (not pinned: it came later)'}")
    click.echo("Signing keys:")
    for keyid, key in keyset.keys.items():
        click.echo(f"  {keyid}  {key_words(key)}")
    for log in keyset.logs:
        click.echo(f"Log: {log.origin}, key {log.keyid[:8]}")
    for witness in keyset.witnesses.keys:
        click.echo(f"Witness: {witness.to_text()}")
    if keyset.witnesses.keys:
        click.echo(f"  {keyset.witnesses.quorum} of them must cosign")
    for authority in keyset.authorities:
        click.echo(f"Timestamp authority: {authority.name}")
    click.echo("Versions:")
    for row in told["versions"]:
        by = ", ".join(keyid[:8] for keyid in row["signed_by"])
        click.echo(f"  {row['version']}  {row['issued_at'][:16]}Z  signed by {by}")
