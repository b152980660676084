# SPDX-License-Identifier: Apache-2.0
"""The kinds of job there are: how a payload is checked, and what runs it."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import archive.services.jobs.kinds
from archive.canonical import JsonValue
from archive.errors import InputError
from archive.jobs.base import Context
from archive.services.capturing.desk import CaptureDesk, Patience
from archive.services.context import Archive


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the jobs of one worker share."""

    archive: Archive
    desk: CaptureDesk
    patience: Patience


@dataclass(frozen=True, slots=True)
class Handler:
    """One kind of job, and the queue that it waits in.

    `defaults` are the members of a payload that need not be given.
    `check` raises InputError for a payload that cannot be run. `run` gives the result as strict
    JSON and is idempotent: it may be killed anywhere, and is then run again from the start with
    the same job ID. It calls `context.check` often, and may raise TryLater.
    """

    kind: str
    queue: str
    check: Callable[[JsonValue], None]
    run: Callable[[Workshop, JsonValue, Context], JsonValue]
    defaults: Mapping[str, JsonValue] = field(default_factory=dict)


@cache
def all_handlers() -> Mapping[str, Handler]:
    """Every handler, by its kind."""
    found: dict[str, Handler] = {}
    for info in pkgutil.iter_modules(archive.services.jobs.kinds.__path__):
        module = importlib.import_module(f"archive.services.jobs.kinds.{info.name}")
        handler = getattr(module, "HANDLER", None)
        if isinstance(handler, Handler):
            found[handler.kind] = handler
    return found


def handler_of(kind: str) -> Handler:
    """The handler of a kind. Raises InputError."""
    handlers = all_handlers()
    if kind not in handlers:
        raise InputError(f"there are no jobs of kind {kind!r}: known are {', '.join(handlers)}")
    return handlers[kind]


def members(payload: JsonValue, kinds: Mapping[str, type]) -> dict[str, JsonValue]:
    """The members of a payload, each of its kind. Raises InputError for missing, other, unknown."""
    if not isinstance(payload, dict):
        raise InputError("the payload of a job is a JSON object")
    unknown = sorted(set(payload) - set(kinds))
    if unknown:
        raise InputError(f"unknown in the payload: {', '.join(unknown)}")
    for name, kind in kinds.items():
        if type(payload.get(name)) is not kind:
            raise InputError(f"{name}: the payload needs one of type {kind.__name__}")
    return payload
