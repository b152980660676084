# SPDX-License-Identifier: Apache-2.0
"""`muniment audit`: read everything again and name what is damaged."""

import os

import click

from archive.cli.session import json_option, opened, print_json, progress


@click.command("audit")
@click.option(
    "--level",
    type=click.Choice(["plain", "deep", "full"]),
    default="plain",
    show_default=True,
    help="plain: blobs and signatures. deep: every WARC record and part. full: texts too.",
)
@click.option("--sample", type=click.IntRange(1), help="Only this many records, at random.")
@click.option("--workers", type=click.IntRange(1), help="Cores to use; default all.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, *, level: str, sample: int | None, workers: int | None, as_json: bool
) -> None:
    """Re-read every stored object; exit 0 sound, 1 damaged, 2 something could not be read."""
    from archive.services.audit import AuditOptions, audit, audit_json

    options = AuditOptions(level, sample, workers or os.cpu_count() or 1)
    with opened(ctx) as archive, progress("audit") as step:
        report = audit(archive, step, options)
    if as_json:
        print_json(audit_json(report))
    else:
        for damage in report.damages:
            word = "damaged" if damage.is_certain else "unreadable"
            click.echo(f"{word}: {damage.key}  {damage.claim} {damage.code}: {damage.detail}")
        click.echo(
            f"{report.objects} objects ({report.bytes} bytes) and {report.records} records "
            f"and {report.statements} other statements read, "
            f"{len(report.damages)} not sound, {len(report.unreferenced)} unreferenced"
        )
    ctx.exit(report.exit_code)
