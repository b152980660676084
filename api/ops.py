# SPDX-License-Identifier: Apache-2.0
"""What the operator's machines ask: `/healthz`, `/readyz`, `/metrics`."""

from flask import Blueprint, Response, request

from api.access import keep_private, require_scope
from api.client import is_direct_loopback
from api.metrics import CONTENT_TYPE
from api.problems import Problem, ProblemRaised, title_of
from api.responses import json_response
from api.state import current_archive, current_door
from archive.errors import NotFound
from archive.services.upkeep.readiness import OK, readiness

blueprint = Blueprint("ops", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process lives; nothing else was looked at."""
    return _not_kept(json_response({"status": OK}))


@blueprint.get("/readyz")
def readyz() -> Response:
    """The catalogue and the store answer; the problem 503 else."""
    checks = readiness(current_archive())
    if any(answer != OK for answer in checks.values()):
        wrong = ", ".join(name for name, answer in checks.items() if answer != OK)
        raise ProblemRaised(
            Problem(
                503,
                "NOT_READY",
                "This process cannot serve now",
                f"Not in order: {wrong}. The operator can find the cause in the log.",
                members={"checks": dict(checks)},
                headers=(("Retry-After", "5"),),
            )
        )
    return _not_kept(json_response({"status": OK, "checks": dict(checks)}))


@blueprint.get("/metrics")
def metrics() -> Response:
    """The metrics, for whom the settings let: a key of scope admin, or this machine itself."""
    door = current_door()
    keep_private()
    if door.server.metrics == "key":
        require_scope("admin")
    elif door.server.metrics == "off" or not is_direct_loopback(request.environ, door.proxies):
        raise ProblemRaised(
            Problem(404, NotFound.code, title_of(NotFound), "Metrics are not told here.")
        )
    return _not_kept(Response(door.metrics.exposition(), content_type=CONTENT_TYPE))


def _not_kept(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers.pop("ETag", None)
    return response
