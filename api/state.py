# SPDX-License-Identifier: Apache-2.0
"""What the running application works with, and the address that the outside knows it by."""

import ipaddress
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import Flask, current_app, request

from api.aside import Aside
from api.client import Network
from api.metrics import Metrics
from api.turns import Bounds
from archive.services.context import Archive
from archive.settings import ServerSettings

EXTENSION = "muniment"
BOUNDS_EXTENSION = "muniment.bounds"
DOOR_EXTENSION = "muniment.door"
_HOST = re.compile(r"(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::[0-9]{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Door:
    """What the application has beside the archive: settings of the door, metrics, deeds aside."""

    server: ServerSettings
    proxies: tuple[Network, ...]
    metrics: Metrics
    aside: Aside = field(default_factory=Aside)
    now_seconds: Callable[[], float] = time.time


def current_archive() -> Archive:
    """The archive of the application that handles this request."""
    return archive_of(current_app)


def archive_of(app: Flask) -> Archive:
    """The archive of an application that `create_app` made."""
    archive: Archive = app.extensions[EXTENSION]
    return archive


def current_bounds() -> Bounds:
    """The bounds on costly work in this process."""
    bounds: Bounds = current_app.extensions[BOUNDS_EXTENSION]
    return bounds


def current_door() -> Door:
    """The door of the application that handles this request."""
    return door_of(current_app)


def door_of(app: Flask) -> Door:
    """The door of an application that `create_app` made."""
    door: Door = app.extensions[DOOR_EXTENSION]
    return door


def current_aside() -> Aside:
    """Where deeds go that this request does not wait for."""
    return current_door().aside


def public_base_url() -> str:
    """The address that citations print: the configured one, or empty.

    Without one, a loopback address that was asked at. Any other comes from the client, who may
    write what it likes into Host, and a citation is for good.
    """
    configured = current_archive().base_url
    if configured or not _is_loopback(request.host):
        return configured
    return request.url_root.rstrip("/")


def _is_loopback(host: str) -> bool:
    # Anything may stand in the field, and what is printed is the whole of it.
    if not _HOST.fullmatch(host):
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
