# SPDX-License-Identifier: Apache-2.0
"""`muniment redact ID`: take parts of a record out of the archive for good."""

import sys
from typing import Any

import click

from archive.cli.session import json_option, opened, print_json

_CODES = ("error", "duplicate", "request", "rights", "privacy", "legal-order", "other")


@click.command("redact")
@click.argument("text", metavar="[ID]", required=False)
@click.option("--part", "parts", multiple=True, help="A part to remove, such as body; repeatable.")
@click.option("--reason", help="One line, signed and kept for good.")
@click.option(
    "--code",
    type=click.Choice(_CODES),
    default="other",
    show_default=True,
    help="The reason, for programs.",
)
@click.option("--same-words", is_flag=True, help="Also of records with the same text.")
@click.option("--bypass-lock", is_flag=True, help="Lift legal hold and GOVERNANCE on what goes.")
@click.option("--yes", is_flag=True, help="Do it, without asking.")
@click.option("--finish", is_flag=True, help="Erase what earlier redactions could not erase.")
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - click hands over each option
    ctx: click.Context,
    text: str | None,
    parts: tuple[str, ...],
    reason: str | None,
    code: str,
    *,
    same_words: bool,
    bypass_lock: bool,
    yes: bool,
    finish: bool,
    as_json: bool,
) -> None:
    """Remove parts of a record for good; what goes is shown first, and asked about.

    The bytes are erased from the store. Digests and all else stay, signed; other claims still
    verify. Whatever holds the same bytes goes too. Mirrors and backups are not touched: see the
    runbook. Without --yes and without a terminal it only shows what would go, and exits 1.
    """
    from archive.services.acts.declare import OPERATOR
    from archive.services.acts.redact import Why, redact
    from archive.services.acts.redaction_plan import Wanted, plan_redaction
    from archive.services.reading.resolve import required_id

    if finish:
        ctx.exit(_finish(ctx, bypass_lock=bypass_lock, as_json=as_json))
    if text is None or reason is None or not parts:
        raise click.UsageError("give an ID, --part and --reason")
    wanted = Wanted(parts, same_words=same_words)
    with opened(ctx) as archive:
        record_id = required_id(archive, text)
        plan = plan_redaction(archive, record_id, wanted)
        if not yes:
            _show_plan(plan.to_json(), as_json=as_json)
            if as_json or not sys.stdin.isatty():
                ctx.exit(1)
            click.confirm("Remove all this for good?", abort=True)
        why = Why(code, reason, bypass_lock=bypass_lock, agreed=None if yes else plan)
        done = redact(archive, record_id, wanted, why, OPERATOR).to_json()
    if as_json:
        print_json(done)
    else:
        click.echo(f"{done['id']}: {len(done['removed'])} parts removed")
        click.echo(f"  statement {done['statement_sha256']}")
        for left in done["not_erased"]:
            click.echo(f"  not erased yet: {left['object']}  {left['detail']}")
    ctx.exit(1 if done["not_erased"] else 0)


def _finish(ctx: click.Context, *, bypass_lock: bool, as_json: bool) -> int:
    from archive.services.effects.erase import finish_redactions

    with opened(ctx) as archive:
        left = finish_redactions(archive, bypass_lock=bypass_lock)
    if as_json:
        print_json({"not_erased": [{"object": key, "detail": detail} for key, detail in left]})
    else:
        for key, detail in left:
            click.echo(f"not erased: {key}  {detail}")
        click.echo(f"{len(left)} files of redactions still in the store")
    return 1 if left else 0


def _show_plan(plan: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    click.echo("This would be removed for good:")
    for part in plan["removed"]:
        digest = part.get("sha256") or part.get("commitment")
        click.echo(f"  {part['record']}  {part['role']:9} {part['bytes']:>9} bytes  {digest}")
    if any(part["role"] in {"body", "text"} for part in plan["removed"]):
        click.echo("  and the title is shown no more; signed inventories keep it, and the URL")
    if plan["imported"]:
        click.echo(f"  and {plan['imported']} imported records without an ID")
    if plan["observed"]:
        click.echo(f"  and {plan['observed']} looks that gave no record")
    for item in plan["sources"]:
        click.echo(f"  the whole file as it was given, {item['bytes']} bytes  {item['sha256']}")
    if plan["moved"]:
        click.echo(f"Nothing is taken of, but moved are: {' '.join(plan['moved'])}")
    if plan["same_words"]:
        click.echo("These have the same words in other bytes, and keep them (--same-words):")
        click.echo(f"  {' '.join(plan['same_words'])}")
