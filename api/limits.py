# SPDX-License-Identifier: Apache-2.0
"""How much one client may ask for in a minute: reads, verifications, and writes apart.

A client is an API key, or an address without one. Counts are kept in each process, or in a
storage that a fleet shares (settings). A plain look-up of one record in JSON is answered before
Flask and is not counted: counting would cost more than the answer.
"""

import logging
from functools import partial

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter
from limits.errors import ConfigurationError

from api.access import known_key_id
from api.client import client_address, network_of
from api.state import current_door
from archive.errors import SettingsError
from archive.settings import LimitsSettings

_PROBES = {"ops.healthz"}
_VERIFYING = {"verifications.create_verification", "site.verify_file", "record.verification"}


def limit_requests(app: Flask, settings: LimitsSettings) -> None:
    """Have the application refuse what is too much. Raises SettingsError."""
    amounts = {
        "reads": settings.reads_per_minute,
        "verifications": settings.verifications_per_minute,
        "writes": settings.writes_per_minute,
    }
    try:
        limiter = Limiter(
            _client,
            app=app,
            application_limits=[
                ApplicationLimit(
                    limit_provider=f"{amount}/minute",
                    scope=name,
                    exempt_when=partial(_is_other, name),
                )
                for name, amount in amounts.items()
            ],
            storage_uri=settings.storage_url,
            strategy="fixed-window",
            # A storage that cannot be reached must not stop the archive.
            in_memory_fallback_enabled=True,
            key_prefix="muniment",
        )
    except ConfigurationError as error:
        raise SettingsError(f"limits.storage_url cannot be used: {error}") from error
    logging.getLogger("flask-limiter").setLevel(logging.WARNING)

    @app.after_request
    def _told(response: Response) -> Response:
        return _with_fields(limiter, response)


def _is_other(kind: str) -> bool:
    return _kind() != kind


def _kind() -> str:
    if request.endpoint in _PROBES or request.method == "OPTIONS":
        return "none"
    if request.endpoint in _VERIFYING and request.method != "HEAD":
        return "verifications"
    return "reads" if request.method in {"GET", "HEAD"} else "writes"


def _client() -> str:
    key_id = known_key_id()
    if key_id is not None:
        return f"key:{key_id}"
    return f"address:{network_of(client_address(request.environ, current_door().proxies))}"


def _with_fields(limiter: Limiter, response: Response) -> Response:
    """The response with the fields of draft-ietf-httpapi-ratelimit-headers, and Retry-After."""
    limit = limiter.current_limit
    if limit is None:
        return response
    kind, seconds = _kind(), limit.limit.get_expiry()
    left = min(seconds, max(0, limit.reset_at - int(current_door().now_seconds())))
    response.headers["RateLimit-Policy"] = f'"{kind}";q={limit.limit.amount};w={seconds}'
    response.headers["RateLimit"] = f'"{kind}";r={max(0, limit.remaining)};t={left}'
    if limit.breached:
        response.headers["Retry-After"] = str(max(1, left))
    return response
