# SPDX-License-Identifier: Apache-2.0
"""`muniment demo`: the whole job on a sample page, in a folder that `muniment serve` opens."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.cli.session import settings_of

if TYPE_CHECKING:
    from archive.ids import RecordId
    from archive.services.context import Archive
    from archive.settings import Settings

SENTENCE = "We do not use your notes to train machine learning models."
CHANGED = "We may use your notes to train machine learning models."
_MARK = "made-by-demo"


@click.command("demo")
@click.option("--serve", is_flag=True, help="Go on to serve the archive.")
@click.option("--port", default=8080, show_default=True, help="Port for --serve.")
@click.pass_context
def command(ctx: click.Context, *, serve: bool, port: int) -> None:
    """Capture a sample policy twice, cite it, verify it, and catch a flipped byte."""
    from archive.bootstrap import init_archive
    from archive.settings import NetworkSettings, ServerSettings, Settings

    data = settings_of(ctx).data
    _claim_folder(data)
    settings = Settings(
        data=data,
        network=NetworkSettings(allow=("127.0.0.0/8",)),
        server=ServerSettings(base_url=f"http://127.0.0.1:{port}"),
    )
    archive, made = init_archive(settings)
    click.echo(f"A new archive in {data}; its root key fingerprint is {made.root_keyid[:16]}…")
    if made.api_key:
        click.echo(f"API key for writes over HTTP, shown this once: {made.api_key}")
    try:
        first = _capture_twice(archive)
        _resolve_mistyped(archive, first)
        _verify(archive, first)
        _flip_a_byte(settings, archive, first)
        _cite(archive, first)
    finally:
        archive.close()
    click.echo(f"\nLook at it:  muniment --data {data} serve --port {port}")
    click.echo(f"        and  http://127.0.0.1:{port}/{first}")
    if serve:
        from archive.cli.commands.serve import command as serve_command

        ctx.invoke(serve_command, port=port)


def _claim_folder(data: Path) -> None:
    if data.exists() and any(data.iterdir()) and not (data / _MARK).exists():
        raise click.ClickException(
            f"{data} holds something that is not a demonstration: give another folder, "
            "as in `muniment --data my-demo demo`"
        )
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data / _MARK).touch()


def _capture_twice(archive: "Archive") -> "RecordId":
    from archive.cli.demo_site import DemoSite
    from archive.services.capturing.capture import capture
    from archive.settings import shipped_text

    click.echo("\n1. Capture a page, change one sentence, capture it again")
    with DemoSite(shipped_text("demo/privacy-policy.html")) as site:
        first = capture(archive, site.url).signed.look.capture_id
        site.page = site.page.replace(SENTENCE, CHANGED)
        second = capture(archive, site.url).signed.look.capture_id
    if first is None or second is None:
        raise click.ClickException("the sample page was not captured")
    click.echo(f"   {first}  “{SENTENCE}”")
    click.echo(f"   {second}  “{CHANGED}”")
    return first


def _resolve_mistyped(archive: "Archive", record: "RecordId") -> None:
    from archive.services.reading.resolve import resolve

    written = str(record)
    mistyped = f"{written[:-4]}{(int(written[-4]) + 1) % 10}{written[-3:]}"
    click.echo(f"\n2. Resolve a mistyped ID: {mistyped}")
    found = resolve(archive, mistyped)
    meant = ", ".join(str(item) for item in found.candidates) or "nothing"
    click.echo(f"   {found.status}: {found.detail}; did you mean {meant}?")
    sloppy = written.lower().replace("-", " ")
    click.echo(f"   and a sloppy one, “{sloppy}”: {resolve(archive, sloppy).id}")


def _verify(archive: "Archive", record: "RecordId") -> None:
    from archive.services.verifying.report_text import report_text
    from archive.services.verifying.verify import verify_record

    click.echo("\n3. Verify it, claim by claim")
    click.echo(_indented(report_text(verify_record(archive, record), "")))


def _flip_a_byte(settings: "Settings", archive: "Archive", record: "RecordId") -> None:
    from archive.bootstrap import open_archive
    from archive.model.claim import Status
    from archive.services.reading.cite import read_record
    from archive.services.verifying.verify import verify_record
    from archive.storage.layout import blob_key

    key = blob_key(read_record(archive, record)["container_sha256"])
    click.echo("\n4. Flip one byte of the stored page in a copy of the archive")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        # Reading a database file drops this process's locks on it (SQLite, "How To Corrupt", 2.2).
        archive.database.close()
        shutil.copytree(settings.data, copy)
        stored = copy / "store" / key
        data = bytearray(stored.read_bytes())
        data[len(data) // 2] ^= 1
        stored.chmod(0o600)
        stored.write_bytes(data)
        tampered = open_archive(replace(settings, data=copy))
        try:
            report = verify_record(tampered, record)
        finally:
            tampered.close()
    for finding in report.findings:
        if finding.status is Status.FAIL:
            click.echo(f"   FAILS  {finding.claim} {finding.code}: {finding.detail}")
    click.echo(f"   result: {report.result.value} (exit code {report.result.exit_code})")


def _cite(archive: "Archive", record: "RecordId") -> None:
    from archive.services.reading.cite import cite, read_record

    click.echo("\n5. Cite it")
    click.echo(f"   {cite(archive, read_record(archive, record), archive.base_url)}")


def _indented(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.splitlines())
