# SPDX-License-Identifier: Apache-2.0
"""`capture-batch`: up to a thousand URLs. The result has an item for each, in order.

A URL that cannot be captured now, because its host wants to be left alone, does not hold up the
others: the job goes through all of them, and is run again for the rest.
"""

import contextlib
import datetime as dt

from archive.canonical import JsonValue
from archive.errors import InputError
from archive.jobs.base import Context, TryLater
from archive.services.capturing.capture import Refused
from archive.services.capturing.desk import Answer
from archive.services.capturing.each import Asked, Postponed, capture_each
from archive.services.jobs.handlers import Handler, Workshop, members
from archive.services.jobs.queues import BATCHES

URLS_LIMIT = 1000
_PATIENCE_SECONDS = 60.0
_SHOWN = ("id", "outcome", "reason", "url", "status", "captured_at", "statement_sha256")


def _check(payload: JsonValue) -> None:
    urls = members(payload, {"urls": list})["urls"]
    if not 1 <= len(urls) <= URLS_LIMIT:
        raise InputError(f"urls: give 1 to {URLS_LIMIT}")
    if not all(type(url) is str for url in urls):
        raise InputError("urls: each one is a string")


def _run(shop: Workshop, payload: JsonValue, context: Context) -> JsonValue:
    urls = payload["urls"]
    asked = (Asked(f"{context.job_id}/{index}", url) for index, url in enumerate(urls))
    items: list[JsonValue] = []
    first: dt.datetime | None = None
    with contextlib.closing(capture_each(shop.desk, asked, _PATIENCE_SECONDS)) as results:
        for _, result in results:
            if isinstance(result, Postponed):
                first = result.until if first is None else min(first, result.until)
            items.append(_shown(result))
            context.progress(len(items), len(urls))
    if first is not None:
        raise TryLater(first, "some hosts are to be left alone until then")
    captured = sum(item["id"] is not None for item in items)
    return {"captured": captured, "items": items}


def _shown(result: Answer | Refused | Postponed) -> dict[str, JsonValue]:
    if isinstance(result, Answer):
        return {name: result.record[name] for name in _SHOWN}
    # The URL is left out, for it may hold credentials; the error's own words never do.
    empty: dict[str, JsonValue] = dict.fromkeys(_SHOWN)
    if isinstance(result, Refused):
        found = {"outcome": "refused", "reason": str(result.error), "code": result.error.code}
        return {**empty, **found}
    return {**empty, "outcome": "postponed", "reason": result.reason}


HANDLER = Handler("capture-batch", BATCHES, _check, _run)
