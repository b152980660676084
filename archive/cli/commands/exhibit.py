# SPDX-License-Identifier: Apache-2.0
"""`muniment exhibit ID -o FILE.zip`: the evidence package that verifies offline."""

from pathlib import Path

import click

from archive.cli.session import json_option, opened, print_json


@click.command("exhibit")
@click.argument("record", metavar="ID")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="New file, or a folder for it."
)
@click.option("--policy", default="standard", show_default=True, help="Of the report in it.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, record: str, output: Path | None, policy: str, *, as_json: bool
) -> None:
    """Pack what a stranger needs to check a record offline: bytes, proofs, keys, a verifier.

    An existing file is never replaced. Exit 0 when the file was written, whatever its report says.
    """
    from archive.errors import CatalogError, InputError
    from archive.services.custody import note_export
    from archive.services.exhibits.make import exhibit
    from archive.services.reading.resolve import required_id

    with opened(ctx) as archive:
        record_id = required_id(archive, record)
        made = exhibit(archive, record_id, policy)
        try:
            note_export(archive, record_id, "operator")
        except CatalogError as error:
            click.echo(f"muniment: its custody does not tell of this export: {error}", err=True)
        place = output or Path()
        path = place / made.file_name if place.is_dir() else place
        try:
            made.write(path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"{path} cannot be written: {reason}") from error
        report = made.report
        if as_json:
            print_json(
                {
                    "id": str(report.subject["record_id"]),
                    "file": str(path),
                    "bytes": path.stat().st_size,
                    "result": report.result.value,
                    "root_fingerprints": list(report.trust.root_fingerprints),
                }
            )
            return
        click.echo(f"{path}: {path.stat().st_size} bytes, report: {report.result.value}")
        for root in report.trust.root_fingerprints:
            click.echo(f"root fingerprint, to give apart from it: {root}")
