# SPDX-License-Identifier: Apache-2.0
"""`muniment probe`: what the store is seen to do, signed and kept."""

import click

from archive.cli.session import json_option, opened, print_json

_WORDS = {True: "yes", False: "no", None: "?"}
_EXIT_CODES = {True: 0, False: 1, None: 2}
_DOUBTS = {True: "", False: ": NOT KEPT by this store", None: ": it could not be told if kept"}


@click.command("probe")
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Try out the store, and sign what it did.

    Exit 1 when it does not lock as promised, 2 when that could not be told, as for credentials
    that may delete nothing.

    Leaves canaries of a few bytes under `probe/` where the store locks or does not delete.
    """
    from archive.services.upkeep.probe import probe

    with opened(ctx) as archive:
        probed = probe(archive)
    result, seen = probed.result, probed.result.seen
    if as_json:
        content = result.to_json()
        print_json(
            {
                "store": content["store"],
                "at": content["at"],
                "promise": content["promise"],
                "observed": content["observed"],
                "is_kept": result.is_kept,
                "statement_sha256": probed.statement_sha256,
            }
        )
        ctx.exit(_EXIT_CODES[result.is_kept])
    answers: dict[str, bool | None] = {
        "does not overwrite when told to create": seen.create_only,
        "does not overwrite by an upload in parts": seen.parts_create_only,
        "refuses bytes with another SHA-256": seen.checksum_refused,
        "keeps versions": seen.versioned,
        "locks objects": seen.lock is not None,
    }
    if seen.lock is not None:
        answers |= {
            "says which retention is in force": seen.lock.retention_kept,
            "does not delete under COMPLIANCE": seen.lock.delete_refused,
            "does not shorten COMPLIANCE": seen.lock.shorten_refused,
            "does not delete under GOVERNANCE": seen.lock.governance_kept,
            "does not delete under legal hold": seen.lock.hold_kept,
        }
    click.echo(f"Store {result.store}")
    for words, is_so in answers.items():
        click.echo(f"  {_WORDS[is_so]:4} {words}")
    promise = result.promise
    promised = f"{promise.level}, {promise.days} days" if promise else "no lock"
    click.echo(f"  promised: {promised}{_DOUBTS[result.is_kept]}")
    click.echo(f"Recorded as statement {probed.statement_sha256}")
    ctx.exit(_EXIT_CODES[result.is_kept])
