# SPDX-License-Identifier: Apache-2.0
"""`muniment restore FILE`: keys and operational tables back from a backup."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.cli.passphrase import passphrase_of, passphrase_option
from archive.cli.session import json_option, print_json, settings_of

if TYPE_CHECKING:
    from archive.services.upkeep.restore import Held


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--check", is_flag=True, help="Read the backup to its end, and bring nothing back.")
@click.option(
    "--keep-jobs", is_flag=True, help="Leave the jobs database as it is, where there is one."
)
@passphrase_option
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - one parameter for each option
    ctx: click.Context,
    file: Path,
    passphrase_file: Path | None,
    *,
    check: bool,
    keep_jobs: bool,
    as_json: bool,
) -> None:
    """Bring keys and operational tables back; then run `muniment rebuild`.

    The store must be at hand. Nothing is replaced: what is in the way is named, and nothing has
    changed then. The number sequence is raised above every ID in the store, so that a backup
    that is older than the store gives no ID twice.
    """
    from archive.bootstrap import installation
    from archive.services.upkeep.restore import opened_backup, restore

    passphrase = passphrase_of(passphrase_file, is_new=False)
    if check:
        with opened_backup(file, passphrase) as (_, held):
            _print(held, {}, as_json=as_json)
        return
    place = installation(settings_of(ctx))
    restored = restore(place, file, passphrase, keeps_databases=keep_jobs)
    more = {
        "made": [str(path) for path in restored.files],
        "differing_settings": list(restored.differing),
        "highest_number": restored.highest,
    }
    _print(restored.held, more, as_json=as_json)
    if not as_json:
        for line in restored.differing:
            click.echo(f"other setting now: {line}")
        click.echo("Now run `muniment rebuild`.")


def _print(held: "Held", more: dict[str, Any], *, as_json: bool) -> None:
    files = [file.name for file in (*held.secrets, *held.databases)]
    head = held.head
    if as_json:
        print_json(
            {
                "made_at": head.made_at,
                "made_by": head.made_by,
                "prefix": head.prefix,
                "roots": list(head.roots),
                "rows": dict(held.rows),
                "files": files,
                **more,
            }
        )
        return
    rows = sum(held.rows.values())
    click.echo(f"Backup of {head.made_at} by {head.made_by}, archive {head.prefix}: sound")
    click.echo(f"{rows} rows and {len(files)} files: {', '.join(files)}")
