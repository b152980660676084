# SPDX-License-Identifier: Apache-2.0
"""`muniment jobs ask|list|show|cancel`: what is asked for, how far it is, and how it ended."""

from typing import TYPE_CHECKING

import click

from archive.cli.session import json_option, opened, print_json

if TYPE_CHECKING:
    from archive.canonical import JsonValue
    from archive.jobs.base import Job

_STATES = ("queued", "running", "waiting", "done", "failed", "cancelled")


@click.group("jobs")
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Ask for jobs; list, show and cancel them."""
    ctx.obj = as_json


@command.command("ask")
@click.argument("kind")
@click.argument("members", metavar="[NAME=VALUE]...", nargs=-1)
@json_option
@click.pass_context
def ask(ctx: click.Context, kind: str, members: tuple[str, ...], *, as_json: bool) -> None:
    """Ask for a job of this kind: `audit`, `capture`, `mirror` or another; a worker does it.

    Its payload is given member by member, such as `level=deep sample=100` or `verify=true`.
    """
    from archive.services.jobs.requests import ask_for, job_json

    payload = dict(_member(text) for text in members)
    if len(payload) < len(members):
        raise click.UsageError("a member of the payload is given twice")
    with opened(ctx) as archive:
        job = ask_for(archive, kind, payload)
    _print(job_json(job) if as_json or ctx.obj else None, job)


def _member(text: str) -> tuple[str, "JsonValue"]:
    """The name and value: strict JSON where it is that, else the words themselves."""
    from archive import canonical
    from archive.errors import MalformedJson

    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.UsageError(f"a member of the payload is written NAME=VALUE, not {text!r}")
    try:
        return name, canonical.loads(value.encode("utf-8"))
    except MalformedJson:
        return name, value


@command.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES), help="Only these.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most.")
@json_option
@click.pass_context
def list_(ctx: click.Context, states: tuple[str, ...], limit: int, *, as_json: bool) -> None:
    """List jobs, newest first."""
    from archive.jobs.base import JobState
    from archive.services.jobs.requests import job_json, recent_jobs

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
    from archive.services.jobs.requests import find_job, told_json

    with opened(ctx) as archive:
        job = find_job(archive, job_id)
        told = told_json(archive, job)
    _print(told if as_json or ctx.obj else None, job)
    ctx.exit(1 if job.state == "failed" else 0)


@command.command("cancel")
@click.argument("job_id", metavar="ID")
@json_option
@click.pass_context
def cancel(ctx: click.Context, job_id: str, *, as_json: bool) -> None:
    """Cancel a job; what it has recorded stays. Exit 1 when it had ended before."""
    from archive.services.jobs.requests import cancel_job, job_json

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
