# SPDX-License-Identifier: Apache-2.0
"""Asks for jobs, and looks them up, for the doors (command line, API)."""

import contextlib
import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass

from archive import canonical
from archive.canonical import JsonValue
from archive.jobs.base import Job, JobState, NewJob
from archive.net.guard import AddressGuard
from archive.net.url import parse_capture_url
from archive.services.context import Archive
from archive.services.effects.standing import standing_of
from archive.services.jobs.handlers import handler_of

__all__ = [
    "CapturedRecord",
    "Job",
    "JobState",
    "ask_for",
    "ask_for_capture",
    "cancel_job",
    "captured_record",
    "find_job",
    "job_json",
    "recent_jobs",
    "told_json",
    "wait_for",
]

_POLL_SECONDS = 0.05


def ask_for(archive: Archive, kind: str, payload: JsonValue, key: str | None = None) -> Job:
    """A job of this kind, durable when this returns; with a key, the one that is there already.

    Raises InputError when the payload cannot be run, IdempotencyKeyReused, JobsUnavailable.
    """
    handler = handler_of(kind)
    if isinstance(payload, dict):
        payload = {**handler.defaults, **payload}
    handler.check(payload)
    return archive.jobs.enqueue(NewJob(kind, handler.queue, payload, key))


def ask_for_capture(archive: Archive, url: str, key: str | None = None) -> Job:
    """A capture of a URL, asked for. Raises as `ask_for`, and AddressRefused.

    An address that is written out is vetted here, so that the answer is immediate; what a name
    leads to is vetted when it is looked at.
    """
    host = parse_capture_url(url).host.strip("[]")
    with contextlib.suppress(ValueError):
        AddressGuard(archive.politeness.own_networks).vet(ipaddress.ip_address(host))
    return ask_for(archive, "capture", {"url": url}, key)


@dataclass(frozen=True, slots=True)
class CapturedRecord:
    """What a capture job recorded: the ID (None for an observation), and the record as JSON."""

    id: str | None
    data: bytes


def captured_record(job: Job) -> CapturedRecord | None:
    """What a capture job recorded, or None when it is not done."""
    if job.state is not JobState.DONE:
        return None
    record = job.result["record"]
    return CapturedRecord(record["id"], canonical.dumps(record))


def find_job(archive: Archive, job_id: str) -> Job:
    """The job. Raises NotFound, JobsUnavailable."""
    return archive.jobs.find(job_id)


def wait_for(archive: Archive, job: Job, seconds: float) -> Job:
    """The job once it is finished, or as it is when the time is over."""
    deadline = time.monotonic() + seconds
    while not job.is_finished and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(_POLL_SECONDS, left))
        job = archive.jobs.find(job.id)
    return job


def cancel_job(archive: Archive, job_id: str) -> Job:
    """The job, which runs no more; what it has recorded stays. Raises NotFound."""
    return archive.jobs.cancel(job_id)


def recent_jobs(
    archive: Archive, states: Sequence[JobState], limit: int, before: str | None = None
) -> list[Job]:
    """Jobs in these states (none given: in any), newest first."""
    return archive.jobs.recent(states, limit, before)


def job_json(job: Job) -> dict[str, JsonValue]:
    """A job as the outside sees it."""
    problem = job.problem
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state.value,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "not_before": job.not_before,
        "progress": {"done": job.done, "total": job.total},
        "runs": job.run + 1,
        "result": job.result,
        "problem": None if problem is None else {"code": problem.code, "detail": problem.detail},
    }


def told_json(archive: Archive, job: Job) -> dict[str, JsonValue]:
    """A job as the outside sees it, its records with what was done with them since."""
    told = job_json(job)
    result = told["result"]
    if isinstance(result, dict) and isinstance(result.get("record"), dict):
        told["result"] = {**result, "record": _with_acts(archive, result["record"])}
    elif isinstance(result, dict) and isinstance(result.get("items"), list):
        told["result"] = {**result, "items": [_with_acts(archive, i) for i in result["items"]]}
    return told


def _with_acts(archive: Archive, recorded: JsonValue) -> JsonValue:
    record_id = recorded.get("id")
    return standing_of(archive, record_id).told(recorded) if record_id else recorded
