# SPDX-License-Identifier: Apache-2.0
"""Asks one timestamp authority for one token, bounded in bytes and time.

An authority's URL is the operator's own setting, so the address guard does not apply to it. For
the same reason no redirect is followed: that address would be somebody else's choice. What comes
is handed on as it is; whether it is a good token is for `archive.proofs.timestamp` to say.
"""

import ssl
from dataclasses import dataclass
from ipaddress import ip_address

from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    decode_timestamp_response,
)
from rfc3161_client.tsp import PKIStatus

from archive.errors import TimestampRefused, TimestampUnavailable
from archive.net.connection import Endpoint, client_tls_context, connect
from archive.net.deadline import Deadline
from archive.net.failures import MalformedResponse, TooLarge, TransferError
from archive.net.head import header_values
from archive.net.receiving import ExchangeLimits, Response
from archive.net.resolver import Resolver, SystemResolver
from archive.net.url import CaptureUrl, parse_capture_url

RESPONSE_BYTES_LIMIT = 256 * 1024
_QUERY_TYPE = "application/timestamp-query"
_REPLY_TYPE = "application/timestamp-reply"
_OK, _TOO_MANY, _REQUEST_TIMEOUT, _FIRST_SERVER_ERROR = 200, 429, 408, 500
_STATUS_TEXT_LIMIT = 200


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What the client says of itself, and the seconds that one answer may take in all."""

    user_agent: str
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What an authority answered with status *granted*, or what is no response, and the nonce."""

    response: bytes
    nonce: int


class Rfc3161Client:
    """Asks authorities. Threads may share one; each question has a connection of its own."""

    def __init__(
        self,
        settings: ClientSettings,
        resolver: Resolver | None = None,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._resolver = resolver or SystemResolver()
        self._tls_context = tls_context

    def ask(self, url: str, message: bytes, *, is_strong: bool = False) -> Answer:
        """The answer about SHA-256 of the message, or SHA-512 if it is to be strong.

        Raises TimestampRefused, TimestampUnavailable, and MalformedUrl for the URL.
        """
        place = parse_capture_url(url)
        algorithm = HashAlgorithm.SHA512 if is_strong else HashAlgorithm.SHA256
        query = TimestampRequestBuilder(message, algorithm).build()
        response = _checked(place, self._exchange(place, query.as_bytes()))
        _require_granted(place, response)
        return Answer(response, query.nonce or 0)

    def relay(self, url: str, query: bytes) -> bytes:
        """The answer to a TimeStampReq in DER that somebody else made. Raises as `ask`."""
        place = parse_capture_url(url)
        response = _checked(place, self._exchange(place, query))
        _require_granted(place, response)
        return response

    def _exchange(self, place: CaptureUrl, query: bytes) -> Response:
        deadline = Deadline(self._settings.timeout_seconds)
        limits = ExchangeLimits(self._settings.timeout_seconds, RESPONSE_BYTES_LIMIT)
        try:
            connection = connect(
                self._endpoint(place, deadline), deadline, self._settings.timeout_seconds
            )
            try:
                return connection.exchange(self._request(place, query), deadline, limits)
            finally:
                connection.close()
        except TransferError as error:
            raise TimestampUnavailable(f"{place.host}: {error}") from error

    def _endpoint(self, place: CaptureUrl, deadline: Deadline) -> Endpoint:
        try:
            addresses = [ip_address(place.host)]
        except ValueError:
            found = self._resolver.resolve(place.host, deadline)
            addresses = [ip_address(one) for one in found]
        tls = None
        if place.scheme == "https":
            tls = self._tls_context = self._tls_context or client_tls_context()
        return Endpoint(place.host, place.port, addresses, tls)

    def _request(self, place: CaptureUrl, query: bytes) -> bytes:
        lines = (
            f"POST {place.target} HTTP/1.1",
            f"Host: {place.host_header}",
            f"User-Agent: {self._settings.user_agent}",
            f"Content-Type: {_QUERY_TYPE}",
            f"Content-Length: {len(query)}",
            f"Accept: {_REPLY_TYPE}",
            "Connection: close",
            "",
            "",
        )
        return "\r\n".join(lines).encode("ascii") + query


def _checked(place: CaptureUrl, response: Response) -> bytes:
    """The body of a whole answer that says it is a timestamp's."""
    if isinstance(response.failure, MalformedResponse | TooLarge):
        raise TimestampRefused(f"{place.host}: {response.failure}")
    if response.failure is not None or response.head is None:
        why = response.failure or "no answer"
        raise TimestampUnavailable(f"{place.host}: {why}")
    status = response.head.status
    if status in {_TOO_MANY, _REQUEST_TIMEOUT} or status >= _FIRST_SERVER_ERROR:
        raise TimestampUnavailable(f"{place.host} answers with status {status}")
    if status != _OK:
        raise TimestampRefused(f"{place.host} answers with status {status}")
    given = header_values(response.head.headers, "content-type")
    kinds = {value.partition(";")[0].strip().lower() for value in given}
    if kinds != {_REPLY_TYPE}:
        said = ", ".join(sorted(kinds))[:_STATUS_TEXT_LIMIT] or "nothing"
        raise TimestampRefused(f"{place.host} answers with {said!a}, not with {_REPLY_TYPE}")
    return response.payload


def _require_granted(place: CaptureUrl, response: bytes) -> None:
    """Raise TimestampRefused for a well-formed answer that grants nothing."""
    try:
        decoded = decode_timestamp_response(response)
        status, words = decoded.status, decoded.status_string
    except ValueError:
        return  # no response in strict DER: the judge names that, and the bytes are at hand
    if status != PKIStatus.GRANTED:
        said = "; ".join(words)[:_STATUS_TEXT_LIMIT]
        raise TimestampRefused(f"{place.host} grants no token (status {status}): {said!a}")
