# SPDX-License-Identifier: Apache-2.0
"""`muniment serve`: the pages and the API, by gunicorn in this process.

Each worker opens the archive for itself after the fork, since a SQLite connection must not
cross one. The workers learn the settings from the environment.
"""

import contextlib
import os
import shutil
import tempfile

import click

from archive.cli.embedded_worker import EmbeddedWorker
from archive.cli.logs import log_json
from archive.cli.server import require_free, run_server, tell_ready
from archive.cli.session import settings_of

APPLICATION = "api.app:create_app(threads={threads})"
WORKER = "api.worker.PatientWorker"
GRACE_SECONDS = 30
KEEPALIVE_SECONDS = 5
COUNTS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
COUNTS_PREFIX = "muniment-counts-"


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option(
    "--threads", default=16, show_default=True, type=click.IntRange(1), help="Threads of each."
)
@click.option(
    "--worker/--no-worker",
    "has_worker",
    default=True,
    show_default=True,
    help="Do the jobs that are asked for too, in a process of its own.",
)
@click.option("--quiet", is_flag=True, help="Do not log a line for each request.")
@click.pass_context
def command(  # noqa: PLR0913 - click hands over each option
    ctx: click.Context,
    host: str,
    port: int,
    workers: int,
    threads: int,
    *,
    has_worker: bool,
    quiet: bool,
) -> None:
    """Serve pages and API until TERM or Ctrl-C; requests under way are finished first.

    Captures that are asked for are done by a worker, of which one is started beside the server
    (and started again should it die), so that one command is enough on one machine. Where
    `muniment worker` runs by itself, here or elsewhere, give --no-worker.

    A request that arrives too slowly is ended, and costly work is bounded. Each request still
    takes a thread while it arrives, so put a public archive behind a reverse proxy that reads a
    request whole before it passes it on (nginx does), ends slow connections and limits clients.
    """
    from archive.bootstrap import open_archive

    # Opened once here, so that what is wrong is one line and not a row of dying workers.
    archive = open_archive(settings_of(ctx))
    can_work = has_worker and not archive.database.is_read_only
    archive.close()
    _pass_on_settings(ctx)
    require_free(host, port)
    _share_counts()
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = {
        "bind": [address],
        "workers": workers,
        "threads": threads,
        "worker_class": WORKER,
        "keepalive": KEEPALIVE_SECONDS,
        "graceful_timeout": GRACE_SECONDS,
        "loglevel": "warning",
        "control_socket_disable": True,
        # What a proxy says is read by `api.client` alone, and only from those of the settings.
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "secure_scheme_headers": {},
        "when_ready": lambda arbiter: tell_ready(arbiter, with_requests=not quiet),
        "post_fork": lambda _arbiter, _worker: log_json(with_requests=not quiet),
        "on_exit": lambda _arbiter: _drop_counts(),
    }
    with EmbeddedWorker() if can_work else contextlib.nullcontext():
        run_server(APPLICATION.format(threads=threads), options)


def _pass_on_settings(ctx: click.Context) -> None:
    config, data = ctx.find_root().obj
    for name, path in (("MUNIMENT_CONFIG", config), ("MUNIMENT_DATA", data)):
        if path is not None:
            os.environ[name] = str(path.absolute())


def _share_counts() -> None:
    """Name a folder in which the workers count requests together, unless the operator did."""
    if not os.environ.get(COUNTS_VARIABLE):
        os.environ[COUNTS_VARIABLE] = tempfile.mkdtemp(prefix=COUNTS_PREFIX)


def _drop_counts() -> None:
    folder = os.environ.get(COUNTS_VARIABLE, "")
    if os.path.basename(folder).startswith(COUNTS_PREFIX):  # noqa: PTH119 - a name, no path
        shutil.rmtree(folder, ignore_errors=True)
