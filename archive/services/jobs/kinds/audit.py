# SPDX-License-Identifier: Apache-2.0
"""`audit`: read everything, or a sample, again. The result is the audit's report.

Auditing changes nothing, so that a run which is begun again costs time only.
"""

import logging
import os

from archive.canonical import JsonValue
from archive.errors import InputError
from archive.jobs.base import Context
from archive.services.jobs.handlers import Handler, Workshop, members
from archive.services.jobs.queues import LONG
from archive.services.upkeep.audit import CLAIMS, AuditOptions, audit, audit_json

_log = logging.getLogger(__name__)


def _check(payload: JsonValue) -> None:
    given = members(payload, {"level": str, "sample": int})
    if given["level"] not in CLAIMS:
        raise InputError(f"level: one of {', '.join(CLAIMS)}")
    if given["sample"] < 0:
        raise InputError("sample: a number of records, or 0 for all")


def _run(shop: Workshop, payload: JsonValue, context: Context) -> JsonValue:
    options = AuditOptions(payload["level"], payload["sample"] or None, os.cpu_count() or 1)
    report = audit(shop.archive, context.progress, options)
    if report.exit_code:
        _log.error("the audit found %d objects that are not sound", len(report.damages))
    return {**audit_json(report), "exit_code": report.exit_code}


HANDLER = Handler("audit", LONG, _check, _run, {"level": "plain", "sample": 0})
