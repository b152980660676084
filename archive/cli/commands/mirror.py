# SPDX-License-Identifier: Apache-2.0
"""`muniment mirror`: a second store that holds all that the archive's store holds."""

import click
from click.core import ParameterSource

from archive.cli.session import json_option, print_json, progress, settings_of


@click.command("mirror")
@click.argument("target_url", required=False)
@click.option("--endpoint", default="", help="URL of an S3-compatible server for TARGET_URL.")
@click.option(
    "--lock",
    type=click.Choice(["none", "governance", "compliance"]),
    default="none",
    show_default=True,
    help="Lock what is copied to TARGET_URL, as store.lock does (S3 only).",
)
@click.option(
    "--lock-days",
    type=click.IntRange(1, 36500),
    default=3650,
    show_default=True,
    help="Days from copying that a lock lasts.",
)
@click.option("--verify", is_flag=True, help="Read again what the target holds already.")
@click.option(
    "--erase-redacted",
    is_flag=True,
    help="Erase in the target what redactions removed from the archive.",
)
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - one parameter for each option
    ctx: click.Context,
    *,
    target_url: str | None,
    endpoint: str,
    lock: str,
    lock_days: int,
    verify: bool,
    erase_redacted: bool,
    as_json: bool,
) -> None:
    """Copy what TARGET_URL lacks; exit 0 when it holds everything, 1 when it does not.

    Exit 1 too when the target still holds what a redaction removed: that is named, and never
    copied again.

    TARGET_URL is written like store.url; without it the target is that of [mirror] in the
    settings. Run it again to go on after an interruption: only what is missing is copied, and
    nothing is ever overwritten. Credentials for S3 are those of the environment, the same for
    both stores.
    """
    from archive.bootstrap import mirror_of, store_of
    from archive.errors import CatalogMissing
    from archive.services.upkeep.mirror import erase_redacted as erase_in
    from archive.services.upkeep.mirror import mirror, mirror_json, mirror_verified
    from archive.settings import MirrorSettings

    settings = settings_of(ctx)
    if target_url is None and any(
        ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
        for name in ("endpoint", "lock", "lock_days")
    ):
        raise click.UsageError("--endpoint and --lock belong to a TARGET_URL: give one")
    if not settings.data.is_dir():
        raise CatalogMissing(f"no archive at {settings.data}: run `muniment init`")
    named = MirrorSettings(target_url, endpoint, lock, lock_days) if target_url else None
    target = mirror_of(settings, named)
    run = mirror_verified if verify else mirror
    with progress("mirror") as step:
        report = run(store_of(settings), target, step)
    faults = erase_in(target, report) if erase_redacted else []
    if as_json:
        place = target_url or settings.mirror.url
        print_json({"target": place, "is_verified": verify, **mirror_json(report)})
    else:
        for key in report.redacted_in_target:
            click.echo(f"removed by a redaction, and still in the target: {key}")
        for fault in (*report.not_mirrored, *faults):
            word = "conflict" if fault.is_conflict else "not mirrored"
            click.echo(f"{word}: {fault.key}  {fault.code}: {fault.detail}")
        read = "read again and found sound" if verify else "there before"
        click.echo(
            f"{report.objects} objects ({report.bytes} bytes): {report.copied} copied "
            f"({report.copied_bytes} bytes), {report.already_there} {read}, "
            f"{len(report.not_mirrored)} not mirrored, {len(report.only_in_target)} only in the "
            "target"
        )
    ctx.exit(0 if report.is_complete and not report.redacted_in_target else 1)
