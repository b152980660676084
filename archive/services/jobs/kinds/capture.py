# SPDX-License-Identifier: Apache-2.0
"""`capture`: one URL. The result is the record of the capture or observation."""

from archive.canonical import JsonValue
from archive.jobs.base import Context
from archive.net.url import parse_capture_url
from archive.services.capturing.capture import Refused
from archive.services.jobs.handlers import Handler, Workshop, members
from archive.services.jobs.queues import CAPTURES


def _check(payload: JsonValue) -> None:
    parse_capture_url(members(payload, {"url": str})["url"])


def _run(shop: Workshop, payload: JsonValue, context: Context) -> JsonValue:
    context.check()
    got = shop.desk.capture(f"{context.job_id}/0", payload["url"], shop.patience)
    if isinstance(got, Refused):
        raise got.error
    return {"record": got.record}


HANDLER = Handler("capture", CAPTURES, _check, _run)
