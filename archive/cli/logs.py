# SPDX-License-Identifier: Apache-2.0
"""Logs as JSON lines on stderr, for `serve`, `worker` and `--log-json`.

Every module logs by the standard library; structlog, which takes long to import, is loaded when
a process that runs long or was asked for JSON sets up its logs, and by nothing else.
"""

import logging
import logging.config
import re
from collections.abc import MutableMapping
from typing import Any

# An API key's secret, and the user and password of a URL.
_SECRETS = (
    (re.compile(r"(mk_[0-9a-f]{1,16}_)[A-Za-z0-9_-]+"), r"\1…"),
    (re.compile(r"(://)[^/@\s:]*:[^/@\s]*@"), r"\1…@"),
)
REQUESTS = "api.request_log"


def log_json(*, with_requests: bool = True) -> None:
    """Have warnings, and with them requests, written as one JSON object a line."""
    import structlog

    shared = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    rendered = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        without_secrets,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": rendered,
                },
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "loggers": {
                REQUESTS: {"level": "INFO" if with_requests else "WARNING"},
                "muniment.command": {"level": "INFO"},
                "archive.jobs": {"level": "INFO"},
            },
            "root": {"level": "WARNING", "handlers": ["stderr"]},
        }
    )


def without_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The event with what looks like a secret taken out of each text."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _plain(value)
    return event


def _plain(text: str) -> str:
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
