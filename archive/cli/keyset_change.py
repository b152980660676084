# SPDX-License-Identifier: Apache-2.0
"""The changes of a keyset as commands: at once below `keys`, into a file below `keys propose`."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.cli.session import json_option, opened, print_json, settings_of

if TYPE_CHECKING:
    from archive.services.keysets.changes import Change

PROPOSAL = "muniment.proposal"
"""Where in the context the file of `keys propose` stands."""

_ends_log = click.option(
    "--ends-log", is_flag=True, help="It is the key of the log, and the log is to end with it."
)
_reason = click.option("--reason", required=True, help="Why, in at most 200 characters; public.")


def change_commands() -> tuple[click.Command, ...]:
    """Every change that the next keyset may bring."""
    return (rotate, retire, revoke, roots, witness, authority)


@click.command("rotate")
@click.option("--to", help="URI of the key that is to sign; default: a new key file.")
@click.option("--days", type=int, help="How long it may sign; default 90, in a trial archive 3650.")
@json_option
@click.pass_context
def rotate(ctx: click.Context, to: str | None, days: int | None, *, as_json: bool) -> None:
    """Sign with a new key from now on, and retire the old one.

    What the old one signed verifies as before. Stop the archive first: a process that has the
    old key open signs nothing more. Run it again if it was broken off. An archive without a log
    gets one with it. With --to, set keys.manifest to that URI afterwards.
    """
    from archive.bootstrap import key_files, signer_at
    from archive.services.keysets.rotate import coming_key, rotation
    from archive.services.keysets.rotate import rotate as rotate_key
    from archive.services.trust import trusted_keyset

    settings = settings_of(ctx)
    files, signer = key_files(settings), signer_at(settings, to) if to else None
    if PROPOSAL in ctx.meta:
        with opened(ctx) as archive:
            keyset = trusted_keyset(archive)
            changes = rotation(archive, files, keyset, signer or coming_key(files), days)
        _change(ctx, changes, as_json=as_json)
        return
    with opened(ctx) as archive:
        done = rotate_key(archive, files, signer, days)
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
    if to and to != settings.keys.manifest:
        click.echo(f'Set keys.manifest to "{to}" now: nothing is signed before')


@click.command("retire")
@click.argument("keyid")
@_reason
@_ends_log
@json_option
@click.pass_context
def retire(ctx: click.Context, keyid: str, reason: str, *, ends_log: bool, as_json: bool) -> None:
    """Let a key sign nothing more; what it signed stays good.

    KEYID may be its beginning, as long as no other key begins so.
    """
    from archive.services.keysets.changes import retired

    _change(ctx, [retired(keyid, reason, ends_log=ends_log)], as_json=as_json)


@click.command("revoke")
@click.argument("keyid")
@click.option("--since", required=True, help="Since when others may have it: a moment with zone.")
@_reason
@_ends_log
@json_option
@click.pass_context
def revoke(  # noqa: PLR0913 - click hands over each option
    ctx: click.Context, keyid: str, since: str, reason: str, *, ends_log: bool, as_json: bool
) -> None:
    """Declare what a key signed since then worthless.

    What it signed before stays good where a timestamp or a witness shows that it is older; a time
    that only the archive claims never counts again.
    """
    from archive.services.keysets.changes import revoked

    change = revoked(keyid, _moment(since), reason, ends_log=ends_log)
    _change(ctx, [change], as_json=as_json)


@click.command("roots")
@click.argument("public_keys", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--threshold", type=int, required=True, help="How many of them must sign.")
@json_option
@click.pass_context
def roots(
    ctx: click.Context, public_keys: Sequence[Path], threshold: int, *, as_json: bool
) -> None:
    """Have other root keys sign keysets from now on: PEM files of public keys.

    The root keys before must sign this too, so that who trusts them trusts the new ones.
    """
    from archive.services.keysets.changes import with_roots
    from archive.signing.public import read_public_file

    keys = [read_public_file(path) for path in public_keys]
    _change(ctx, [with_roots(keys, threshold, is_development=False)], as_json=as_json)


@click.group("witness")
def witness() -> None:
    """Say who cosigns checkpoints of the log, and how many must."""


@witness.command("add")
@click.argument("vkey")
@json_option
@click.pass_context
def add_witness(ctx: click.Context, vkey: str, *, as_json: bool) -> None:
    """List a witness by its verifier key (name+hash+key), as it publishes it."""
    from archive.errors import InputError, MalformedNote
    from archive.proofs.note import VerifierKey
    from archive.services.keysets.changes import with_witness

    try:
        key = VerifierKey.from_text(vkey)
    except MalformedNote as error:
        raise InputError(str(error)) from error
    _change(ctx, [with_witness(key)], as_json=as_json)


@witness.command("remove")
@click.argument("name")
@json_option
@click.pass_context
def remove_witness(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """List a witness no more."""
    from archive.services.keysets.changes import without_witness

    _change(ctx, [without_witness(name)], as_json=as_json)


@witness.command("quorum")
@click.argument("count", type=int)
@json_option
@click.pass_context
def quorum(ctx: click.Context, count: int, *, as_json: bool) -> None:
    """Say how many witnesses must cosign a checkpoint."""
    from archive.services.keysets.changes import with_quorum

    _change(ctx, [with_quorum(count)], as_json=as_json)


@click.group("authority")
def authority() -> None:
    """Say whose timestamps are believed."""


@authority.command("add")
@click.argument("name")
@click.option(
    "--roots",
    "roots_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="PEM file of its root certificates.",
)
@click.option(
    "--policy", "policies", multiple=True, help="A policy (OID) that counts; default: any."
)
@click.option("--qualified", is_flag=True, help="It is a qualified service in the sense of eIDAS.")
@json_option
@click.pass_context
def add_authority(  # noqa: PLR0913 - click hands over each option
    ctx: click.Context,
    name: str,
    roots_file: Path,
    policies: Sequence[str],
    *,
    qualified: bool,
    as_json: bool,
) -> None:
    """Believe a timestamp authority, or the one of that name in another way.

    NAME has letters a-z, digits, dots and hyphens; it names files.
    """
    from archive.services.keysets.changes import with_authority
    from archive.services.stamping.authorities import read_authority

    found, certificates = read_authority(name, roots_file, policies, is_qualified=qualified)
    _change(ctx, [with_authority(found)], certificates, as_json=as_json)


@authority.command("remove")
@click.argument("name")
@json_option
@click.pass_context
def remove_authority(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Believe a timestamp authority no more, its tokens of the past neither."""
    from archive.services.keysets.changes import without_authority

    _change(ctx, [without_authority(name)], as_json=as_json)


def _change(
    ctx: click.Context,
    changes: "Sequence[Change]",
    certificates: Sequence[bytes] = (),
    *,
    as_json: bool,
) -> None:
    """Make the changes now, or put them into the file of `keys propose`."""
    from archive.bootstrap import key_files
    from archive.cli.keyset_ceremony import show_bundle
    from archive.services.keysets.amend import Amendment, amend
    from archive.services.keysets.propose import propose
    from archive.services.keysets.words import keyset_json

    amendment = Amendment(changes, certificates)
    proposal: Path | None = ctx.meta.get(PROPOSAL)
    with opened(ctx) as archive:
        if proposal is not None:
            bundle = propose(archive, amendment, proposal)
        else:
            keyset = amend(archive, key_files(settings_of(ctx)), amendment)
    if proposal is not None:
        show_bundle(bundle, proposal, as_json=as_json)
    elif as_json:
        print_json(keyset_json(keyset))
    else:
        click.echo(f"Keyset {keyset.version} is in force")


def _moment(text: str) -> dt.datetime:
    from archive.errors import InputError

    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text} is no moment such as 2026-11-28T13:00Z") from error
    if found.tzinfo is None:
        raise InputError(f"{text} has no zone: write 2026-11-28T13:00Z")
    return found.astimezone(dt.UTC)
