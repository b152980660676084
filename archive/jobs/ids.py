# SPDX-License-Identifier: Apache-2.0
"""Job IDs: UUIDs of version 7 (RFC 9562 section 5.7), so that their order is that of asking."""

import datetime as dt
import re
import uuid
from collections.abc import Callable

_SHAPE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_job_id(now: dt.datetime, random_bytes: Callable[[int], bytes]) -> str:
    """A job ID of this moment, to the millisecond."""
    value = int(now.timestamp() * 1000) << 80 | int.from_bytes(random_bytes(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def is_job_id(text: str) -> bool:
    """Whether the text is a job ID as this archive writes it."""
    return _SHAPE.fullmatch(text) is not None
