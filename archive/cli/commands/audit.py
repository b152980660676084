# SPDX-License-Identifier: Apache-2.0
"""`muniment audit`: read everything again and name what is damaged."""

import os
from pathlib import Path

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
@click.option(
    "--checkpoint",
    "kept",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A checkpoint of the log that you kept elsewhere: it shows what was cut off or changed.",
)
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - click hands over each option
    ctx: click.Context,
    *,
    level: str,
    sample: int | None,
    workers: int | None,
    kept: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Re-read every stored object; exit 0 sound, 1 damaged, 2 something could not be read."""
    from archive.cli.small_files import read_small
    from archive.services.log.published import read_notes
    from archive.services.upkeep.audit import AuditOptions, audit, audit_json

    if kept and sample is not None:
        raise click.UsageError("a checkpoint is held against the whole log: leave out --sample")
    pinned = read_notes([read_small(path) for path in kept])
    options = AuditOptions(level, sample, workers or os.cpu_count() or 1, pinned)
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
