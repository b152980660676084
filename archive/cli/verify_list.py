# SPDX-License-Identifier: Apache-2.0
"""`muniment verify --list`: one answer for each line, as it is read."""

from typing import BinaryIO

import click

from archive.cli.session import opened, print_json
from archive.cli.terminal import one_line


def verify_list(ctx: click.Context, source: BinaryIO, policy: str, *, as_json: bool) -> int:
    """Answer each line that is not empty; the exit code is that of the worst answer."""
    from collections import Counter

    from archive.services.hashes.batch import Batch, exit_code

    counted: Counter[str] = Counter()
    with opened(ctx) as archive:
        batch = Batch(archive, policy, None)
        for line in source:
            item = line.decode("utf-8", "replace").strip()
            if not item:
                continue
            told = batch.answer(item)
            counted[told["result"]] += 1
            if as_json:
                print_json(told)
            else:
                named = told["id"] or told["status"]
                click.echo(f"{told['result']:10}  {named:16}  {one_line(told['input'])}")
                if told["note"]:
                    click.echo(f"            {told['note']}")
    return exit_code(counted)
