# SPDX-License-Identifier: Apache-2.0
"""Logs as JSON lines on stderr, for `serve`, `worker` and `--log-json`.

Every module logs by the standard library; structlog, which takes long to import, is loaded when
a process that runs long or was asked for JSON sets up its logs, and by nothing else.
"""

import logging
import logging.config
import re
import time
from collections.abc import MutableMapping
from typing import Any

# An API key's secret, and the user and password of a URL.
_SECRETS = (
    (re.compile(r"(mk_[0-9a-f]{1,16}_)[A-Za-z0-9_-]+"), r"\1…"),
    (re.compile(r"(://)[^/@\s:]*:[^/@\s]*@"), r"\1…@"),
)
REQUESTS = "api.request_log"


def log_json(*, with_requests: bool = True, with_jobs: bool = True) -> None:
    """Have warnings, and with them requests and jobs, written as one JSON object a line."""
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
        # Control characters beyond ASCII move a terminal too, and clients choose the path.
        structlog.processors.JSONRenderer(ensure_ascii=True),
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
                # The server's own, which brings a handler with a format of its own.
                "gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
                REQUESTS: {"level": "INFO" if with_requests else "WARNING"},
                "muniment.command": {"level": "INFO"},
                "archive.jobs": {"level": "INFO" if with_jobs else "WARNING"},
                "archive.services.jobs.worker": {"level": "INFO" if with_jobs else "WARNING"},
            },
            "root": {"level": "WARNING", "handlers": ["stderr"]},
        }
    )


def command_began(name: str) -> None:
    """Note that a command begins, for the line at its end."""
    _Command.name, _Command.began = name, time.monotonic()


def command_ended(exit_code: int) -> None:
    """The one line about a command, when one began; its arguments may hold secrets."""
    if _Command.name is None:
        return
    ms = round((time.monotonic() - _Command.began) * 1000, 1)
    fields = {"command": _Command.name, "exit_code": exit_code, "ms": ms}
    logging.getLogger("muniment.command").info("command", extra=fields)
    _Command.name = None


class _Command:
    """The one command that this process runs."""

    name: str | None = None
    began: float = 0.0


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
