# SPDX-License-Identifier: Apache-2.0
"""`muniment witness key|serve`: cosign the checkpoints of others' logs. It needs no archive."""

from collections.abc import Sequence
from pathlib import Path

import click

from archive.cli.logs import log_json
from archive.cli.server import require_free, run_server, tell_ready
from archive.cli.session import json_option, print_json

_THREADS = 8
_GRACE_SECONDS = 10
_folder = click.option(
    "--folder",
    default="muniment-witness",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the witness's key and memory lie. Never run two copies of it.",
)


@click.group("witness")
def command() -> None:
    """Witness logs: cosign only what grew out of all that was cosigned before."""


@command.command("key")
@_folder
@click.option("--name", help="The witness's name, such as witness.example; makes its key.")
@json_option
def key(folder: Path, name: str | None, *, as_json: bool) -> None:
    """Print the witness's verifier key, for the keyset of an archive to list."""
    from archive.services.log.witness import make_witness, witness_key

    found = witness_key(folder) if name is None else make_witness(folder, name)
    if as_json:
        print_json({"name": found.name, "vkey": found.to_text()})
    else:
        click.echo(found.to_text())


@command.command("serve")
@_folder
@click.option(
    "--log",
    "logs",
    multiple=True,
    required=True,
    help="Verifier key of a log to witness, as the log's page shows it; may be given again.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8090,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
def serve(folder: Path, logs: Sequence[str], host: str, port: int) -> None:
    """Cosign until TERM or Ctrl-C, at http://HOST:PORT/add-checkpoint."""
    from archive.services.log.witness import open_witness

    # Opened once here, so that what is wrong is one line and not a row of dying workers.
    open_witness(folder, logs)
    require_free(host, port)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    application = f"api.witness:create_app(folder={str(folder)!r}, logs={list(logs)!r})"
    run_server(
        application,
        {
            "bind": [address],
            "workers": 1,
            "threads": _THREADS,
            "worker_class": "api.worker.PatientWorker",
            "graceful_timeout": _GRACE_SECONDS,
            "loglevel": "warning",
            "control_socket_disable": True,
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "secure_scheme_headers": {},
            "when_ready": lambda arbiter: tell_ready(arbiter, with_requests=False),
            "post_fork": lambda _arbiter, _worker: log_json(with_requests=False),
        },
    )
