# SPDX-License-Identifier: Apache-2.0
"""`muniment jobs list|show|cancel`: what was asked for, how far it is, and how it ended."""

from typing import TYPE_CHECKING

import click

from archive.cli.session import json_option, opened, print_json

if TYPE_CHECKING:
    from archive.jobs.base import Job

_STATES = ("queued", "running", "waiting", "done", "failed", "cancelled")


@click.group("jobs")
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """List, show and cancel jobs."""
    ctx.obj = as_json


@command.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES), help="Only these.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most.")
@json_option
@click.pass_context
def list_(ctx: click.Context, states: tuple[str, ...], limit: int, *, as_json: bool) -> None:
    """List jobs, newest first."""
    from archive.jobs.base import JobState
    from archive.services.jobs import job_json, recent_jobs

    with opened(ctx) as archive:
        jobs = recent_jobs(archive, [JobState(state) for state in states], limit)
    for job in jobs:
        if as_json or ctx.obj:
            print_json(job_json(job))
        else:
            click.echo(_line(job))


@command.command("show")
@click.argument("job_id", metavar="ID")
@json_option
@click.pass_context
def show(ctx: click.Context, job_id: str, *, as_json: bool) -> None:
    """Show a job; exit 1 when it failed or there is none."""
    from archive.services.jobs import find_job, job_json

    with opened(ctx) as archive:
        job = find_job(archive, job_id)
    _print(job_json(job) if as_json or ctx.obj else None, job)
    ctx.exit(1 if job.state == "failed" else 0)


@command.command("cancel")
@click.argument("job_id", metavar="ID")
@json_option
@click.pass_context
def cancel(ctx: click.Context, job_id: str, *, as_json: bool) -> None:
    """Cancel a job; what it has recorded stays. Exit 1 when it had ended before."""
    from archive.services.jobs import cancel_job, job_json

    with opened(ctx) as archive:
        job = cancel_job(archive, job_id)
    _print(job_json(job) if as_json or ctx.obj else None, job)
    ctx.exit(0 if job.state == "cancelled" else 1)


def _print(value: object, job: "Job") -> None:
    if value is not None:
        print_json(value)
        return
    click.echo(_line(job))
    if job.problem is not None:
        click.echo(f"  {job.problem.detail} [{job.problem.code}]")
    record = job.result.get("record") if isinstance(job.result, dict) else None
    if record:
        click.echo(f"  {record['id'] or record['outcome']}  {record['url']}")


def _line(job: "Job") -> str:
    total = "" if job.total is None else f" {job.done}/{job.total}"
    waits = f", again at {job.not_before}" if job.state == "waiting" else ""
    return f"{job.id}  {job.kind}  {job.state}{total}{waits}"
