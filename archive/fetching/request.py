# SPDX-License-Identifier: Apache-2.0
"""What a fetch is allowed to cost and what it says about itself, and the request bytes it sends."""

from dataclasses import dataclass

from archive.errors import SettingsError
from archive.net.url import CaptureUrl

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """Limits and request headers of every fetch. Which addresses may be reached is the guard's."""

    user_agent: str = "Muniment/0.1"
    """Sent as User-Agent; name the operator and a contact address here."""

    accept_language: str = "en"
    """Sent as Accept-Language; part of the vantage that a capture records."""

    total_timeout_seconds: float = 60.0
    """Seconds for the whole fetch, look-ups and redirects included."""

    connect_timeout_seconds: float = 10.0
    """Seconds for one connection, TLS included."""

    read_timeout_seconds: float = 20.0
    """Seconds without a single byte from the server."""

    wire_bytes_limit: int = 64 * _MEBIBYTE
    """Bytes received in one fetch, heads and redirect hops included."""

    decoded_bytes_limit: int = 128 * _MEBIBYTE
    """Bytes of the body once its content coding is undone."""

    decoding_ratio_limit: int = 200
    """Decoded bytes per received byte; counts from 8 MiB of decoded bytes on."""

    redirect_limit: int = 10
    """Redirects followed in one fetch."""

    def __post_init__(self) -> None:
        for name in ("user_agent", "accept_language"):
            value = getattr(self, name)
            if not (value and value.isascii() and value.isprintable()):
                raise SettingsError(f"fetch.{name}: use printable ASCII characters on one line")


def request_bytes(url: CaptureUrl, settings: FetchSettings, more: tuple[str, ...] = ()) -> bytes:
    """The GET request for a URL, byte for byte as it is sent, with `more` header lines.

    No coding is asked for (`identity`), so that the body as received and as saved are the same
    bytes wherever the server complies. No cookie, no credentials, no referrer.
    """
    lines = (
        f"GET {url.target} HTTP/1.1",
        f"Host: {url.host_header}",
        f"User-Agent: {settings.user_agent}",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        f"Accept-Language: {settings.accept_language}",
        "Accept-Encoding: identity",
        *more,
        "Connection: keep-alive",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii")
