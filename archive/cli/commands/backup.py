# SPDX-License-Identifier: Apache-2.0
"""`muniment backup FILE`: what the store does not hold, in one encrypted file."""

from pathlib import Path

import click

from archive.cli.passphrase import passphrase_of, passphrase_option
from archive.cli.session import json_option, print_json, settings_of


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE|FOLDER")
@passphrase_option
@json_option
@click.pass_context
def command(ctx: click.Context, file: Path, passphrase_file: Path | None, *, as_json: bool) -> None:
    """Keep keys, operational tables and number sequences in one encrypted file.

    A folder gets a file named by prefix and time. Nothing is ever replaced. Keep the file and
    its passphrase apart from each other and from this machine. What the store holds is not in
    it: that is kept by a second store.

    Exit 0 complete, 1 something that belongs into it is missing from this machine.
    """
    from archive.bootstrap import installation
    from archive.services.upkeep.backup import backup

    settings = settings_of(ctx)
    made = backup(installation(settings), file, passphrase_of(passphrase_file, is_new=True))
    if as_json:
        print_json(
            {
                "file": str(made.path),
                "made_at": made.made_at,
                "bytes": made.size,
                "sha256": made.sha256,
                "rows": dict(made.rows),
                "files": made.files,
                "missing": made.missing,
                "elsewhere": made.elsewhere,
            }
        )
    else:
        rows = sum(made.rows.values())
        click.echo(
            f"{made.path}  {made.size} bytes  sha256 {made.sha256}\n"
            f"{rows} rows and {len(made.files)} files: {', '.join(made.files)}"
        )
        for line in made.missing:
            click.echo(f"missing: {line}")
        for line in made.elsewhere:
            click.echo(f"not in it: {line}")
    ctx.exit(0 if made.is_complete else 1)
