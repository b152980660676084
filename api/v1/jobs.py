# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/jobs/{id}`: how far a job is and what came of it; DELETE calls it off."""

from flask import Response

from api.access import require_scope
from api.job_json import shown
from api.openapi import KEY_NEEDED, ApiBlueprint
from api.schemas import JobSchema
from api.state import current_archive
from archive.errors import NotFound
from archive.services.jobs.requests import Job, cancel_job, find_job

# What the operator asks for (audits, mirrors) is told to a key that also has the scope admin.
_ASKED_FOR_HERE = frozenset({"capture", "capture-batch"})

blueprint = ApiBlueprint("jobs", __name__, description="Work that was asked for")


@blueprint.at("/jobs/<job_id>")
@blueprint.answers(200, JobSchema, "The job as it is now")
@blueprint.refuses(401, 403, 404, 503)
@blueprint.documents(security=KEY_NEEDED)
def read_job(job_id: str) -> Response:
    """Read a job: its state, progress, and result or problem."""
    return shown(_job(job_id))


@blueprint.at("/jobs/<job_id>", "DELETE")
@blueprint.answers(200, JobSchema, "The job as it is now: cancelled, or finished before")
@blueprint.refuses(401, 403, 404, 503)
@blueprint.documents(security=KEY_NEEDED)
def delete_job(job_id: str) -> Response:
    """Cancel a job. What it has recorded stays; a finished job stays as it is."""
    return shown(cancel_job(current_archive(), _job(job_id).id))


def _job(job_id: str) -> Job:
    """The job, when this reader may know of it. Raises NotFound."""
    reader = require_scope("capture")
    job = find_job(current_archive(), job_id)
    if job.kind not in _ASKED_FOR_HERE and "admin" not in reader.scopes:
        raise NotFound("there is no such job")
    return job
