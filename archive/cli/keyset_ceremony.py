# SPDX-License-Identifier: Apache-2.0
"""Commands for root keys that lie elsewhere: made, shown what they are to sign, put together."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.cli.keyset_change import PROPOSAL, change_commands
from archive.cli.passphrase import key_passphrase_of
from archive.cli.session import json_option, print_json, settings_of

if TYPE_CHECKING:
    from archive.proofs.keyset_bundle import KeysetBundle

_passphrase = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line opens the root key; without it you are asked.",
)
_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group("root")
def root() -> None:
    """Make root keys, on machines that need no archive and no network."""


@root.command("new")
@_file
@_passphrase
@json_option
def new(file: Path, passphrase_file: Path | None, *, as_json: bool) -> None:
    """Make a root key in FILE, encrypted, and its public key beside it (.pub)."""
    from archive.signing.file import create_key
    from archive.signing.public import write_public_file

    signer = create_key(file, key_passphrase_of(passphrase_file, is_new=True))
    public = write_public_file(file.with_suffix(".pub"), signer.public_key)
    if as_json:
        print_json({"keyid": signer.public_key.keyid, "private": str(file), "public": str(public)})
        return
    click.echo(f"Root key {signer.public_key.keyid}")
    click.echo(f"  {file}: keep it offline, and a copy of it in another place")
    click.echo(f"  {public}: give it to the archive")


@click.command("init")
@_file
@click.option(
    "--root",
    "public_keys",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="PEM file of a root key's public half (.pub); give it for each root key.",
)
@click.option("--threshold", type=int, required=True, help="How many of them must sign.")
@json_option
@click.pass_context
def init(
    ctx: click.Context,
    file: Path,
    public_keys: Sequence[Path],
    threshold: int,
    *,
    as_json: bool,
) -> None:
    """Begin an archive whose root keys lie elsewhere: its first keyset, in FILE, to be signed.

    Makes the keys that sign captures and the log, and pins the root keys. Then each holder of a
    root key runs `keys sign`, the archive `keys publish`, and `muniment init` does the rest.
    """
    from archive.bootstrap import key_files, wire
    from archive.services.keysets.propose import propose_first
    from archive.signing.public import read_public_file

    settings = settings_of(ctx)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = [read_public_file(path) for path in public_keys]
    archive = wire(settings)
    try:
        bundle = propose_first(archive, key_files(settings), keys, threshold, file)
    finally:
        archive.close()
    show_bundle(bundle, file, as_json=as_json)


@click.group("propose")
@_file
@click.pass_context
def propose(ctx: click.Context, file: Path) -> None:
    """Write the next keyset to FILE, for root keys elsewhere to sign.

    A FILE that is there and not yet signed is changed further.
    """
    ctx.meta[PROPOSAL] = file


for change in change_commands():
    propose.add_command(change)


@click.command("sign")
@_file
@click.option(
    "--key",
    "key_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of the root key.",
)
@_passphrase
@click.option("--yes", is_flag=True, help="Do not ask; what is signed is shown all the same.")
@json_option
def sign(
    file: Path, key_file: Path, passphrase_file: Path | None, *, yes: bool, as_json: bool
) -> None:
    """Show what the keyset in FILE says and changes, and sign it with a root key.

    Needs neither archive nor network. The signature is written into FILE; holders may sign one
    after the other, or each a copy of their own.
    """
    from archive.services.keysets.propose import read_bundle
    from archive.services.keysets.propose import sign as sign_bundle
    from archive.services.keysets.words import keyset_words
    from archive.signing.file import open_key

    bundle = read_bundle(file)
    for line in keyset_words(bundle):
        click.echo(line, err=as_json)
    signer = open_key(key_file, key_passphrase_of(passphrase_file, is_new=False))
    if not yes:
        click.confirm(f"Sign this with root key {signer.public_key.keyid}?", abort=True, err=True)
    signed = sign_bundle(file, signer, bundle)
    by = [keyid for keyid, _ in signed.signatures]
    if as_json:
        print_json({"keyset_version": signed.keyset.version, "signed_by": by})
    else:
        click.echo(f"Signed with root key {signer.public_key.keyid}; {len(by)} in all in {file}")


@click.command("publish")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@json_option
@click.pass_context
def publish(ctx: click.Context, files: Sequence[Path], *, as_json: bool) -> None:
    """Put a keyset into the store once enough root keys have signed it; safe to run again.

    FILES are one file with all signatures, or signed copies of it. Stop the archive first when the
    signing key changes. Exit code 1 while signatures are lacking.
    """
    from archive.bootstrap import key_files, wire
    from archive.services.keysets.publish import publish_keyset

    settings = settings_of(ctx)
    archive = wire(settings)
    try:
        done = publish_keyset(archive, key_files(settings), files)
    finally:
        archive.close()
    if as_json:
        print_json(
            {
                "keyset_version": done.version,
                "published": done.is_done,
                "signed_by": list(done.signed_by),
                "lacking": [
                    {"count": each.count, "candidates": list(each.candidates)}
                    for each in done.lacking
                ],
                "keyid": done.keyid,
            }
        )
    elif done.is_done:
        click.echo(f"Keyset {done.version} is in force, signed by {len(done.signed_by)} root keys")
        if done.keyid:
            click.echo(f"Key {done.keyid} signs from now on")
        if not done.is_listed:
            click.echo("There is no catalogue yet: run `muniment init`")
    else:
        # Its own root keys and those before it are mostly the same.
        for each in {each.candidates: each for each in done.lacking}.values():
            click.echo(
                f"Keyset {done.version} is not published: it lacks {each.count} more of "
                f"{each.whose}: {', '.join(each.candidates)}"
            )
    ctx.exit(0 if done.is_done else 1)


def show_bundle(bundle: "KeysetBundle", file: Path, *, as_json: bool) -> None:
    """Say what is to be signed, and where it lies."""
    from archive.services.keysets.words import keyset_json, keyset_words

    if as_json:
        print_json({"file": str(file), **keyset_json(bundle.keyset)})
        return
    for line in keyset_words(bundle):
        click.echo(line)
    click.echo(f"Nothing is changed yet: have root keys sign {file} with `muniment keys sign`")
