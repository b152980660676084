# SPDX-License-Identifier: Apache-2.0
"""`muniment verify ID|FILE|HASH`: every claim that holds, and every one that does not."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.cli.session import json_option, opened, print_json, read_chunks

if TYPE_CHECKING:
    from archive.services.context import Archive
    from archive.services.verify import BytesAnswer


@click.command("verify")
@click.argument("target", metavar="ID|FILE|HASH")
@click.option("--policy", default="standard", show_default=True, help="bytes-only, standard, court")
@json_option
@click.pass_context
def command(ctx: click.Context, target: str, policy: str, *, as_json: bool) -> None:
    """Verify a record, a file, or a SHA-256 in any spelling.

    Exit 0 verified, 1 failed, 2 incomplete (nothing disproven), 3 malformed.
    """
    from archive.services.report_text import report_text
    from archive.services.resolve import resolve
    from archive.services.verify import verify_record

    with opened(ctx) as archive:
        found = None if Path(target).is_file() else resolve(archive, target)
        if found is not None and found.status != "malformed":
            if found.id is None:
                meant = "".join(f"; did you mean {item}?" for item in found.candidates)
                raise click.ClickException(f"{found.detail}{meant}")
            report = verify_record(archive, found.id, policy)
            if as_json:
                print_json(report.to_json())
            else:
                click.echo(report_text(report, found.detail))
            ctx.exit(report.result.exit_code)
        answer = _of_bytes(archive, target, policy)
    if as_json:
        print_json(answer.to_json())
    else:
        click.echo(answer.note)
        for match in answer.matches:
            click.echo(f"  {match.capture_id}  {match.role}  {match.sha256}")
        if answer.report is not None:
            click.echo(report_text(answer.report, ""))
    ctx.exit(answer.exit_code)


def _of_bytes(archive: "Archive", target: str, policy: str) -> "BytesAnswer":
    from archive.digests import read_sha256
    from archive.errors import InputError, MalformedDigest
    from archive.services.verify import verify_bytes, verify_digest

    path = Path(target)
    if path.is_file():
        return verify_bytes(archive, read_chunks(path), policy)
    if path.is_dir():
        raise InputError(f"{target} is a folder: give a file, a record ID or a SHA-256")
    try:
        reading = read_sha256(target)
    except MalformedDigest as error:
        raise InputError(f"{target!r} is no record ID, no file and no SHA-256: {error}") from error
    return verify_digest(archive, reading, policy)
