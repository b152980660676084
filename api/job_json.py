# SPDX-License-Identifier: Apache-2.0
"""Jobs in answers: accepted, waited for within bounds, or failed as a problem says.

A record that came to be hidden is hidden in the result of the job that made it, too.
"""

import re

from flask import Response, request

from api.bodies import invalid
from api.permission import seen
from api.problems import FieldError, ProblemRaised, of_failed, told_detail
from api.record_row import record_row
from api.responses import json_response
from api.state import current_archive, current_bounds
from archive.canonical import JsonValue
from archive.services.access.permission import Sight
from archive.services.jobs.requests import Job, job_json, wait_for

WAIT_SECONDS_LIMIT = 60
_RETRY_AFTER_SECONDS = 1
_KEY_LIMIT = 255
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_PREFERRED = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?=[,;]|$)", re.IGNORECASE)


def wanted_seconds() -> int:
    """How long the client wants to wait: `?wait=`, else `Prefer: wait=` (RFC 7240 section 4.3).

    Raises the problem 422 for a `?wait=` that is no number; a preference that is none is ignored.
    """
    given = request.args.get("wait")
    if given is not None:
        if not _DIGITS.fullmatch(given):
            raise invalid((FieldError("#/wait", "a number of seconds"),))
        return min(int(given), WAIT_SECONDS_LIMIT)
    preferred = _PREFERRED.search(",".join(request.headers.getlist("Prefer")))
    return min(int(preferred[1]), WAIT_SECONDS_LIMIT) if preferred else 0


def waited_for(job: Job, seconds: int) -> Job:
    """The job once it is finished, or as it is when the time is over or no waiting place free."""
    if seconds and current_bounds().waits.try_place():
        try:
            return wait_for(current_archive(), job, seconds)
        finally:
            current_bounds().waits.leave_place()
    return job


def accepted(job: Job) -> Response:
    """202: the job, and where to ask for it."""
    response = json_response(_told(job))
    response.status_code = 202
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    response.headers["Retry-After"] = str(_RETRY_AFTER_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    return response


def shown(job: Job) -> Response:
    """200: the job as it is now."""
    response = json_response(_told(job))
    if not job.is_finished:
        response.headers["Retry-After"] = str(_RETRY_AFTER_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    return response


def _seen(recorded: dict[str, JsonValue]) -> JsonValue:
    """What this reader may see of what was recorded: of a hidden record its ID.

    What was done with the record since is told with it.
    """
    record_id = recorded.get("id")
    if not isinstance(record_id, str):
        return recorded
    row = record_row(record_id)
    if row is None:
        return recorded
    allowed = seen(row)
    if allowed.sight is not Sight.NOTHING:
        return recorded if row.standing is None else row.standing.told(recorded)
    restriction = {"until": allowed.until, "metadata": row.metadata_policy}
    hidden = {"id": record_id, "outcome": "restricted", "restriction": restriction}
    return {**dict.fromkeys(recorded), **hidden}


def failure_of(job: Job, member: str) -> ProblemRaised:
    """The problem that a failed job is; that member of the request is blamed for bad input."""
    problem = job.problem
    if problem is None:
        return ProblemRaised(of_failed("JOBS_FAILED", "the job failed", member))
    return ProblemRaised(of_failed(problem.code, problem.detail, member))


def _told(job: Job) -> JsonValue:
    """The job as this reader may know it: no record that is hidden from it, nothing from inside."""
    told = job_json(job)
    if told["problem"] is not None:
        code, detail = told["problem"]["code"], told["problem"]["detail"]
        told["problem"] = {"code": code, "detail": told_detail(code, detail)}
    result = told["result"]
    if isinstance(result, dict) and isinstance(result.get("record"), dict):
        told["result"] = {**result, "record": _seen(result["record"])}
    elif isinstance(result, dict) and isinstance(result.get("items"), list):
        told["result"] = {**result, "items": [_seen(item) for item in result["items"]]}
    return told
