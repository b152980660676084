# SPDX-License-Identifier: Apache-2.0
"""Response headers that several doors share, as plain pairs: digests, caching, security.

Nothing here knows Flask, so that the thin path and the Flask path send the same ones.
"""

import re
from collections.abc import Iterable

from archive.digests import base64_of

HeaderList = list[tuple[str, str]]

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# The one page with a script, which is the archive's own and asks the archive alone.
DESK_POLICY = f"{PAGE_POLICY}; script-src 'self'; connect-src 'self'"
# Archived bytes never run, load or submit anything in the archive's own origin.
ARCHIVED_POLICY = "sandbox; default-src 'none'"
SECURITY: tuple[tuple[str, str], ...] = (
    ("Content-Security-Policy", PAGE_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    (
        "Permissions-Policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
)
# What is not public stays with the pages of this origin.
OWN: tuple[tuple[str, str], ...] = (("Cross-Origin-Resource-Policy", "same-origin"),)
# What is public may be read by any page; the headers that carry evidence are shown to it.
PUBLIC: tuple[tuple[str, str], ...] = (
    ("Access-Control-Allow-Origin", "*"),
    (
        "Access-Control-Expose-Headers",
        (
            "Link, ETag, Repr-Digest, Content-Digest, Content-Location, Content-Range, Location, "
            "RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
        ),
    ),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
)
# A page of another origin may ask conditionally and for ranges, and do nothing but read.
PREFLIGHT: tuple[tuple[str, str], ...] = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, HEAD"),
    ("Access-Control-Allow-Headers", "Accept, If-None-Match, If-Range, Range"),
    ("Access-Control-Max-Age", "86400"),
)
REVALIDATE = "public, no-cache"
# What never changes may still be restricted or withdrawn, which caches must notice in time.
SETTLED = "public, max-age=3600"
PRIVATE = "private, no-store"
TOMBSTONE = "public, max-age=60"

_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(?:; charset=[A-Za-z0-9_.:-]{1,40})?"
)
_NOT_IN_304 = frozenset({"content-type", "content-length"})


def digest_field(sha256: str) -> str:
    """A hex SHA-256 as a `Repr-Digest` or `Content-Digest` field (RFC 9530)."""
    return f"sha-256=:{base64_of(sha256)}:"


def safe_media_type(recorded: str) -> str:
    """The media type that an origin sent, or the one of unknown bytes when it is no media type."""
    return recorded if _MEDIA_TYPE.fullmatch(recorded) else "application/octet-stream"


def link(target: str, relation: str, media_type: str | None = None) -> str:
    """One link of a `Link` field (RFC 8288); target and type are of the archive's own making."""
    typed = f'; type="{media_type}"' if media_type else ""
    return f'<{target}>; rel="{relation}"{typed}'


def not_modified(headers: Iterable[tuple[str, str]]) -> HeaderList:
    """Those of the headers that a 304 carries (RFC 9110, 15.4.5)."""
    return [(name, value) for name, value in headers if name.lower() not in _NOT_IN_304]
