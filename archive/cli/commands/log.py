# SPDX-License-Identifier: Apache-2.0
"""`muniment log show|prove|check`: the transparency log, and proofs out of it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.cli.session import json_option, opened, print_json, progress

if TYPE_CHECKING:
    from archive.ids import RecordId
    from archive.services.context import Archive


@click.group("log")
def command() -> None:
    """Show the transparency log, prove an entry of it, check all of it."""


@command.command("show")
@json_option
@click.pass_context
def show(ctx: click.Context, *, as_json: bool) -> None:
    """Print the newest checkpoint, byte for byte. Keep it elsewhere: it pins the past."""
    from archive.services.log.published import show_log

    with opened(ctx) as archive:
        shown = show_log(archive)
    if as_json:
        print_json(shown.to_json())
    else:
        click.echo(shown.note.decode("utf-8"), nl=False)


@command.command("prove")
@click.argument("target", metavar="ID|SHA256")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the proof here, and its entry beside it; default: the proof to standard output.",
)
@json_option
@click.pass_context
def prove(ctx: click.Context, target: str, output: Path | None, *, as_json: bool) -> None:
    """Prove that a record, or a statement by its digest, is in the log.

    The proof is a file of the form c2sp.org/tlog-proof@v1; what it proves is the entry, which is
    written to OUTPUT.entry.json.
    """
    from archive.cli.small_files import write_new
    from archive.proofs.tlog_proof import LogProof
    from archive.services.log.published import prove_logged

    with opened(ctx) as archive:
        proven = prove_logged(archive, _target(archive, target))
    if output is not None:
        write_new(output, proven.proof)
        write_new(output.with_name(f"{output.name}.entry.json"), proven.entry)
    if as_json:
        proof = LogProof.from_bytes(proven.proof)
        print_json(
            {
                "statement_sha256": proven.statement_sha256,
                "index": proof.index,
                "size": proof.checkpoint.head.size,
                "entry": proven.entry.decode("utf-8"),
                "proof": proven.proof.decode("utf-8"),
            }
        )
    elif output is None:
        click.echo(proven.proof.decode("utf-8"), nl=False)
    else:
        click.echo(f"{output}: the proof; {output.name}.entry.json: the entry that it is of")


@command.command("check")
@click.option(
    "--checkpoint",
    "kept",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A checkpoint that you kept, or got from a witness: the log must have grown out of it.",
)
@json_option
@click.pass_context
def check(ctx: click.Context, kept: tuple[Path, ...], *, as_json: bool) -> None:
    """Read the whole log out of its files: entries, tiles, every published checkpoint.

    Exit 0 all holds, 1 something does not, 2 something could not be read.
    """
    from archive.cli.small_files import read_small
    from archive.services.log.check import check_log

    given = [read_small(path) for path in kept]
    with opened(ctx) as archive, progress("log") as step:
        checked = check_log(archive, given, step)
    if as_json:
        print_json(checked.to_json())
    else:
        for fault in checked.faults:
            word = "false" if fault.is_certain else "unknown"
            click.echo(f"{word}: {fault.key}  {fault.code}: {fault.detail}")
        click.echo(
            f"{checked.origin}: {checked.size} entries, root {checked.root}; "
            f"{checked.checkpoints} checkpoints and {checked.tiles} tiles read, "
            f"{len(checked.faults)} not sound"
        )
        if checked.given and not checked.faults:
            click.echo("It grew out of each checkpoint that was given.")
    ctx.exit(checked.exit_code)


def _target(archive: "Archive", text: str) -> "RecordId | str":
    from archive.digests import read_sha256
    from archive.errors import InputError, MalformedDigest, MalformedId
    from archive.services.reading.resolve import required_id

    try:
        return required_id(archive, text)
    except MalformedId as error:
        try:
            reading = read_sha256(text)
        except MalformedDigest:
            raise error from None
    if reading.is_prefix:
        raise InputError("a proof is of one statement: give its whole SHA-256")
    return reading.hex
