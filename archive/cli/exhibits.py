# SPDX-License-Identifier: Apache-2.0
"""How `muniment verify` treats an exhibit, which needs no archive to be verified."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.cli.session import print_json, settings_of

if TYPE_CHECKING:
    from archive.model.claim import Report


def is_exhibit(target: str) -> bool:
    """Whether a file or folder of this name says that it is an exhibit."""
    from archive.proofs.bag import is_bag

    # Not Path.is_file: it raises for a text too long to be a path. A pipe cannot be read twice.
    is_kept = os.path.isfile(target) or os.path.isdir(target)  # noqa: PTH112, PTH113
    return is_kept and is_bag(Path(target))


@dataclass(frozen=True, slots=True)
class ExhibitWanted:
    """How an exhibit is to be verified: policy, root fingerprints, checkpoints from elsewhere."""

    policy: str
    roots: tuple[str, ...]
    checkpoints: tuple[bytes, ...]


def verify_exhibit_at(
    ctx: click.Context, target: str, wanted: ExhibitWanted, *, as_json: bool
) -> int:
    """Print the report on an exhibit; the exit code. Without roots those of the settings count."""
    from archive.bootstrap import pinned_roots
    from archive.clock import SystemClock
    from archive.services.exhibits.verify import Circumstances, ExhibitTrust, verify_exhibit
    from archive.settings import check_roots

    check_roots("--root", wanted.roots)
    own = () if wanted.roots else pinned_roots(settings_of(ctx))
    source = "user" if wanted.roots else "configured"
    trust = ExhibitTrust(wanted.roots or own, source, checkpoints=wanted.checkpoints)
    circumstances = Circumstances(SystemClock().now(), os.urandom)
    return print_report(
        verify_exhibit(Path(target), trust, wanted.policy, circumstances), "", as_json=as_json
    )


def print_report(report: "Report", note: str, *, as_json: bool) -> int:
    """Print a report, `note` first; the exit code."""
    from archive.services.verifying.report_text import report_text

    if as_json:
        print_json(report.to_json())
    else:
        click.echo(report_text(report, note))
    return report.result.exit_code
