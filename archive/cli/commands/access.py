# SPDX-License-Identifier: Apache-2.0
"""`muniment access key|grant`: API keys, and which restricted records each may see."""

import contextlib
import datetime as dt
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from archive.cli.session import json_option, opened, print_json

if TYPE_CHECKING:
    from archive.ids import RecordId
    from archive.services.context import Archive

SCOPES = ("read", "capture", "curate", "admin")


@click.group("access")
def command() -> None:
    """Make and end API keys, and grant them restricted records."""


@command.group("key")
def key() -> None:
    """Make, list and revoke API keys."""


@command.group("grant")
def grant() -> None:
    """Say which restricted records a key may see."""


@key.command("make")
@click.option(
    "--scopes",
    required=True,
    help=f"What it may do, by commas: {', '.join(SCOPES)}. No scope includes another.",
)
@click.option("--expires", help="A date or a moment with zone; without it the key never ends.")
@click.option("--note", default="", help="Whose key it is; only the operator sees it.")
@json_option
@click.pass_context
def make(ctx: click.Context, scopes: str, expires: str | None, note: str, *, as_json: bool) -> None:
    """Make an API key; its secret is shown this once."""
    from archive.services.access.keys import make_api_key

    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    with opened(ctx) as archive:
        token = make_api_key(archive, wanted, note, _moment(expires))
    if as_json:
        print_json({"key_id": token.split("_")[1], "api_key": token, "scopes": sorted(set(wanted))})
    else:
        click.echo(f"API key, shown this once: {token}")


@key.command("list")
@json_option
@click.pass_context
def list_keys(ctx: click.Context, *, as_json: bool) -> None:
    """List API keys, without their secrets."""
    from archive.services.access.keys import key_json, list_api_keys

    with opened(ctx) as archive:
        found = list_api_keys(archive)
        now = archive.clock.now()
    rows = [key_json(item, now) for item in found]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        used = row["last_used_at"] or "never used"
        ends = f"  until {row['expires_at']}" if row["expires_at"] else ""
        scopes = ",".join(row["scopes"])
        click.echo(f"{row['key_id']}  {row['state']:8} {scopes}{ends}  {used}  {row['note']}")


@key.command("revoke")
@click.argument("key_id", metavar="KEY_ID")
@json_option
@click.pass_context
def revoke(ctx: click.Context, key_id: str, *, as_json: bool) -> None:
    """End an API key, at once and for good."""
    from archive.services.access.keys import revoke_api_key

    with opened(ctx) as archive:
        revoke_api_key(archive, key_id)
    if as_json:
        print_json({"key_id": key_id, "state": "revoked"})
    else:
        click.echo(f"{key_id} is revoked")


@grant.command("make")
@click.argument("key_id", metavar="KEY_ID")
@click.argument("text", metavar="ID|all")
@json_option
@click.pass_context
def make_grant(ctx: click.Context, key_id: str, text: str, *, as_json: bool) -> None:
    """Let a key of scope read see a restricted record, or all of them."""
    from archive.services.access import keys as access

    with opened(ctx) as archive:
        record = _record(archive, text)
        access.grant(archive, key_id, record)
        _sign(archive)
    _say(key_id, str(record or "*"), "granted", as_json=as_json)


@grant.command("list")
@json_option
@click.pass_context
def list_grants(ctx: click.Context, *, as_json: bool) -> None:
    """List every grant."""
    from archive.services.access import keys as access

    with opened(ctx) as archive:
        found = access.list_grants(archive)
    if as_json:
        print_json([asdict(item) for item in found])
        return
    for item in found:
        click.echo(f"{item.key_id}  {item.record_id}  since {item.granted_at}")


@grant.command("revoke")
@click.argument("key_id", metavar="KEY_ID")
@click.argument("text", metavar="ID|all")
@json_option
@click.pass_context
def revoke_grant(ctx: click.Context, key_id: str, text: str, *, as_json: bool) -> None:
    """Take a grant back."""
    from archive.services.access import keys as access

    with opened(ctx) as archive:
        record = _record(archive, text)
        access.withdraw_grant(archive, key_id, record)
        _sign(archive)
    _say(key_id, str(record or "*"), "not granted", as_json=as_json)


def _record(archive: "Archive", text: str) -> "RecordId | None":
    from archive.services.reading.resolve import required_id

    return None if text == "all" else required_id(archive, text)


def _sign(archive: "Archive") -> None:
    """Sign the event, where the key is; without it the event waits for a process that has it."""
    from archive.errors import SigningError
    from archive.services.custody import sign_waiting

    with contextlib.suppress(SigningError):
        sign_waiting(archive)


def _say(key_id: str, record_id: str, state: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"key_id": key_id, "record_id": record_id, "state": state})
    else:
        click.echo(f"{key_id}: {record_id} {state}")


def _moment(text: str | None) -> dt.datetime | None:
    from archive.clock import read_time

    return None if text is None else read_time(text).start
