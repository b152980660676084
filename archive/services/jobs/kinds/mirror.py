# SPDX-License-Identifier: Apache-2.0
"""`mirror`: fill the second store of the settings. The result is the mirror's report.

What is there is never copied again, so a run that is begun again goes on where the last one was.
"""

import logging

from archive.canonical import JsonValue
from archive.jobs.base import Context
from archive.services.jobs.handlers import Handler, Workshop, members
from archive.services.jobs.queues import LONG
from archive.services.upkeep.mirror import mirror, mirror_json, mirror_verified

_log = logging.getLogger(__name__)


def _check(payload: JsonValue) -> None:
    members(payload, {"verify": bool})


def _run(shop: Workshop, payload: JsonValue, context: Context) -> JsonValue:
    run = mirror_verified if payload["verify"] else mirror
    report = run(shop.archive.store, shop.archive.open_mirror(), context.progress)
    if not report.is_complete:
        _log.error("the mirror lacks %d objects", len(report.not_mirrored))
    return mirror_json(report)


HANDLER = Handler("mirror", LONG, _check, _run, {"verify": False})
