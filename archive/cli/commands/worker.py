# SPDX-License-Identifier: Apache-2.0
"""`muniment worker`: do the jobs that were asked for, until told to stop."""

import logging
import os
import signal
import sys
import threading

import click

from archive.cli.logs import log_json
from archive.cli.session import settings_of

_PARENT_SECONDS = 1.0


@click.command("worker")
@click.option("--slots", type=click.IntRange(1), help="Captures at once; default jobs.slots.")
@click.option("--quiet", is_flag=True, help="Log warnings only, not a line for each run.")
@click.option("--parent", type=int, hidden=True, help="End with this process.")
@click.pass_context
def command(ctx: click.Context, *, slots: int | None, quiet: bool, parent: int | None) -> None:
    """Do captures, audits and other jobs until TERM or Ctrl-C.

    Then the groups under way are finished, for at most jobs.grace_seconds, and the exit code is
    0: what was not finished is begun again by another worker, or by the next one here. A worker
    that is killed leaves nothing half-done either. Start as many as there are processors;
    `muniment serve` has one of its own.
    """
    import dataclasses

    from archive.bootstrap import open_archive, worker_of

    log_json(with_jobs=not quiet)
    settings = settings_of(ctx)
    if slots is not None:
        settings = dataclasses.replace(
            settings, jobs=dataclasses.replace(settings.jobs, slots=slots)
        )
    archive = open_archive(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    if parent is not None:
        threading.Thread(target=_watch, args=(parent, stop), daemon=True).start()
    is_done = worker_of(settings, archive, stop).run()
    if not is_done:
        # Threads that did not end in time must not hold up the process; their runs are resumed.
        logging.getLogger(__name__).warning("ends with work under way, which will be begun again")
        sys.stderr.flush()
        os._exit(0)
    archive.close()


def _watch(parent: int, stop: threading.Event) -> None:
    while not stop.wait(_PARENT_SECONDS):
        if os.getppid() != parent:
            stop.set()
