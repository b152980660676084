# SPDX-License-Identifier: Apache-2.0
"""`muniment probe`: what the store is seen to do, signed and kept."""

import click

from archive.cli.session import json_option, opened, print_json


@click.command("probe")
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Try out the store, and sign what it did; exit 1 when it does not lock as promised.

    Leaves canaries of a few bytes under `probe/` where the store locks or does not delete.
    """
    from archive.services.probe import probe

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
        ctx.exit(0 if result.is_kept else 1)
    answers = {
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
        click.echo(f"  {'yes' if is_so else 'no':4} {words}")
    promise = result.promise
    promised = f"{promise.level}, {promise.days} days" if promise else "no lock"
    click.echo(f"  promised: {promised}{'' if result.is_kept else ': NOT KEPT by this store'}")
    click.echo(f"Recorded as statement {probed.statement_sha256}")
    ctx.exit(0 if result.is_kept else 1)
