# SPDX-License-Identifier: Apache-2.0
"""`muniment verify ID|FILE|HASH`: every claim that holds, and every one that does not."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from archive.cli.exhibits import ExhibitWanted, is_exhibit, print_report, verify_exhibit_at
from archive.cli.session import json_option, opened, print_json, read_chunks
from archive.cli.verify_list import verify_list

if TYPE_CHECKING:
    from archive.canonical import JsonValue
    from archive.services.context import Archive
    from archive.services.hashes.desk import BytesAnswer
    from archive.services.imports.verify_package import PackageAnswer
    from archive.services.reading.resolve import Resolution


_CHUNK = 1 << 20


@click.command("verify")
@click.argument("target", metavar="ID|FILE|HASH|EXHIBIT|-", required=False)
@click.option(
    "--list",
    "source",
    type=click.File("rb"),
    help="Verify each line of this file (- for standard input): an ID or a hash.",
)
@click.option(
    "--against", metavar="ID", help="Hold a file that matches nothing against this record."
)
@click.option("--policy", default="standard", show_default=True, help="bytes-only, standard, court")
@click.option(
    "--root", "roots", multiple=True, metavar="KEYID", help="Root fingerprint for an exhibit."
)
@click.option("--record", "is_recorded", is_flag=True, help="Sign the verification of an ID.")
@click.option(
    "--checkpoint",
    "kept",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A checkpoint of the log that you kept elsewhere, for the claim log.consistency.",
)
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - click hands over each option
    ctx: click.Context,
    target: str | None,
    source: BinaryIO | None,
    against: str | None,
    policy: str,
    roots: tuple[str, ...],
    kept: tuple[Path, ...],
    *,
    is_recorded: bool,
    as_json: bool,
) -> None:
    """Verify a record, a file, or a SHA-256 in any spelling.

    A file that is named like a record ID is given as ./NAME; - reads standard input.

    An exhibit (ZIP file or folder) is verified by what is in it, without the archive, under the
    root fingerprints given, else those that this archive trusts.

    Of a WACZ it also tells what the package claims of itself: wacz.form and wacz.signature.

    With --record the verification of a record is signed and listed, at most once a minute.

    With --list each line is answered by itself, with --json as one JSON object a line.

    Exit 0 verified, 1 failed, 2 incomplete (nothing disproven), 3 malformed; of a list the worst.
    """
    if (target is None) == (source is None):
        raise click.UsageError("give one ID, FILE or HASH, or --list FILE")
    if is_recorded:
        ctx.exit(_put_on_record(ctx, target, policy, as_json=as_json))
    if source is not None:
        ctx.exit(verify_list(ctx, source, policy, as_json=as_json))
    if target is not None:
        _verify_one(ctx, target, _Options(policy, against, roots, kept, as_json))


def _put_on_record(ctx: click.Context, target: str | None, policy: str, *, as_json: bool) -> int:
    from archive.model.claim import Result
    from archive.services.acts.attest import attest
    from archive.services.acts.declare import OPERATOR
    from archive.services.reading.resolve import required_id
    from archive.services.verifying.report_text import report_text

    if target is None:
        raise click.UsageError("--record is for one record by its ID")
    with opened(ctx) as archive:
        attested = attest(archive, required_id(archive, target), policy, OPERATOR)
    told = attested.to_json()
    if as_json:
        report = attested.report.to_json() if attested.report else {"result": told["result"]}
        print_json({**report, "verification": told})
    else:
        if attested.report is not None:
            click.echo(report_text(attested.report, ""))
        word = "On record" if attested.is_new else "On record since this minute"
        click.echo(f"{word}: {told['result']}, statement {told['statement_sha256']}")
    return Result(str(told["result"])).exit_code


@dataclass(frozen=True, slots=True)
class _Options:
    """What else was said on the command line; `kept` are files with checkpoints of the log."""

    policy: str
    against: str | None
    roots: tuple[str, ...]
    kept: tuple[Path, ...]
    as_json: bool

    def notes(self) -> tuple[bytes, ...]:
        """The checkpoints. Raises InputError for a file that holds none."""
        from archive.cli.small_files import read_small
        from archive.services.log.published import read_notes

        return tuple(read_notes([read_small(path) for path in self.kept]))


def _verify_one(ctx: click.Context, target: str, asked: _Options) -> None:
    from archive.model.claim import Result
    from archive.services.reading.resolve import resolve, resolve_cited
    from archive.services.verifying.report_text import finding_text, report_text
    from archive.services.verifying.verify import verify_record

    policy, as_json, pinned = asked.policy, asked.as_json, asked.notes()
    if is_exhibit(target):
        wanted = ExhibitWanted(policy, asked.roots, pinned)
        ctx.exit(verify_exhibit_at(ctx, target, wanted, as_json=as_json))
    with opened(ctx) as archive:
        found = resolve(archive, target)
        if found.status == "malformed" and target != "-" and not _is_file(target):
            found = resolve_cited(archive, target)
        if found.status != "malformed":
            if found.id is None:
                ctx.exit(_no_record(found, as_json=as_json))
            report = verify_record(archive, found.id, policy, pinned)
            ctx.exit(print_report(report, found.detail, as_json=as_json))
        answer = _of_bytes(archive, target, policy, asked.against)
        package = _package_at(archive, target)
    code = Result.FAILED.exit_code if package and package.is_disproven else answer.exit_code
    if as_json:
        print_json(_json(answer, package))
    else:
        click.echo(answer.note)
        for match in (*answer.matches, *(near.match for near in answer.near)):
            click.echo(f"  {match.capture_id}  {match.role}  {match.sha256}")
        for record in answer.imported:
            click.echo(f"  no record ID  {record.url}  {record.date}  in {record.source_name}")
        if answer.report is not None:
            click.echo(report_text(answer.report, ""))
        for finding in package.findings if package else ():
            click.echo(f"  {finding_text(finding)}")
    ctx.exit(code)


def _of_bytes(archive: "Archive", target: str, policy: str, against: str | None) -> "BytesAnswer":
    from archive.digests import read_digest
    from archive.errors import InputError, MalformedDigest
    from archive.services.hashes.desk import verify_bytes, verify_digest
    from archive.services.reading.resolve import required_id

    record = required_id(archive, against) if against else None
    if target == "-":
        chunks = iter(lambda: sys.stdin.buffer.read(_CHUNK), b"")
        return verify_bytes(archive, chunks, policy, against=record)
    if _is_file(target):
        return verify_bytes(archive, read_chunks(Path(target)), policy, against=record)
    if os.path.isdir(target):  # noqa: PTH112 - as in _is_file
        raise InputError(f"{target} is a folder: give a file, a record ID or a SHA-256")
    if target.startswith((".", "/")):
        raise InputError(f"there is no file {target}")
    try:
        reading = read_digest(target)
    except MalformedDigest as error:
        raise InputError(f"{target!r} is no record ID, no file and no SHA-256: {error}") from error
    return verify_digest(archive, reading, policy)


def _package_at(archive: "Archive", target: str) -> "PackageAnswer | None":
    from archive.services.imports.verify_package import verify_package

    # A pipe was read to its end by now; os.path as in _is_file.
    is_kept = os.path.isfile(target)  # noqa: PTH113 - as in _is_file
    return verify_package(archive, Path(target)) if is_kept else None


def _json(answer: "BytesAnswer", package: "PackageAnswer | None") -> "JsonValue":
    from archive.model.claim import Result

    if package is None:
        return answer.to_json()
    members = {**answer.to_json(), "package": package.to_json()}
    if package.is_disproven:
        members.update(
            verified=False, result=Result.FAILED.value, exit_code=Result.FAILED.exit_code
        )
    return members


def _no_record(found: "Resolution", *, as_json: bool) -> int:
    """The exit code for an ID that names no record here: nothing is proven or disproven."""
    from archive.model.claim import Result

    result = Result.INCOMPLETE if found.status == "not_found" else Result.MALFORMED
    if as_json:
        print_json({**found.to_json(), "result": result.value, "exit_code": result.exit_code})
    else:
        meant = "".join(f"; did you mean {item}?" for item in found.candidates)
        click.echo(f"muniment: {found.detail}{meant}", err=True)
    return result.exit_code


def _is_file(target: str) -> bool:
    # Not Path.is_file: it raises for a text too long to be a path, as a pasted hash may be. A
    # pipe is a file here as well, as in `verify <(cat FILE)`.
    return os.path.exists(target) and not os.path.isdir(target)  # noqa: PTH110, PTH112
