# SPDX-License-Identifier: Apache-2.0
"""How much one client may ask for in a minute: reads, verifications, and writes apart.

A client is an API key, or an address without one. Every door is counted alike, also those that
lead nowhere; the fast lane counts by itself, since it answers before Flask.
"""

from functools import lru_cache, partial
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from werkzeug.exceptions import TooManyRequests

from api.access import known_key_id
from api.allowance import READS, VERIFICATIONS, WRITES, Allowance, Hit
from api.client import Network, client_address, network_of
from api.state import current_door

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_HIT = "muniment.hit"
_PROBES = {"ops.healthz"}
_VERIFYING = {
    "verifications.create_batch",
    "verifications.create_verification",
    "site.verify_file",
    "record.verification",
    "record.evidence_package",
}
_READING = {"GET", "HEAD", "OPTIONS"}


class ReadCounter:
    """Counts a read of somebody without an API key, before Flask."""

    def __init__(self, allowance: Allowance, proxies: tuple[Network, ...]) -> None:
        self._allowance = allowance
        # What an address counts as does not change, and reading it costs as much as counting.
        self._client = lru_cache(4096)(partial(_client_at, proxies))

    def __call__(self, environ: "WSGIEnvironment") -> Hit:
        """The request as it was counted; Flask does not count it again."""
        client = self._client(environ.get("REMOTE_ADDR"), environ.get("HTTP_X_FORWARDED_FOR"))
        hit: Hit = self._allowance.hit(READS, client)
        environ[_HIT] = hit
        return hit


def limit_requests(app: Flask, allowance: Allowance) -> None:
    """Have the application refuse what is too much."""

    @app.before_request
    def _counted() -> None:
        hit: Hit | None = request.environ.get(_HIT)
        kind = _kind()
        if hit is None and kind is not None:
            hit = request.environ[_HIT] = allowance.hit(kind, _client())
        if hit is not None and hit.is_over:
            raise TooManyRequests(
                f"{hit.amount} {hit.kind} in a minute are what one client may ask for.",
                retry_after=hit.seconds_left,
            )

    @app.after_request
    def _told(response: Response) -> Response:
        hit: Hit | None = request.environ.get(_HIT)
        if hit is not None:
            response.headers.extend(hit.fields())
        return response


def _kind() -> str | None:
    if request.endpoint in _PROBES:
        return None
    if request.endpoint in _VERIFYING and request.method not in {"HEAD", "OPTIONS"}:
        return VERIFICATIONS
    return READS if request.method in _READING else WRITES


def _client() -> str:
    key_id = known_key_id()
    if key_id is not None:
        return f"key:{key_id}"
    told = request.environ.get("REMOTE_ADDR"), request.environ.get("HTTP_X_FORWARDED_FOR")
    return _client_at(current_door().proxies, *told)


def _client_at(proxies: tuple[Network, ...], peer: str | None, forwarded: str | None) -> str:
    environ = {"REMOTE_ADDR": peer or ""}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    return f"address:{network_of(client_address(environ, proxies))}"
