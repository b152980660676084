# SPDX-License-Identifier: Apache-2.0
"""HTTP capture: follows a URL to its document and keeps every exchange on the way.

Each hop is parsed, resolved, vetted and pinned anew. What goes wrong on the wire is a result
with its bytes, never an exception: a failed look is evidence too.
"""

import datetime as dt
import ssl
import types
import weakref
from dataclasses import dataclass
from typing import Self

from archive.clock import Clock
from archive.errors import AddressRefused, InputTooLarge, MalformedUrl, UndecodableBody
from archive.fetching.connections import IdleConnections
from archive.fetching.request import FetchSettings, request_bytes
from archive.model.fetch import Exchange, Fetch, FetchEnd
from archive.net.codings import DecodingLimits, content_codings, undo_content_coding
from archive.net.connection import (
    Connection,
    Endpoint,
    client_tls_context,
    connect,
    offer_http1_only,
)
from archive.net.deadline import Deadline
from archive.net.failures import (
    MalformedResponse,
    TimedOut,
    TlsFailed,
    TooLarge,
    TransferError,
    Truncated,
    Unreachable,
    Unresolved,
)
from archive.net.guard import AddressGuard
from archive.net.head import HEAD_BYTES_LIMIT
from archive.net.receiving import ExchangeLimits, Response
from archive.net.resolver import Resolver, SystemResolver
from archive.net.url import CaptureUrl, parse_capture_url, resolve_location

__all__ = ["CODING_MISMATCH", "CODING_NOT_UNDONE", "FetchSettings", "HttpFetcher"]

CODING_MISMATCH = "content-encoding-mismatch"
CODING_NOT_UNDONE = "content-encoding-not-undone"

_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_ENDS: dict[type[TransferError], FetchEnd] = {
    Unresolved: FetchEnd.UNRESOLVED,
    Unreachable: FetchEnd.UNREACHABLE,
    TlsFailed: FetchEnd.TLS_FAILED,
    TimedOut: FetchEnd.TIMEOUT,
    Truncated: FetchEnd.TRUNCATED,
    TooLarge: FetchEnd.TOO_LARGE,
    MalformedResponse: FetchEnd.MALFORMED_RESPONSE,
}


@dataclass(frozen=True, slots=True)
class _Stop:
    """How a fetch ended, and the sentence that says so."""

    end: FetchEnd
    detail: str


@dataclass(frozen=True, slots=True)
class _Look:
    """What one fetch brought, before its last body is decoded."""

    asked: CaptureUrl
    started_at: dt.datetime
    exchanges: tuple[Exchange, ...]
    stop: _Stop


@dataclass(frozen=True, slots=True)
class _Wish:
    """What one exchange asks for beside the usual, and the bytes that its answer may have."""

    header_lines: tuple[str, ...] = ()
    wire_bytes: int | None = None


_PLAIN = _Wish()


class HttpFetcher:
    """Fetches URLs over HTTP/1.1. Threads may share one; close it to drop idle connections."""

    def __init__(
        self,
        settings: FetchSettings,
        guard: AddressGuard,
        clock: Clock,
        resolver: Resolver | None = None,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._guard = guard
        self._clock = clock
        self._resolver = resolver if resolver is not None else SystemResolver()
        self._tls_context = tls_context
        if tls_context is not None:
            offer_http1_only(tls_context)
        self._idle = IdleConnections()
        # Whoever forgets `close` leaks no socket.
        weakref.finalize(self, self._idle.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes idle connections; the fetcher can still be used."""
        self._idle.close()

    def fetch(self, url: str) -> Fetch:
        """One look at a URL: all exchanges, redirect hops first, and how it ended.

        Raises MalformedUrl or AddressRefused when the URL asked for cannot or must not be
        fetched; then nothing was sent. All later trouble, refused redirects included, is the
        fetch's `end`, with a `detail` for people.
        """
        asked = parse_capture_url(url)
        started_at = self._clock.now()
        exchanges: list[Exchange] = []
        stop = self._follow(asked, exchanges)
        return self._decoded(_Look(asked, started_at, tuple(exchanges), stop))

    def fetch_one(self, url: str, span: tuple[int, int] | None = None) -> Fetch:
        """One exchange, whatever it answers: a redirect is kept and not followed.

        With a `span` (first byte, number of bytes) that range is asked for (RFC 9110 section 14),
        and an answer that is much longer is cut off before its body is read through. Raises as
        `fetch`.
        """
        asked = parse_capture_url(url)
        started_at = self._clock.now()
        wish = _PLAIN
        if span is not None:
            first, length = span
            line = f"Range: bytes={first}-{first + length - 1}"
            wish = _Wish((line,), length + HEAD_BYTES_LIMIT)
        deadline = Deadline(self._settings.total_timeout_seconds)
        try:
            exchange, failure = self._exchange(asked, [], deadline, wish)
        except TransferError as error:
            return self._decoded(
                _Look(asked, started_at, (), _Stop(_ENDS[type(error)], str(error)))
            )
        stop = _Stop(FetchEnd.COMPLETE, "the response was received whole")
        if failure is not None:
            stop = _Stop(_ENDS[type(failure)], str(failure))
        return self._decoded(_Look(asked, started_at, (exchange,), stop))

    def _follow(self, asked: CaptureUrl, exchanges: list[Exchange]) -> _Stop:
        deadline = Deadline(self._settings.total_timeout_seconds)
        current = asked
        seen = {asked.href}
        while True:
            try:
                exchange, failure = self._exchange(current, exchanges, deadline)
            except AddressRefused as error:
                if not exchanges:
                    raise
                return _Stop(FetchEnd.REDIRECT_REFUSED, f"redirect refused: {error}")
            except TransferError as error:
                return _Stop(_ENDS[type(error)], str(error))
            exchanges.append(exchange)
            if failure is not None:
                return _Stop(_ENDS[type(failure)], str(failure))
            location = exchange.header("location")
            if exchange.status not in _REDIRECT_STATUSES or not location:
                return _Stop(FetchEnd.COMPLETE, "the response was received whole")
            try:
                current = resolve_location(current, location)
            except MalformedUrl as error:
                return _Stop(FetchEnd.REDIRECT_REFUSED, f"redirect refused: {error}")
            if current.href in seen:
                return _Stop(FetchEnd.TOO_MANY_REDIRECTS, "the redirects lead in a circle")
            if len(seen) > self._settings.redirect_limit:
                return _Stop(
                    FetchEnd.TOO_MANY_REDIRECTS,
                    f"there are more than {self._settings.redirect_limit} redirects",
                )
            seen.add(current.href)

    def _exchange(
        self,
        url: CaptureUrl,
        earlier: list[Exchange],
        deadline: Deadline,
        wish: _Wish = _PLAIN,
    ) -> tuple[Exchange, TransferError | None]:
        spent = sum(len(hop.response_head) + len(hop.response_body) for hop in earlier)
        limits = ExchangeLimits(
            read_timeout_seconds=self._settings.read_timeout_seconds,
            wire_bytes=max(0, (wish.wire_bytes or self._settings.wire_bytes_limit) - spent),
        )
        request = request_bytes(url, self._settings, wish.header_lines)
        origin = (url.scheme, url.host, url.port)
        connection = self._idle.take(origin)
        was_idle = connection is not None
        while True:
            if connection is None:
                connection = self._connected(url, deadline)
            requested_at = self._clock.now()
            try:
                response = connection.exchange(request, deadline, limits)
            except BaseException:
                connection.close()
                raise
            received_at = self._clock.now()
            self._idle.give_back(origin, connection)
            # A server may close an idle connection just as it is used again (RFC 9112 9.3.1);
            # GET is safe to repeat, once, on a new one.
            if was_idle and isinstance(response.failure, Unreachable):
                connection, was_idle = None, False
                continue
            exchange = _exchange_of(url, connection, request, response, (requested_at, received_at))
            return exchange, response.failure

    def _connected(self, url: CaptureUrl, deadline: Deadline) -> Connection:
        addresses = self._guard.resolve_and_vet(url.host, url.port, self._resolver, deadline)
        endpoint = Endpoint(
            host=url.host,
            port=url.port,
            addresses=addresses,
            tls=self._client_tls() if url.scheme == "https" else None,
        )
        return connect(endpoint, deadline, self._settings.connect_timeout_seconds)

    def _client_tls(self) -> ssl.SSLContext:
        # Reading the machine's authorities takes longer than a fetch, so once, when needed.
        if self._tls_context is None:
            self._tls_context = client_tls_context()
        return self._tls_context

    def _decoded(self, look: _Look) -> Fetch:
        last = look.exchanges[-1] if look.exchanges else None
        payload = last.payload if last else b""
        codings = content_codings(last.headers) if last else ()
        limits = DecodingLimits(
            decoded_bytes=self._settings.decoded_bytes_limit,
            ratio=self._settings.decoding_ratio_limit,
        )
        body, flaw, stop = payload, None, look.stop
        try:
            body = undo_content_coding(payload, codings, limits)
        except UndecodableBody:
            flaw = CODING_MISMATCH if stop.end is FetchEnd.COMPLETE else CODING_NOT_UNDONE
        except InputTooLarge as error:
            flaw = CODING_NOT_UNDONE if codings else None
            if stop.end is FetchEnd.COMPLETE:
                stop = _Stop(FetchEnd.TOO_LARGE, str(error))
        return Fetch(
            url=look.asked.href,
            started_at=look.started_at,
            exchanges=look.exchanges,
            end=stop.end,
            detail=stop.detail,
            body=body,
            codings=codings,
            coding_flaw=flaw,
        )


def _exchange_of(
    url: CaptureUrl,
    connection: Connection,
    request: bytes,
    response: Response,
    times: tuple[dt.datetime, dt.datetime],
) -> Exchange:
    return Exchange(
        url=url.href,
        requested_at=times[0],
        received_at=times[1],
        remote_address=connection.address,
        tls_leaf_sha256=connection.tls_leaf_sha256,
        request=request,
        response_head=response.head_bytes,
        response_body=response.body_bytes,
        payload=response.payload,
        status=response.head.status if response.head else None,
        headers=response.head.headers if response.head else (),
    )
