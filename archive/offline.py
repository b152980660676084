# SPDX-License-Identifier: Apache-2.0
"""The command line of `verify.pyz`, which lies in every exhibit: standard library alone.

It verifies the exhibit that it lies in, or the one named, and asks nothing of any network.
"""

import argparse
import datetime as dt
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from archive import __version__
from archive.errors import InputError, MunimentError
from archive.ids import parse_id
from archive.services.exhibits.verify import Circumstances, ExhibitTrust, verify_exhibit
from archive.services.verifying.judge import POLICIES
from archive.services.verifying.report_text import report_text

EXIT_BAD_INPUT, EXIT_COULD_NOT, EXIT_USAGE = 3, 4, 64
_KEYID_CHARACTERS = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 verified, 1 failed, 2 incomplete, 3 malformed input, 4 could not run."""
    parser = _parser()
    try:
        given = parser.parse_args(arguments)
    except SystemExit as error:
        return EXIT_USAGE if error.code else 0
    try:
        trust = ExhibitTrust(
            roots=tuple(map(_root, given.root)),
            record=parse_id(given.record) if given.record else None,
            checkpoints=tuple(Path(path).read_bytes() for path in given.checkpoint),
        )
        now = _moment(given.at) if given.at else dt.datetime.now(dt.UTC)
        circumstances = Circumstances(now, os.urandom)
        report = verify_exhibit(Path(given.exhibit), trust, given.policy, circumstances)
    except InputError as error:
        print(f"verify: {error}", file=sys.stderr)  # noqa: T201 - a command line prints
        return EXIT_BAD_INPUT
    except (MunimentError, OSError) as error:
        print(f"verify: {error}", file=sys.stderr)  # noqa: T201 - a command line prints
        return EXIT_COULD_NOT
    text = json.dumps(report.to_json(), indent=1) if given.json else report_text(report, "")
    print(text)  # noqa: T201 - a command line prints
    return report.result.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify.pyz",
        description=f"Verifies a Muniment exhibit offline (Muniment {__version__}).",
        epilog="Exit: 0 verified, 1 failed, 2 incomplete (nothing disproven), 3 malformed.",
    )
    parser.add_argument("exhibit", nargs="?", default=_own_folder(), help="ZIP file or folder")
    parser.add_argument(
        "--root",
        action="append",
        default=[],
        metavar="KEYID",
        help="root fingerprint, from elsewhere than the exhibit; without it nothing is verified",
    )
    parser.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        metavar="FILE",
        help="a checkpoint of the archive's log, from elsewhere",
    )
    parser.add_argument("--record", metavar="ID", help="the record that it should be of")
    parser.add_argument("--policy", choices=list(POLICIES), default="standard")
    parser.add_argument("--at", metavar="TIME", help="verify as if it were then (RFC 3339)")
    parser.add_argument("--json", action="store_true", help="the whole report as JSON")
    return parser


def _own_folder() -> str:
    """The folder that this program lies in: an exhibit that was unpacked."""
    return str(Path(sys.argv[0]).resolve().parent)


def _root(text: str) -> str:
    root = text.strip().lower()
    if len(root) != _KEYID_CHARACTERS or not set(root) <= set("0123456789abcdef"):
        raise InputError(f"{text!r} is no root fingerprint: 64 hex digits 0-9 a-f")
    return root


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no time, such as 2046-01-01T00:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
