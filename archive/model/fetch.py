# SPDX-License-Identifier: Apache-2.0
"""What one look at a URL brought: the exchanges on the wire, and how it ended."""

import datetime as dt
import enum
from dataclasses import dataclass
from functools import cached_property

from archive.digests import sha256_hex


class FetchEnd(enum.StrEnum):
    """How the transfer ended, before anyone judges the content."""

    COMPLETE = "complete"
    UNRESOLVED = "unresolved"
    UNREACHABLE = "unreachable"
    TLS_FAILED = "tls-failed"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    TOO_LARGE = "too-large"
    TOO_MANY_REDIRECTS = "too-many-redirects"
    REDIRECT_REFUSED = "redirect-refused"
    MALFORMED_RESPONSE = "malformed-response"


@dataclass(frozen=True)
class Exchange:
    """One request and its response, as bytes on the wire (after TLS).

    `response_head` is the header block byte for byte, with its closing blank line; empty when
    nothing came. `response_body` is what followed it, transfer coding (chunks) and all;
    `payload` is the same with the transfer coding undone, still content-coded.
    """

    url: str
    requested_at: dt.datetime
    received_at: dt.datetime
    remote_address: str | None
    tls_leaf_sha256: str | None
    request: bytes
    response_head: bytes
    response_body: bytes
    payload: bytes
    status: int | None
    headers: tuple[tuple[str, str], ...]

    @cached_property
    def payload_sha256(self) -> str:
        """The digest of the payload, taken once for all who need it."""
        return sha256_hex(self.payload)

    def header(self, name: str) -> str | None:
        """The first value of a response header (names compare without case), or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class Fetch:
    """All exchanges of one look at a URL, redirect hops first, and how it ended.

    `body` is the last payload with its content coding undone; equal to `payload` when there is
    none. `coding_flaw` says why a declared coding was not undone, so that `body` is the payload as
    it came: `content-encoding-mismatch` (not coded as declared), `content-encoding-not-undone`
    (a partial transfer, or too large when decoded).
    """

    url: str
    started_at: dt.datetime
    exchanges: tuple[Exchange, ...]
    end: FetchEnd
    detail: str
    body: bytes
    codings: tuple[str, ...]
    coding_flaw: str | None

    @property
    def last(self) -> Exchange | None:
        """The final exchange, or None when no connection was made."""
        return self.exchanges[-1] if self.exchanges else None

    @property
    def final_url(self) -> str:
        """The URL of the last exchange, or the one asked for."""
        return self.exchanges[-1].url if self.exchanges else self.url
