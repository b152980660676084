# SPDX-License-Identifier: Apache-2.0
"""Shows what came of an import, for people."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.cli.terminal import one_line

if TYPE_CHECKING:
    from archive.services.imports.file import ImportedFile
    from archive.services.imports.gather import Gathered
    from archive.services.imports.mint import Minting


def show_imported(path: Path, done: "ImportedFile") -> None:
    """An imported file: what is in, what is wrong with it, which records got an ID."""
    from archive.services.verifying.report_text import finding_text

    state = "already in, nothing changed" if done.is_already else "imported"
    if not done.is_complete:
        state = "imported in part"
    click.echo(
        f"{one_line(path)}: {state}: {done.records} records, {done.indexed} indexed  "
        f"sha256 {done.source.sha256}"
    )
    for flaw in done.flaws:
        ending = "; nothing behind it was read" if flaw.is_end else ""
        click.echo(
            f"  flaw: record {flaw.record} at offset {flaw.offset}: {flaw.code}: "
            f"{one_line(flaw.detail)}{ending}"
        )
    for finding in done.findings:
        click.echo(f"  {one_line(finding_text(finding))}")
    _show_minting(done.minting)


def show_gathered(done: "Gathered") -> None:
    """What was gathered out of another archive, and what of it was not to be had."""
    from archive.services.verifying.report_text import finding_text

    click.echo(
        f"{done.asked}: {done.wanted} listed, {done.known} in before, {done.taken} taken in, "
        f"{done.wanted - done.known - done.taken} not"
    )
    for finding in done.findings:
        click.echo(f"  {one_line(finding_text(finding))}")
    _show_minting(done.minting)


def _show_minting(minting: "Minting") -> None:
    for signed in minting.minted:
        click.echo(f"  {signed.look.capture_id}  {signed.look.url}  {signed.look.requested_at}")
    for kept in minting.kept:
        click.echo(f"  {kept}  (cited before)")
    for item in minting.refused:
        click.echo(f"  no ID ({item.outcome}): {item.reason}  {one_line(item.url)}  {item.date}")
