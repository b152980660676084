# SPDX-License-Identifier: Apache-2.0
"""`stamp`: get tokens for all that is due. The result is the run, and what is left to do.

What has its tokens is never asked for again, so a run that is begun again goes on.
"""

from archive.canonical import JsonValue
from archive.jobs.base import Context
from archive.services.jobs.handlers import Handler, Workshop, members
from archive.services.jobs.queues import LONG
from archive.services.stamping.stamp import pending, stamp_all


def _check(payload: JsonValue) -> None:
    members(payload, {})


def _run(shop: Workshop, _payload: JsonValue, context: Context) -> JsonValue:
    run = stamp_all(shop.archive, context.check)
    return run.to_json(pending(shop.archive))


HANDLER = Handler("stamp", LONG, _check, _run)
