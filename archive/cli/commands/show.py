# SPDX-License-Identifier: Apache-2.0
"""`muniment show ID`: the record, or the bytes of one of its parts."""

import re
import sys
from typing import Any

import click

from archive.cli.session import json_option, opened, print_json

_DIGEST = re.compile(r"[0-9a-f]{64}")


@click.command("show")
@click.argument("text", metavar="ID|DIGEST")
@click.option("--part", help="Write this part's bytes (body, text, headers) to standard output.")
@json_option
@click.pass_context
def command(ctx: click.Context, text: str, part: str | None, *, as_json: bool) -> None:
    """Show a record by its ID, or an observation by its statement's SHA-256."""
    from archive.services.reading.cite import read_record
    from archive.services.reading.parts import part_bytes
    from archive.services.reading.resolve import required_id
    from archive.services.reading.show import read_observation

    with opened(ctx) as archive:
        if _DIGEST.fullmatch(text):
            record = read_observation(archive, text)
        elif part is not None:
            data = part_bytes(archive, required_id(archive, text), part).data
            sys.stdout.buffer.write(data)
            return
        else:
            record = read_record(archive, required_id(archive, text))
    if as_json:
        print_json(record)
    else:
        _print_text(record)


def _print_text(record: Any) -> None:
    from archive.services.reading.cite import readable

    click.echo(f"{record['id'] or 'observation'}  {readable(record['title'] or '')}")
    click.echo(f"  {'outcome':17} {record['outcome']}: {readable(record['reason'])}")
    click.echo(f"  {'signals':17} {' '.join(record['signals'])}")
    for name in ("url", "final_url", "captured_at", "status", "vantage", "statement_sha256"):
        click.echo(f"  {name:17} {record[name]}")
    if (given := record.get("import")) is not None:
        click.echo(
            f"  {'imported':17} {given['imported_at']}, given by {readable(given['supplied_by'])}"
        )
        click.echo(f"  {'file given':17} {given['source_sha256']}")
    _print_acts(record)
    for item in record["parts"]:
        digest = item["sha256"] or "(salted commitment only)"
        gone = "  REMOVED" if item.get("redacted") else ""
        click.echo(f"  {item['role']:9} {item['bytes']:>9} bytes  sha256 {digest}{gone}")


def _print_acts(record: Any) -> None:
    from archive.services.reading.cite import readable

    if (gone := record.get("withdrawal")) is not None:
        instead = f"; in its place {gone['replacement']}" if gone["replacement"] else ""
        why = f"{gone['reason_code']}: {readable(gone['reason'])}"
        click.echo(f"  {'WITHDRAWN':17} {gone['at']} by {gone['actor']}, {why}{instead}")
        click.echo(f"  {'  statement':17} {gone['statement_sha256']}")
    if (newer := record.get("superseded_by")) is not None:
        click.echo(f"  {'superseded by':17} {newer['newer']}: {readable(newer['reason'])}")
    for older in record.get("supersedes", []):
        click.echo(f"  {'supersedes':17} {older}")
    for gone in record.get("redactions", []):
        what = f"{', '.join(gone['parts'])}: {readable(gone['reason'])}"
        click.echo(f"  {'removed for good':17} {gone['at']} by {gone['actor']}, {what}")
    for said in record.get("corrections", []):
        what = f"{said['field']}: {readable(said['new'])}; " if said["field"] else ""
        click.echo(f"  {'corrected':17} {what}{readable(said['text'])}")
