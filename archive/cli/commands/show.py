# SPDX-License-Identifier: Apache-2.0
"""`muniment show ID`: the record, or the bytes of one of its parts."""

import sys

import click

from archive.cli.session import json_option, opened, print_json


@click.command("show")
@click.argument("text", metavar="ID")
@click.option("--part", help="Write this part's bytes (body, text, headers) to standard output.")
@json_option
@click.pass_context
def command(ctx: click.Context, text: str, part: str | None, *, as_json: bool) -> None:
    """Show a record."""
    from archive.services.cite import read_record, readable
    from archive.services.parts import part_bytes
    from archive.services.resolve import required_id

    with opened(ctx) as archive:
        capture_id = required_id(archive, text)
        if part is not None:
            sys.stdout.buffer.write(part_bytes(archive, capture_id, part).data)
            return
        record = read_record(archive, capture_id)
    if as_json:
        print_json(record)
        return
    click.echo(f"{record['id']}  {readable(record['title'] or '')}")
    for name in ("url", "final_url", "captured_at", "status", "vantage", "statement_sha256"):
        click.echo(f"  {name:17} {record[name]}")
    for item in record["parts"]:
        digest = item["sha256"] or "(salted commitment only)"
        click.echo(f"  {item['role']:9} {item['bytes']:>9} bytes  sha256 {digest}")
