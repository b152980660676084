# SPDX-License-Identifier: Apache-2.0
"""`muniment certificate ID -o FILE.pdf`: a draft for a person to read, correct and sign."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.cli.session import json_option, opened, print_json, settings_of

if TYPE_CHECKING:
    from archive.services.context import Archive

_NEW = click.Path(path_type=Path, dir_okay=False)
_OLD = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command("certificate")
@click.argument("record", metavar="ID|FILE.pdf")
@click.option("-o", "--output", type=_NEW, help="New PDF file.")
@click.option("--seal", "is_sealed", is_flag=True, help="Seal it as the organisation of [seal].")
@click.option("--check", is_flag=True, help="Verify the seal of FILE.pdf; make nothing.")
@click.option("--form", default="fre", show_default=True, help="fre (United States) or eidas (EU).")
@click.option("--name", help="The person who is to certify.")
@click.option("--title", help="That person's position.")
@click.option("--employer", help="By default the archive's name.")
@click.option("--qualification", help="How that person knows of the archive's ways.")
@click.option("--outside-us", is_flag=True, help="Signed outside the United States.")
@click.option("--exhibit", type=_OLD, help="Certify this exhibit of the record as well.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, record: str, output: Path | None, **given: object) -> None:
    """Draft a certificate of a record under FRE 902(11), (13) and (14), or for the EU (eIDAS).

    What is not given stays a blank line. The draft certifies nothing until the person named has
    read, corrected and signed it. It is no legal advice.
    """
    if given["check"]:
        ctx.exit(_check(ctx, Path(record), as_json=bool(given["as_json"])))
    if output is None:
        raise click.UsageError("-o FILE.pdf says where the draft is to go")
    with opened(ctx) as archive:
        _draft(archive, record, output, given)


def _draft(archive: "Archive", record: str, output: Path, given: Mapping[str, object]) -> None:
    from archive.backups.new_file import new_file
    from archive.errors import InputError
    from archive.services.exhibits.certificate import Declarant, certificate
    from archive.services.reading.resolve import required_id

    declarant = Declarant(
        name=_text(given["name"]),
        title=_text(given["title"]),
        employer=_text(given["employer"]),
        qualification=_text(given["qualification"]),
        is_outside_us=bool(given["outside_us"]),
    )
    exhibit = given["exhibit"] if isinstance(given["exhibit"], Path) else None
    form = str(given["form"])
    record_id = required_id(archive, record)
    draft = certificate(archive, record_id, declarant, form, exhibit)
    pdf = draft.pdf
    if given["is_sealed"]:
        from archive.services.exhibits.seal import seal_certificate

        pdf = seal_certificate(archive, pdf)
    try:
        with new_file(output) as file:
            file.write(pdf)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror or error}") from error
    if given["as_json"]:
        result = draft.report.result.value
        print_json({"id": str(record_id), "file": str(output), "form": form, "result": result})
    else:
        sealed = ", sealed," if given["is_sealed"] else ""
        click.echo(f"{output}: a draft{sealed} of {len(pdf)} bytes; nobody has certified anything")


def _check(ctx: click.Context, path: Path, *, as_json: bool) -> int:
    """Print the verdict; the exit code. It takes no archive, only the roots of the settings."""
    from archive.bootstrap import sealing
    from archive.errors import InputError
    from archive.services.exhibits.seal import check_seal

    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    verdict = check_seal(sealing(settings_of(ctx)), data)
    at = verdict.at.isoformat() if verdict.at else None
    if as_json:
        print_json(
            {
                "file": str(path),
                "is_good": verdict.is_good,
                "detail": verdict.detail,
                "signer": verdict.signer,
                "sealed_at": at,
            }
        )
    else:
        click.echo(f"{'good' if verdict.is_good else 'NOT GOOD'}: {verdict.detail}")
        if verdict.signer:
            click.echo(f"  sealed by {verdict.signer}, {at or 'at no time that is proven'}")
    return 0 if verdict.is_good else 1


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
